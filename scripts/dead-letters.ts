/**
 * `npx tidemark dead-letters [list|show ID|replay|drop]`: what was refused, and what becomes of it. Exit codes: 0 done, 1 it
 * failed, 2 the command line is wrong, 3 a replay went to its end and some of its letters stay.
 */

import { DeadLettersClient } from './dead-letters/client.ts'
import { type Options, parseOptions } from './dead-letters/options.ts'
import { letterText, listText } from './dead-letters/render.ts'
import { confirmed } from './lib/confirmed.ts'
import { IngestClient } from './lib/ingest-client.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import { grouped, Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, someStay: 3 } as const

try {
  const options = parseOptions(process.argv.slice(2))
  const client = new DeadLettersClient(new IngestClient(options.address, fetch))
  process.exitCode = await run(options, client)
} catch (error) {
  console.error(`tidemark dead-letters: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options, client: DeadLettersClient): Promise<number> {
  const { json } = options
  switch (options.command) {
    case 'list': {
      const list = await client.list(options.filter, options.limit)
      console.log(json ? JSON.stringify(list) : listText(list, where(options), paint(process.stdout), Date.now()))
      return 0
    }
    case 'show': {
      const letter = await client.get(options.ids[0] ?? '', options.filter.source)
      console.log(json ? JSON.stringify(letter) : letterText(letter, paint(process.stdout)))
      return 0
    }
    case 'replay':
      return await replay(options, client)
    case 'drop':
      return await drop(options, client)
  }
}

function where({ address, filter }: Options): string {
  return `${filter.source === undefined ? 'all sources' : filter.source} at ${address.url}`
}

async function replay({ filter, ids, json }: Options, client: DeadLettersClient): Promise<number> {
  const source = filter.source ?? ''
  const total = ids.length > 0 ? ids.length : (await client.list(filter, 0)).matching
  const progress = new Progress(process.stderr, total, () => performance.now(), 'letters')
  const sum = { replayed: 0, duplicates: 0, forwarded: 0, refusedAgain: 0, notReplayable: 0 }
  for await (const part of client.replay({ ...filter, source }, ids)) {
    for (const name of ['replayed', 'duplicates', 'refusedAgain', 'notReplayable'] as const) sum[name] += part[name]
    sum.forwarded += part.forwarded ?? 0
    if (total > 0 && !json) progress.update(Math.min(total, Math.max(0, total - part.remaining)))
  }
  const stay = sum.refusedAgain + sum.notReplayable
  if (json) console.log(JSON.stringify(sum))
  else {
    console.log(`${grouped(sum.replayed)} counted now, ${grouped(sum.duplicates)} were counted already.`)
    if (sum.forwarded > 0) console.log(`${grouped(sum.forwarded)} are on their way to the region that keeps them.`)
    if (sum.refusedAgain > 0)
      console.log(`${grouped(sum.refusedAgain)} were refused again and stay, with their newest reason.`)
    if (sum.notReplayable > 0)
      console.log(`${grouped(sum.notReplayable)} stay because they are no JSON, or only a part of them was kept.`)
  }
  return stay > 0 ? EXIT.someStay : 0
}

async function drop({ filter, ids, json, yes }: Options, client: DeadLettersClient): Promise<number> {
  const source = filter.source ?? ''
  const count = ids.length > 0 ? ids.length : (await client.list(filter, 0)).matching
  const what = `${grouped(count)} dead ${count === 1 ? 'letter' : 'letters'}`
  if (count > 0 && !yes && !(await confirmed(`Drop ${what} of ${source}? They cannot be got back. [y/N] `, 'drop'))) {
    console.error('Nothing was dropped.')
    return EXIT.failed
  }
  let dropped = 0
  if (ids.length > 0) for (const id of ids) dropped += await client.dropOne(id, filter.source)
  else if (count > 0) dropped = await client.drop({ ...filter, source }, count)
  console.log(json ? JSON.stringify({ dropped }) : `Dropped ${grouped(dropped)}.`)
  return 0
}
