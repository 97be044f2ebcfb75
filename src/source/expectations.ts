import { describeExpectation, isOfField } from '../contract/index.ts'
import type { ExpectationSpec, SourceSpec } from '../engine/index.ts'
import type { ExpectationCount } from '../shard/index.ts'

/** How a source does by one of its expectations. */
export interface ExpectationStatus {
  /** What is expected, for a person: `amount >= 0 and <= 10000`. */
  readonly what: string
  /** What becomes of an event that fails; of volume and freshness always `count`. */
  readonly action: 'refuse' | 'count'
  readonly state: 'ok' | 'broken'
  /** Events that were judged, and those that failed, since the expectation is there. */
  readonly seen: number
  readonly failed: number
  /** Of a field: the part that failed in the time that it is judged over; null when nothing came, and of volume and freshness. */
  readonly share: number | null
  /** When an event failed last, and its value. */
  readonly lastFailed: string | null
  readonly sample: string | null
  /** Of a volume: the events accepted in its time. */
  readonly accepted?: number
  /** Of freshness: when the newest accepted event happened. */
  readonly newest?: string | null
}

/**
 * Adds up what the shards of a source have counted, and judges it.
 *
 * @param shards for each shard its counts, in the order of the source's expectations
 * @example expectationStatuses(source.spec, [shard.expectations('orders')], Date.now())[0]?.state // 'broken'
 */
export function expectationStatuses(
  source: SourceSpec,
  shards: readonly (readonly ExpectationCount[])[],
  nowMs: number,
): ExpectationStatus[] {
  return (source.expect ?? []).map((spec, i) => {
    const counts = shards.flatMap((shard) => shard[i] ?? [])
    const sum = (of: (count: ExpectationCount) => number) => counts.reduce((total, count) => total + of(count), 0)
    const [recentSeen, recentFailed] = [sum((count) => count.recentSeen), sum((count) => count.recentFailed)]
    const newestMs = latest(counts.map((count) => count.newestMs))
    const lastFailedMs = latest(counts.map((count) => count.lastFailedMs))
    const share = recentSeen === 0 ? null : recentFailed / recentSeen
    return {
      what: describeExpectation(spec, source),
      action: isOfField(spec) ? spec.action : 'count',
      state: isBroken(spec, { recentSeen, recentFailed, newestMs, nowMs }) ? 'broken' : 'ok',
      seen: sum((count) => count.seen),
      failed: sum((count) => count.failed),
      share: isOfField(spec) ? share : null,
      lastFailed: timeText(lastFailedMs),
      sample: counts.find((count) => lastFailedMs !== null && count.lastFailedMs === lastFailedMs)?.sample ?? null,
      ...(spec.kind === 'volume' && { accepted: recentSeen }),
      ...(spec.kind === 'fresh' && { newest: timeText(newestMs) }),
    }
  })
}

interface Found {
  readonly recentSeen: number
  readonly recentFailed: number
  readonly newestMs: number | null
  readonly nowMs: number
}

function isBroken(spec: ExpectationSpec, { recentSeen, recentFailed, newestMs, nowMs }: Found): boolean {
  switch (spec.kind) {
    case 'volume':
      return recentSeen < spec.atLeast
    case 'fresh':
      return newestMs === null || nowMs - newestMs > spec.maxAgeMs
    case 'nulls':
      return recentFailed > spec.atMost * recentSeen
    default:
      return recentFailed > 0
  }
}

function latest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : Math.max(...known)
}

const timeText = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
