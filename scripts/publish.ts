/**
 * `npx tidemark publish`: how the online stores of a region do; with `--store X --all` everything is published to one of them anew.
 * Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 paused before the end, or something is wrong with a store.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { StorePublishing } from '../src/online/index.ts'
import { IngestClient } from './lib/ingest-client.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { type Options, parseOptions } from './publish/options.ts'
import { storesText } from './publish/render.ts'
import { Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, unfinished: 3 } as const
const LOOK_MS = 500

interface Answer {
  readonly region: string
  readonly stores: readonly StorePublishing[]
}

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark publish: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  const client = new IngestClient(options.at, fetch)
  const { store, all, json, at } = options
  const answer = await client.ask<Answer>('GET', '/v1/stores')
  const known = answer.stores.map((one) => one.store)
  if (store !== undefined && !known.includes(store))
    throw new UsageError(`there is no online store ${store}; there are: ${known.join(', ') || 'none'}.`)
  if (store !== undefined && all) return await publishAll(client, { ...options, store }, answer)
  const stores = answer.stores.filter((one) => store === undefined || one.store === store)
  if (json) console.log(JSON.stringify({ region: answer.region, stores }))
  else console.log(storesText(stores, `${answer.region} at ${at.url}`, paint(process.stdout), Date.now()))
  return stores.some(({ problems }) => problems.length > 0) ? EXIT.unfinished : 0
}

/** Starts, or goes on where it was stopped, and waits until the store has been told of everything. */
async function publishAll(client: IngestClient, options: Options & { store: string }, before: Answer): Promise<number> {
  const { store, json, detach } = options
  const say = (text: string): void => {
    if (!json) console.log(text)
  }
  const find = ({ stores }: Answer) => stores.find((one) => one.store === store) as StorePublishing
  const isUnderWay = isListing(find(before)) && find(before).paused > 0
  const answer = await client.ask<Answer>('POST', `/v1/stores/${store}/${isUnderWay ? 'resume' : 'publish'}`)
  say(`${isUnderWay ? 'Going on with' : 'Publishing'} every entity of ${answer.region} to ${store}.`)
  if (detach) return finish(find(answer), json)

  let isStopped = false
  const stop = (): void => {
    isStopped = true
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const progress = json
    ? null
    : new Progress(process.stderr, Math.max(1, find(answer).pages.all), () => Date.now(), 'pages')
  let now = find(answer)
  while (!isStopped && (isListing(now) || now.waiting > 0)) {
    await pause(LOOK_MS)
    now = find(await client.ask<Answer>('GET', '/v1/stores'))
    progress?.update(Math.min(now.pages.done, now.pages.all))
  }
  if (isStopped && isListing(now)) {
    now = find(await client.ask<Answer>('POST', `/v1/stores/${store}/pause`))
    console.error(`\nPaused. npx tidemark publish --store ${store} --all goes on from there.`)
    finish(now, json)
    return EXIT.unfinished
  }
  return finish(now, json)
}

const isListing = ({ pages }: StorePublishing): boolean => pages.done < pages.all

function finish(now: StorePublishing, json: boolean): number {
  if (json) console.log(JSON.stringify(now))
  else if (!isListing(now)) console.log(`${now.store} has been told of everything.`)
  for (const problem of now.problems) console.error(`  ${problem}`)
  return now.problems.length > 0 ? EXIT.unfinished : 0
}
