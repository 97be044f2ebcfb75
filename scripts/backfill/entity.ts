/** The events that an entity lacks which came later than their sources: out of the logs of other entities, through the import door. */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { entityHistory, ID_COLUMN, KNOWN_COLUMN, openLog } from '../../src/offline/node/index.ts'
import type { Plan, SourceRuntime } from '../../src/plan/index.ts'
import type { KnownAtRule } from '../../src/source/index.ts'
import { Bar } from '../import/bar.ts'
import { openFile } from '../import/open.ts'
import { type Reading, sendAll } from '../import/run.ts'
import { Sender } from '../import/send.ts'
import { ImportState } from '../import/state.ts'
import { newTally, type Tally } from '../import/tally.ts'
import { cacheFolder } from '../lib/paths.ts'
import type { Options } from './options.ts'

export interface EntityFill {
  readonly plan: Plan
  readonly entity: string
  readonly region: string
  /** The bucket, as files. */
  readonly folder: string
  readonly options: Options
  readonly isStopped: () => boolean
  readonly say: (text: string) => void
}

/** What became of one source's events. */
export interface SourceFill {
  readonly source: string
  readonly lacking: number
  readonly tally: Tally
}

const BATCH_ROWS = 1_000

/** Fills an entity from every stream that feeds it. Throws `Stopped` when it is interrupted: the same command goes on. */
export async function fillEntity(
  fill: EntityFill,
): Promise<{ readonly filled: readonly SourceFill[]; readonly sinceMs: number }> {
  const { plan, entity, region, folder, say } = fill
  const sources = [...plan.sources.values()].filter(({ routes }) =>
    routes.some((route) => route.entity.spec.name === entity),
  )
  const cannot = sources.find(({ spec, table }) => table !== null || spec.enrich !== undefined)
  if (cannot !== undefined) throw new Error(whyNot(cannot, entity))
  const logs = (await openLog(folder)).filter(({ manifest }) => manifest.shard.region === region)
  const work = join(cacheFolder, 'backfills')
  mkdirSync(work, { recursive: true })
  const filled: SourceFill[] = []
  for (const source of sources) {
    const { name } = source.spec
    const [known, unknown] = ['known', 'unknown'].map((kind) =>
      join(work, `${region}-${entity}-${name}-${kind}.parquet`),
    ) as [string, string]
    const { memoryMb } = fill.options
    const lacking = await entityHistory({
      source,
      entity,
      logs,
      known,
      unknown,
      memoryMb,
      threads: 2,
      temporary: join(work, 'tmp'),
    })
    const count = lacking.known + lacking.unknown
    if (count === 0) say(`${entity} lacks no event of ${name}.`)
    const tally = newTally()
    const to = { entity }
    if (lacking.known > 0) await sendEvents(fill, to, source, known, { kind: 'column', column: KNOWN_COLUMN }, tally)
    if (lacking.unknown > 0) await sendEvents(fill, to, source, unknown, { kind: 'none' }, tally)
    for (const file of [known, unknown]) if (existsSync(file)) rmSync(file)
    filled.push({ source: name, lacking: count, tally })
  }
  // As long as others have been told of such events.
  const sinceMs = Math.min(
    ...logs.filter(({ manifest }) => manifest.shard.entity !== entity).map(({ manifest }) => manifest.bornMs),
  )
  return { filled, sinceMs }
}

function whyNot({ spec, table }: SourceRuntime, entity: string): string {
  const { name } = spec
  if (table !== null)
    return `${entity} is fed by the table ${name}, whose rows only its database tells in their order: let Debezium take a snapshot again (docs/cdc.md).`
  return `${entity} is fed by ${name}, which is enriched: rows would take what its tables hold now. Fill it from a source without enrich.`
}

/** For whom events are: an entity's shards, by all keys or by those of one view. */
export interface SentTo {
  readonly entity: string
  readonly view?: string
}

/** Sends the events of a file to one entity. Throws `Stopped` when it is interrupted. */
export async function sendEvents(
  { options, isStopped }: Pick<EntityFill, 'options' | 'isStopped'>,
  to: SentTo,
  source: SourceRuntime,
  path: string,
  rule: KnownAtRule,
  tally: Tally,
): Promise<void> {
  const { entity } = to
  const { at: address, json, ratePerS } = options
  const file = {
    name: `backfill/${entity}/${source.spec.name}`,
    path,
    bytes: statSync(path).size,
    modifiedMs: 0,
    format: 'parquet',
    isGzip: false,
  } as const
  const wanted = { source: source.spec, map: new Map<string, string>(), rule, toUtc: undefined, idColumn: ID_COLUMN }
  const readings: Reading[] = [{ file, open: await openFile(file, wanted) }]
  // What was taken is in the log of the entity when the command is run again: nothing has to be remembered here.
  const state = new ImportState(
    join(cacheFolder, 'backfills'),
    { url: address.url, source: source.spec.name, knownAt: '', timeZone: undefined, map: [], files: [file] },
    Date.now,
  )
  const bar = new Bar(json ? { write: () => {} } : process.stderr, () => performance.now(), { share: 0, ...tally })
  const pause = (ms: number) => new Promise<void>((next) => setTimeout(next, Math.max(0, ms)))
  const sender = new Sender({
    address,
    source: source.spec.name,
    ...to,
    fetch,
    pause,
    isStopped,
    waiting: (why) => bar.say(`  waiting: ${why}`),
  })
  const advanced = (sum: Tally, share: number) => bar.update({ share, ...sum })
  const running = {
    files: readings,
    batchRows: BATCH_ROWS,
    concurrency: 1,
    rate: ratePerS ?? undefined,
    now: () => performance.now(),
    pause,
    isStopped,
    advanced,
  }
  try {
    await sendAll(running, sender, state, { file: 0, line: 0, share: 0, tally })
    bar.end({ share: 1, ...tally })
  } finally {
    state.forget()
  }
}
