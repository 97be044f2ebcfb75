/** How a region's log is, by entity. */
import type { Manifest } from '../../src/offline/index.ts'
import { groupsOf, readManifests } from '../../src/offline/node/index.ts'
import { type Paint, shortAge } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'
import type { LogPlace } from './place.ts'

interface ShardStatus {
  readonly shard: string
  readonly waitingBatches?: number
  readonly oldestMs?: number | null
  readonly problem?: string
}

interface Told {
  readonly region: string
  readonly bucket: string | null
  readonly shards: readonly ShardStatus[]
}

/** One entity's log. */
export interface EntityLog {
  readonly entity: string
  readonly shards: number
  readonly files: number
  readonly rows: number
  readonly bytes: number
  readonly firstMs: number | null
  readonly lastMs: number | null
  /** Files that a compaction would replace, and what arrived before which time is gone. */
  readonly small: number
  readonly goneBeforeMs: number | null
  readonly waitingBatches: number
  readonly oldestMs: number | null
  readonly problems: readonly string[]
}

export interface LogReport {
  readonly region: string
  readonly bucket: string | null
  readonly entities: readonly EntityLog[]
}

export async function statusOf({ client, upkeep }: LogPlace): Promise<LogReport> {
  const { region, bucket, shards } = await client.ask<Told>('GET', '/v1/log')
  const manifests = await readManifests(upkeep.objects)
  const names = new Set([
    ...shards.map(({ shard }) => shard.split('/')[1] ?? ''),
    ...manifests.map(({ shard }) => shard.entity),
  ])
  const entities = [...names].sort().map((entity) => {
    const own = manifests.filter(({ shard }) => shard.entity === entity)
    const live = shards.filter(({ shard }) => shard.split('/')[1] === entity)
    return entityLog(entity, own, live, upkeep.now())
  })
  return { region, bucket, entities }
}

function entityLog(entity: string, own: readonly Manifest[], live: readonly ShardStatus[], nowMs: number): EntityLog {
  const segments = own.flatMap((manifest) => manifest.segments)
  const sum = (of: (segment: (typeof segments)[number]) => number) =>
    segments.reduce((total, one) => total + of(one), 0)
  const gone = own.flatMap(({ removed }) =>
    removed.flatMap(({ why, beforeMs }) => (why === 'retention' ? [beforeMs ?? 0] : [])),
  )
  const oldest = live.flatMap(({ oldestMs }) => (oldestMs == null ? [] : [oldestMs]))
  return {
    entity,
    shards: live.length,
    files: segments.length,
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes }) => bytes),
    firstMs: segments.length === 0 ? null : Math.min(...segments.map(({ fromArrivalMs }) => fromArrivalMs)),
    lastMs: segments.length === 0 ? null : Math.max(...segments.map(({ toArrivalMs }) => toArrivalMs)),
    small: own.flatMap((manifest) => groupsOf(manifest, nowMs)).reduce((total, one) => total + one.segments.length, 0),
    goneBeforeMs: gone.length === 0 ? null : Math.max(...gone),
    waitingBatches: live.reduce((total, { waitingBatches = 0 }) => total + waitingBatches, 0),
    oldestMs: oldest.length === 0 ? null : Math.min(...oldest),
    problems: live.flatMap(({ shard, problem }) => (problem === undefined ? [] : [`${shard}: ${problem}`])),
  }
}

const HEAD = ['entity', 'shards', 'files', 'rows', 'MB', 'from', 'to', 'waiting', 'to compact'] as const
/** Texts stand left, numbers right. */
const LEFT = new Set<string>(['entity', 'from', 'to', 'waiting'])

export function statusText({ region, bucket, entities }: LogReport, { bold, dim, warn }: Paint, nowMs: number): string {
  const day = (ms: number | null) => (ms === null ? '-' : new Date(ms).toISOString().slice(0, 10))
  const rows = entities.map((one) => [
    one.entity,
    String(one.shards),
    grouped(one.files),
    grouped(one.rows),
    (one.bytes / 1e6).toFixed(one.bytes < 1e7 ? 2 : 0),
    day(one.firstMs),
    day(one.lastMs),
    one.oldestMs === null ? 'nothing' : `${grouped(one.waitingBatches)} batches, ${shortAge(nowMs - one.oldestMs)}`,
    one.small === 0 ? '-' : `${grouped(one.small)} files`,
  ])
  const widths = HEAD.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (LEFT.has(HEAD[i] ?? '') ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const notes = entities.flatMap(({ entity, goneBeforeMs, problems }) => [
    ...(goneBeforeMs === null
      ? []
      : [dim(`${entity}: what arrived before ${new Date(goneBeforeMs).toISOString()} was taken away (retention)`)]),
    ...problems.map((problem) => warn(problem)),
  ])
  return [
    `The log of ${region}, in the bucket ${bucket}`,
    '',
    bold(line(HEAD)),
    ...rows.map(line),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n')
}
