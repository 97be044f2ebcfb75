/**
 * `npx tidemark backfill VIEW`: gives a view that came later the history from before it came, out of the log, while events go on.
 * Exit codes: 0 done, 1 it failed, 2 the command line is wrong, 3 stopped before the end: the same command goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { regions } from '../regions.ts'
import { compareValues } from '../src/engine/index.ts'
import {
  FileObjects,
  HttpObjects,
  KNOWN_COLUMN,
  openLog,
  routeGap,
  type ShardLog,
  shardHistory,
} from '../src/offline/node/index.ts'
import { Plan } from '../src/plan/index.ts'
import type { Backfill, NoBackfill } from '../src/shard/index.ts'
import type { KnownAtRule } from '../src/source/index.ts'
import { toBase64 } from '../src/util/base64.ts'
import { didYouMean } from '../src/util/did-you-mean.ts'
import { fillEntity, sendEvents } from './backfill/entity.ts'
import { type Options, parseOptions } from './backfill/options.ts'
import { Stopped } from './import/send.ts'
import { newTally } from './import/tally.ts'
import { loadDefinitions } from './lib/definitions-file.ts'
import { freshLog } from './lib/fresh-log.ts'
import { IngestClient } from './lib/ingest-client.ts'
import { logEditor } from './lib/log-editor.ts'
import { UsageError } from './lib/usage-error.ts'
import { grouped, Progress } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, unfinished: 3 } as const

/** How the backfill stands in one shard. */
type ShardBackfill = { readonly epoch: number; readonly shard: number } & (Backfill | NoBackfill)

interface Begun {
  readonly region: string
  readonly entity: string
  readonly shards: readonly ShardBackfill[]
}

interface Totals {
  entities: number
  sent: number
  shards: number
}

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark backfill: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  const plan = new Plan(await loadDefinitions(options.definitions))
  const client = new IngestClient(options.at, fetch)
  const say = (text: string): void => {
    if (!options.json) console.log(text)
  }
  const { what } = options
  return 'view' in what
    ? await runView(options, what.view, plan, client, say)
    : await runEntity(options, what.entity, plan, client, say)
}

/** An entity that came later than its sources: the events that others have accepted. */
async function runEntity(
  options: Options,
  entity: string,
  plan: Plan,
  client: IngestClient,
  say: (text: string) => void,
): Promise<number> {
  if (!plan.entities.has(entity))
    throw new UsageError(`there is no entity "${entity}".${didYouMean(entity, [...plan.entities.keys()])}`)
  const { region } = await client.ask<{ readonly region: string }>('POST', '/v1/log/flush')
  const folder = await freshLog(options.log, regions, [...plan.entities.keys()], { token: options.at.token })
  say(`Filling ${region}/${entity} with what other entities of its sources have accepted.`)
  try {
    const { filled, sinceMs } = await fillEntity({
      plan,
      entity,
      region,
      folder,
      options,
      isStopped: () => isStopped,
      say,
    })
    const refused = filled.reduce((sum, { tally }) => sum + tally.refused, 0)
    for (const { source, lacking, tally } of filled)
      if (lacking > 0)
        say(
          `  ${source}: ${grouped(lacking)} events it lacked, ${grouped(tally.accepted)} accepted, ${grouped(tally.duplicates)} known, ${grouped(tally.refused)} refused`,
        )
    const views = plan.spec.views.filter((view) => view.entity === entity).map(({ name }) => name)
    for (const view of views) {
      const { shards } = await client.ask<Begun>('POST', `/v1/backfills/${encodeURIComponent(view)}`, {})
      for (const { shard } of shards.filter((one) => 'refused' in one && one.refused === 'complete'))
        await client.ask('POST', `/v1/backfills/${encodeURIComponent(view)}/${shard}/end`, {
          sinceMs: options.sinceMs ?? sinceMs,
        })
    }
    if (options.json) console.log(JSON.stringify({ entity, region, sources: filled }))
    else say(`${entity} has its history.${refused > 0 ? ' What was refused is among the dead letters.' : ''}`)
    return 0
  } catch (error) {
    if (!isStopped || !(error instanceof Stopped)) throw error
    console.error(`\nStopped. The same command goes on from there: npx tidemark backfill --entity ${entity}`)
    return EXIT.unfinished
  }
}

/** A view that came later than its entity's shards: what each of them lacks. */
async function runView(
  options: Options,
  view: string,
  plan: Plan,
  client: IngestClient,
  say: (text: string) => void,
): Promise<number> {
  const { json, at, log } = options
  const views = plan.spec.views.map(({ name }) => name)
  if (!views.includes(view)) throw new UsageError(`there is no feature view "${view}".${didYouMean(view, views)}`)
  const begun = await client.ask<Begun>('POST', `/v1/backfills/${encodeURIComponent(view)}`, {})
  const { shards, region, entity } = begun
  const cannot = shards.find((shard) => 'refused' in shard && shard.refused !== 'complete')
  if (cannot !== undefined && 'refused' in cannot) throw new Error(`shard ${cannot.shard}: ${cannot.message}`)
  const wanted = shards.filter((shard) => !('refused' in shard) && !shard.isDone)
  if (wanted.length === 0) {
    const isFilled = shards.some((shard) => !('refused' in shard))
    say(`${view} lacks nothing: ${isFilled ? 'it was filled before' : 'it has every row since its shards began'}.`)
    if (json) console.log(JSON.stringify({ view, region, shards: shards.length, entities: 0 }))
    return 0
  }
  // What was accepted up to now has to be in the log: the commit after which the view came is among it.
  await client.ask('POST', '/v1/log/flush')
  // Of all entities: events that the view's shards were never sent are in the logs of others.
  const all = [...plan.entities.keys()]
  const logNow = () => freshLog(log, regions, all, { token: at.token })
  const gap = await fillGap(options, { plan, view, entity, region, folder: await logNow() }, say)
  if (gap > 0) await client.ask('POST', '/v1/log/flush')
  const folder = await logNow()
  const logs = await openLog(folder, { entities: [entity] })
  say(`Filling ${view} in ${wanted.length} of ${shards.length} shards of ${region}/${entity} from its log.`)
  const totals: Totals = { entities: 0, sent: 0, shards: 0 }
  const temporary = mkdtempSync(join(tmpdir(), 'tidemark-backfill-'))
  try {
    for (const shard of wanted) {
      if (!isStopped && !('refused' in shard))
        await fill(client, { plan, view, logs, region, temporary }, options, shard, totals)
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  if (isStopped) {
    console.error(`\nStopped. The same command goes on from there: npx tidemark backfill ${view}`)
    return EXIT.unfinished
  }
  if (json) console.log(JSON.stringify({ view, region, ...totals }))
  else say(`${view} has its history: ${grouped(totals.entities)} entities in ${totals.shards} shards.`)
  return 0
}

interface GapOf {
  readonly plan: Plan
  readonly view: string
  readonly entity: string
  readonly region: string
  readonly folder: string
}

/** What a view lacks whose keys come from another field than those of views before it. Gives how many events and rows that were. */
async function fillGap(
  options: Options,
  { plan, view, entity, region, folder }: GapOf,
  say: (text: string) => void,
): Promise<number> {
  const { at, log, memoryMb } = options
  const isElsewhere = log !== undefined && /^https?:/.test(log)
  const work = mkdtempSync(join(tmpdir(), 'tidemark-gap-'))
  try {
    const objects = isElsewhere ? new HttpObjects(at) : new FileObjects(folder)
    const upkeep = { objects, editor: logEditor(at), folder: work, memoryMb, now: Date.now }
    const { rekeyed, missing } = await routeGap({ ...upkeep, plan, view, region, log: folder })
    if (rekeyed > 0) say(`  ${grouped(rekeyed)} rows are in the log under the keys of ${view}, too.`)
    let events = 0
    for (const { source, path, isUnknown, events: count } of missing) {
      const runtime = plan.sources.get(source)
      if (runtime === undefined) continue
      const tally = newTally()
      const rule: KnownAtRule = isUnknown ? { kind: 'none' } : { kind: 'column', column: KNOWN_COLUMN }
      await sendEvents({ options, isStopped: () => isStopped }, { entity, view }, runtime, path, rule, tally)
      say(
        `  ${source}: ${grouped(count)} events that never came to these keys: ${grouped(tally.accepted)} accepted, ${grouped(tally.refused)} refused`,
      )
      events += count
    }
    return rekeyed + events
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

interface From {
  readonly plan: Plan
  readonly view: string
  readonly logs: readonly ShardLog[]
  readonly region: string
  readonly temporary: string
}

/** One shard: the pieces that it does not have yet, in their order, then the end. */
async function fill(
  client: IngestClient,
  { plan, view, logs, region, temporary }: From,
  { json, sinceMs, ratePerS, memoryMb }: Options,
  { epoch, shard, cut, takenOutUpTo, upTo }: Extract<ShardBackfill, { cut: number }>,
  totals: Totals,
): Promise<void> {
  const history = await shardHistory({
    plan,
    view,
    logs,
    region,
    epoch,
    shard,
    cut,
    takenOutUpTo,
    temporary,
    memoryMb,
    threads: 2,
  })
  const path = `/v1/backfills/${encodeURIComponent(view)}/${shard}`
  const progress = json
    ? null
    : new Progress(process.stderr, Math.max(1, history.entities), () => Date.now(), `entities of shard ${shard}`)
  const startedMs = Date.now()
  let done = 0
  let sent = 0
  try {
    let after = upTo
    for await (const cells of history.pieces()) {
      if (isStopped) return
      const lacking = after === null ? cells : cells.filter(({ key }) => compareValues(key, after as string) > 0)
      const last = lacking.at(-1)?.key
      if (last !== undefined) {
        const body = { after, cells: lacking.map(({ key, state }) => ({ key, state: toBase64(state) })) }
        await client.ask('POST', `${path}/pieces`, body)
        after = last
        sent += lacking.length
        const earlyMs = ratePerS === null ? 0 : startedMs + (sent / ratePerS) * 1_000 - Date.now()
        if (earlyMs > 0) await new Promise((go) => setTimeout(go, earlyMs))
      }
      done += cells.length
      progress?.update(Math.min(done, history.entities - 1))
    }
    await client.ask('POST', `${path}/end`, { sinceMs: sinceMs ?? history.sinceMs })
    progress?.update(Math.max(1, history.entities))
    totals.entities += done
    totals.sent += sent
    totals.shards++
  } finally {
    history.close()
  }
}
