import type { SourceSpec } from '../../engine/index.ts'
import { canonicalJson, parseCanonicalJson } from '../../util/canonical-json.ts'

export const MANIFEST_FORMAT = 1

/** The shard that a log is of, and what it was called. */
export interface LogShard {
  readonly entity: string
  readonly region: string
  /** The region's number, as order keys have it. */
  readonly regionId: number
  readonly epoch: number
  readonly shard: number
  /** How many shards the epoch has. */
  readonly shards: number
}

/** One file of the log. */
export interface Segment {
  /** Where it lies in the bucket. */
  readonly key: string
  readonly source: string
  /** The contract that its rows were accepted by: a number of the manifest's `contracts`. */
  readonly contract: number
  /** The first and the last commit that it may have; no other segment of the source has one between. */
  readonly fromSeq: number
  readonly toSeq: number
  readonly rows: number
  readonly bytes: number
  /** Of the file, hexadecimal. */
  readonly sha256: string
  /** Least and greatest event time, ms. */
  readonly fromMs: number
  readonly toMs: number
  /** Least and greatest arrival, ms. */
  readonly fromArrivalMs: number
  readonly toArrivalMs: number
  /** `commit`: in the order of commits, as a shard writes it. `entity`: compacted, by (key, time, commit). */
  readonly order: 'commit' | 'entity'
}

/** All that a reader needs to know of one shard's log. It is replaced whole, and names every file that counts: what it does not name does not. */
export interface Manifest {
  readonly format: number
  readonly shard: LogShard
  /** When the shard was made, ms: another one of the same name is another log. */
  readonly bornMs: number
  /** Names what the shard holds since it was restored to a time before; absent of one that never was. */
  readonly lineage?: string
  /** The shard before it, and its last commit that counts here; null of one that began empty. */
  readonly previous: {
    readonly epoch: number
    readonly shard: number
    readonly shards: number
    readonly seq: number
  } | null
  /** The log has every commit from this one on: 1, but for a shard that is older than its log. */
  readonly fromSeq: number
  /** Up to this commit, which was accepted at `availableAtMs`. */
  readonly seq: number
  readonly availableAtMs: number
  readonly contracts: readonly { readonly number: number; readonly source: SourceSpec }[]
  /** From when on each feature of the entity is complete, ms; null: always. By `view.feature`. */
  readonly since: Readonly<Record<string, number | null>>
  /** Rows that retention or an erasure took away, oldest first. */
  readonly removed: readonly Removal[]
  readonly segments: readonly Segment[]
}

/** Why rows that were once logged are not there any more. */
export interface Removal {
  readonly atMs: number
  /** `gap`: they were never logged, for the log was off or behind what the shard still had. */
  readonly why: 'retention' | 'erasure' | 'gap'
  /** Of retention: all rows that arrived before this, ms. */
  readonly beforeMs?: number
  /** Of an erasure: the SHA-256 of the entity's key, for the key itself is what had to go; and the commit of the erasure. */
  readonly keySha256?: string
  readonly seq?: number
  readonly rows: number
  /** Of an erasure in a log that the key was in as a value only: the fields that are null since, as `source.field`. */
  readonly fields?: readonly string[]
}

const LOG = 'log'

/** Where the manifest of a shard lies. */
export const manifestKey = ({ entity, region, epoch, shard }: LogShard): string =>
  `${manifestPrefix}${entity}/${region}/${epoch}/${shard}.json`

export const manifestPrefix = `${LOG}/manifests/`

/** Where a segment lies: folders as Hive names them, which DuckDB, Spark and PyArrow read as columns. `day` is that of arrival, UTC. */
export function segmentKey(
  { entity, region, epoch, shard }: LogShard,
  {
    source,
    contract,
    fromSeq,
    toSeq,
    fromArrivalMs,
  }: Pick<Segment, 'source' | 'contract' | 'fromSeq' | 'toSeq' | 'fromArrivalMs'>,
): string {
  const day = new Date(fromArrivalMs).toISOString().slice(0, 10)
  const folder = `tm_source=${source}/tm_entity=${entity}/tm_region=${region}/tm_epoch=${epoch}/tm_shard=${shard}/tm_day=${day}`
  return `${LOG}/${folder}/${fromSeq}-${toSeq}-${contract.toString(16).padStart(8, '0')}.parquet`
}

/** The manifest of the shard that a segment's key says it is of; undefined for what is no key of a segment. */
export function shardOfKey(key: string): string | undefined {
  const [, entity, region, epoch, shard] =
    /^log\/tm_source=[^/]+\/tm_entity=([^/]+)\/tm_region=([^/]+)\/tm_epoch=(\d+)\/tm_shard=(\d+)\//.exec(key) ?? []
  return entity === undefined ? undefined : `${manifestPrefix}${entity}/${region}/${epoch}/${shard}.json`
}

/** Whether a manifest, as text, names an object. Keys need no escapes in JSON; one that does is named by none. */
export const namesObject = (manifest: string, key: string): boolean => manifest.includes(JSON.stringify(key))

/** Where a segment lies that was made of others: told from all that are alike by what is in it. */
export function rewrittenKey(
  shard: LogShard,
  segment: Pick<Segment, 'source' | 'contract' | 'fromSeq' | 'toSeq' | 'fromArrivalMs' | 'sha256'>,
): string {
  return segmentKey(shard, segment).replace(/\.parquet$/, `-${segment.sha256.slice(0, 8)}.parquet`)
}

export function writeManifest(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(canonicalJson(manifest))
}

/** Throws for what is no manifest, or one of a newer format. */
export function readManifest(bytes: Uint8Array, name: string): Manifest {
  let manifest: Manifest
  try {
    manifest = parseCanonicalJson(new TextDecoder().decode(bytes)) as Manifest
  } catch {
    throw new Error(`${name} is no manifest of a log: it is damaged, or not all of it is there`)
  }
  if (manifest.format !== MANIFEST_FORMAT)
    throw new Error(`${name} has the format ${manifest.format}; this version reads ${MANIFEST_FORMAT}`)
  return manifest
}

/** A change of what a manifest names. */
export interface LogEdit {
  /** Keys of the segments that go. */
  readonly remove: readonly string[]
  readonly add: readonly Segment[]
  /** Why rows are not there any more, when some are not. */
  readonly removed?: Removal
  /** Commits before this one are not all there any more: the manifest's `fromSeq` rises to it. */
  readonly fromSeq?: number
}

/** The manifest after a change; undefined when a segment that is to go is not there: somebody was quicker. */
export function editManifest(manifest: Manifest, { remove, add, removed, fromSeq }: LogEdit): Manifest | undefined {
  const gone = new Set([...remove, ...add.map(({ key }) => key)])
  const known = new Set(manifest.segments.map(({ key }) => key))
  if (!remove.every((key) => known.has(key))) return undefined
  const segments = [...manifest.segments.filter(({ key }) => !gone.has(key)), ...add]
  return {
    ...manifest,
    fromSeq: Math.max(manifest.fromSeq, fromSeq ?? 0),
    segments: segments.sort((a, b) => a.fromSeq - b.fromSeq || (a.key < b.key ? -1 : 1)),
    removed: removed ? withRemoval(manifest.removed, removed) : manifest.removed,
  }
}

/** An erasure that was broken off and done again is one, and so is retention day after day: the list does not grow with them. */
function withRemoval(removed: readonly Removal[], next: Removal): readonly Removal[] {
  const same = removed.find(
    ({ why, keySha256, fields }) =>
      why === next.why && keySha256 === next.keySha256 && (fields === undefined) === (next.fields === undefined),
  )
  if (same === undefined) return [...removed, next]
  const merged: Removal = {
    ...next,
    rows: same.rows + next.rows,
    ...(next.seq !== undefined && { seq: Math.max(next.seq, same.seq ?? 0) }),
    ...(next.beforeMs !== undefined && { beforeMs: Math.max(next.beforeMs, same.beforeMs ?? 0) }),
    ...((same.fields ?? next.fields) && {
      fields: [...new Set([...(same.fields ?? []), ...(next.fields ?? [])])].sort(),
    }),
  }
  return [...removed.filter((one) => one !== same), merged]
}

/** An event may be so much ahead of its arrival at least, ms. */
export const AHEAD_MS = 3_600_000

/** Whether a log has every commit since its shard began: none that was accepted before there was a log, none that retention took away. */
export const isWhole = ({ fromSeq, previous }: Pick<Manifest, 'fromSeq' | 'previous'>): boolean =>
  fromSeq <= (previous?.seq ?? 0) + 1

/**
 * From when on (event time, ms) these logs of one entity have everything; minus infinity: always. Before it something may be missing: what retention took
 * away, or what was accepted before there was a log.
 */
export function wholeSince(manifests: readonly Manifest[]): number {
  let lostMs = Number.NEGATIVE_INFINITY
  for (const manifest of manifests) {
    const { fromSeq, segments, availableAtMs, removed } = manifest
    for (const { why, beforeMs } of removed) if (why !== 'erasure') lostMs = Math.max(lostMs, beforeMs ?? availableAtMs)
    const isCut = !isWhole(manifest) && !removed.some(({ why }) => why !== 'erasure')
    const kept = segments.filter(({ toSeq }) => toSeq >= fromSeq).map(({ fromArrivalMs }) => fromArrivalMs)
    if (isCut) lostMs = Math.max(lostMs, Math.min(availableAtMs, ...kept))
  }
  const aheadMs = manifests.flatMap(({ contracts }) => contracts.map(({ source }) => source.maxFutureMs))
  return lostMs + Math.max(AHEAD_MS, ...aheadMs)
}
