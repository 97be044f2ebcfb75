import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeKey } from '../../src/contract/index.ts'
import type { DefinitionsSpec, FeatureSpec, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import {
  type LoggedRow,
  type LogShard,
  MANIFEST_FORMAT,
  type Manifest,
  manifestKey,
  type Segment,
  SegmentBuilder,
  segmentKey,
  sha256,
  writeManifest,
} from '../../src/offline/index.ts'
import { FileObjects } from '../../src/offline/node/index.ts'
import { shardOf } from '../../src/plan/index.ts'
import type { Random } from './random.ts'
import { ACTIVITY } from './shards.ts'
import { randomFields, randomView } from './streams.ts'

/**
 * A log with all that a training set may meet: two entities, one with a composite key of integers beyond 2^53, a stream of all
 * types, a table whose rows are taken out, two regions, an epoch that was handed over and went on in vain, rows that were
 * imported, an older contract, and one entity that has most of it all.
 */
export interface RichLog {
  readonly spec: DefinitionsSpec
  readonly labels: string
  readonly folder: string
  readonly rows: number
}

const NOW = Date.UTC(2026, 0, 1)
const USERS = ['hot', 'u,2', '', '\u{1f600}', '\uffee', 'u6', 'u7', 'u8']
const DEALS = [2n ** 62n + 1n, 2n ** 62n + 2n, -(2n ** 53n) - 1n, 7n]
const SEGMENT_ROWS = 700

const deal = { name: 'deal', type: 'int64', nullable: true, optional: true } as const
const stream: SourceSpec = { ...ACTIVITY, fields: [...ACTIVITY.fields, deal] }
const olderStream: SourceSpec = { ...ACTIVITY, fields: stream.fields.filter(({ name }) => name !== 'price') }
const table: SourceSpec = { ...ACTIVITY, name: 'profiles', changes: { key: ['id'] } }
/** Not in the definitions any more: its rows raise marks. */
const gone: SourceSpec = { ...ACTIVITY, name: 'gone', fields: ACTIVITY.fields.slice(0, 4) }

const LIFETIME = { kind: 'lifetime' } as const
/** A value of each type, and a list of it. */
const EACH_TYPE: readonly FeatureSpec[] = [
  ...['kind', 'amount', 'units', 'account', 'ok', 'seen', 'price', 'tags', 'embedding'].map((field) => ({
    name: `latest_${field}`,
    aggregate: 'latest',
    field,
    window: LIFETIME,
  })),
  ...['kind', 'amount', 'units', 'account', 'ok', 'seen', 'price'].map((field) => ({
    name: `last_${field}`,
    aggregate: 'lastN',
    field,
    options: { n: 3 },
    window: LIFETIME,
  })),
  { name: 'spent', aggregate: 'sum', field: 'price', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } },
  { name: 'kinds', aggregate: 'count', groupBy: { field: 'account', max: 20 }, window: LIFETIME },
]

function definitionsOf(r: Random): DefinitionsSpec {
  const view = (name: string, more: Partial<ViewSpec>, isTable = false): ViewSpec => ({
    ...randomView(r, isTable),
    name,
    allowedLatenessMs: 300_000,
    ...more,
  })
  const views = [
    view('typed', { features: EACH_TYPE }),
    view('acts', {}),
    view('profile', { source: 'profiles' }, true),
    view('deals', { entity: 'deal', key: { user_id: 'uid', deal_id: 'deal' } }),
  ]
  const features = views.flatMap(({ name, features: own }) => own.map((feature) => `${name}.${feature.name}`))
  const user = { name: 'user_id', type: 'string' } as const
  return {
    entities: [
      { name: 'user', keys: [user] },
      { name: 'deal', keys: [user, { name: 'deal_id', type: 'int64' }] },
    ],
    sources: [stream, table],
    views,
    services: [{ name: 'all', version: 1, features, maxStalenessMs: 0 }],
  }
}

interface Place {
  readonly shard: LogShard
  previous: Manifest['previous']
  seq: number
  readonly rows: { readonly contract: SourceSpec; readonly row: LoggedRow }[]
}

const placeOf = (shard: Omit<LogShard, 'regionId'>): Place => ({
  shard: { ...shard, regionId: shard.region === 'weur' ? 1 : 2 },
  previous: null,
  seq: 0,
  rows: [],
})

/** Writes the log and its labels into a folder. */
export async function writeRichLog(r: Random, folder: string, events: number, labels: number): Promise<RichLog> {
  const spec = definitionsOf(r)
  const weur = { entity: 'user', region: 'weur' } as const
  const old = placeOf({ ...weur, epoch: 0, shard: 0, shards: 1 })
  const young = [0, 1].map((shard) => placeOf({ ...weur, epoch: 1, shard, shards: 2 }))
  const far = placeOf({ entity: 'user', region: 'apac', epoch: 0, shard: 0, shards: 1 })
  const deals = [0, 1].map((shard) => placeOf({ entity: 'deal', region: 'weur', epoch: 0, shard, shards: 2 }))
  const user = (key: string, isOld: boolean): Place => (isOld ? old : (young[shardOf(key, 2)] as Place))
  let clock = NOW
  const held: { readonly row: LoggedRow; readonly at: Place }[] = []
  const asked: Record<string, unknown>[] = []
  for (let i = 0; i < events; i++) {
    const isOld = i < events / 3
    clock += r.pick([0, 0, 1, 1_000, 60_000])
    const uid = r.chance(0.6) ? 'hot' : r.pick(USERS)
    const timeMs = clock - (r.chance(0.2) ? r.pick([1, 1_000, 3_600_000]) : 0)
    const known = r.chance(0.05) ? { availableAtMs: timeMs + r.int(0, 60_000) } : null
    const fields: Record<string, unknown> = { id: `e${i}`, uid, friend: uid, at: timeMs, ...randomFields(r) }
    fields.deal = r.chance(0.1) ? null : r.pick(DEALS)
    const add = (at: Place, contract: SourceSpec, key: string, more: Partial<LoggedRow> = {}): LoggedRow => {
      at.seq++
      const values = contract.fields.map(({ name }) => (fields[name] ?? null) as LoggedRow['values'][number])
      const row: LoggedRow = {
        ...{ key, seq: at.seq, timeMs, availableAtMs: clock, sign: 1, id: `e${i}`, row: null, position: null },
        ...{ imported: contract.changes === undefined ? known : null, stamps: null, values },
        ...more,
      }
      at.rows.push({ contract, row })
      return row
    }
    const contract = r.chance(0.2) ? olderStream : stream
    add(r.chance(0.3) ? far : user(uid, isOld), contract, uid)
    if (fields.deal !== null) {
      const key = encodeKey([uid, fields.deal as bigint], ['string', 'int64'])
      add(deals[shardOf(key, 2)] as Place, contract, key)
    }
    if (r.chance(0.1)) add(user(uid, isOld), gone, uid)
    if (r.chance(0.2)) {
      const at = user(uid, isOld)
      const { regionId: region, epoch, shard } = at.shard
      const row = add(at, table, uid, { row: { region, epoch, shard, seq: at.seq + 1 } })
      held.push({ row, at })
    }
    if (held.length > 0 && r.chance(0.15)) {
      const [{ row } = { row: undefined }] = held.splice(r.int(0, held.length - 1), 1)
      if (row?.key)
        add(user(row.key, isOld), table, row.key, {
          ...row,
          seq: user(row.key, isOld).seq,
          sign: -1,
          availableAtMs: clock,
        })
    }
    if (i === Math.floor(events / 3))
      for (const next of young) next.previous = { epoch: 0, shard: 0, shards: 1, seq: old.seq }
    if (r.chance(labels / events)) {
      const dealId = r.pick(DEALS)
      const text = encodeKey([uid, dealId], ['string', 'int64'])
      const places = r.pick([[far], [user(uid, isOld)], [user(uid, isOld), far], []])
      const own = deals[shardOf(text, 2)] as Place
      const commits = places.length === 0 ? [] : [...places, own].map(commitOf)
      const at = new Date(clock + (commits.length > 0 ? 3_600_000 : r.pick([0, -1, 1, -60_000]))).toISOString()
      asked.push({ user_id: uid, deal_id: String(dealId), at, commits, served: r.pick(['weur', 'apac']), label: i % 2 })
      if (r.chance(0.1)) asked.push({ ...asked.at(-1) })
    }
  }
  // What was accepted by the old epoch after the hand-over counts for nobody.
  for (const { row } of old.rows.filter(({ contract }) => contract === stream).slice(0, 3))
    old.rows.push({
      contract: stream,
      row: { ...row, key: 'hot', seq: ++old.seq, row: null, sign: 1, availableAtMs: clock },
    })
  const all = [old, ...young, far, ...deals]
  for (const place of all) await writePlace(folder, place)
  const file = join(folder, 'labels.ndjson')
  writeFileSync(file, asked.map((label) => JSON.stringify(label)).join('\n'))
  return { spec, labels: file, folder, rows: asked.length }
}

const commitOf = ({ shard: { region, entity, epoch, shard }, seq }: Place): string =>
  `${region}/${entity}/${epoch}/${shard}/${seq}`

async function writePlace(folder: string, { shard, previous, seq, rows }: Place): Promise<void> {
  const objects = new FileObjects(folder)
  const contracts = [stream, olderStream, table, gone].map((source, i) => ({ number: i + 1, source }))
  const segments: Segment[] = []
  for (const { number: contract, source } of contracts) {
    const own = rows.filter((one) => one.contract === source).map(({ row }) => row)
    for (let at = 0; at < own.length; at += SEGMENT_ROWS) {
      const some = own.slice(at, at + SEGMENT_ROWS)
      const builder = new SegmentBuilder(source)
      for (const row of some) builder.add(row)
      const { entity, region, epoch, shard: place } = shard
      const footer = { format: 1, source: source.name, entity, region, epoch, shard: place, contract }
      const bytes = await builder.finish(footer, async () => {})
      const [first, last] = [some[0] as LoggedRow, some.at(-1) as LoggedRow]
      const about = {
        ...{ source: source.name, contract, fromSeq: first.seq, toSeq: last.seq, fromMs: 0, toMs: 0 },
        ...{ fromArrivalMs: first.availableAtMs, toArrivalMs: last.availableAtMs },
      }
      const key = segmentKey(shard, about)
      await objects.put(key, bytes)
      segments.push({
        key,
        ...about,
        rows: some.length,
        bytes: bytes.length,
        sha256: await sha256(bytes),
        order: 'commit',
      })
    }
  }
  const availableAtMs = rows.at(-1)?.row.availableAtMs ?? 0
  const manifest = { format: MANIFEST_FORMAT, shard, bornMs: 0, previous, fromSeq: 1, seq, availableAtMs }
  await objects.put(manifestKey(shard), writeManifest({ ...manifest, contracts, since: {}, removed: [], segments }))
  // A file that no manifest names does not count.
  const [left] = segments
  const bytes = left && (await objects.get(left.key))?.bytes
  if (left && bytes) await objects.put(left.key.replace(/[^/]*$/, 'left-behind.parquet'), bytes)
}
