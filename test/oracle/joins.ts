import type { FeatureSpec, FieldType, JoinSpec, Value, ViewSpec } from '../../src/engine/index.ts'
import { inOrder, type OracleEvent, type OracleValue, oracleValue } from './oracle.ts'

/** A row of one side of a join. */
export interface SideEvent extends OracleEvent {
  readonly side: 'left' | 'right'
}

/**
 * The joined rows that are known before t, by the sentence of docs/joins.md: every pair that is equal and at most `within` apart, at
 * the later of the two times; and every left row without one, at its time + within. All against all.
 */
export function joinedBefore(join: JoinSpec, events: readonly SideEvent[], t: number): OracleEvent[] {
  const rows = events.filter((event) => !event.retracted && event.time < t).sort(inOrder)
  const rights = rows.filter((row) => row.side === 'right')
  const joined = rows.flatMap((left) => {
    if (left.side === 'right') return []
    const matches = rights.filter((right) => matchesRight(join, left, right))
    if (matches.length === 0) return [joinedRow(left, null, left.time + join.withinMs)]
    return matches.map((right) => joinedRow(left, right, Math.max(left.time, right.time)))
  })
  // Where times are equal by the lefts, then the rights: they come in that order, and sorting keeps it.
  return joined
    .filter((row) => row.time < t)
    .sort((a, b) => a.time - b.time)
    .map((row, seq) => ({ ...row, seq }))
}

function matchesRight({ on, withinMs, order }: JoinSpec, left: SideEvent, right: SideEvent): boolean {
  const isEqual = on.every((fields) => {
    const [a, b] = [left.fields[fields.left] ?? null, right.fields[fields.right] ?? null]
    return a !== null && a === b
  })
  const apart = right.time - left.time
  return isEqual && apart <= withinMs && apart >= (order === 'left-first' ? 0 : -withinMs)
}

function joinedRow(left: SideEvent, right: SideEvent | null, time: number): OracleEvent {
  const fields: Record<string, Value> = {
    matched: right !== null,
    delay_ms: right === null ? null : right.time - left.time,
  }
  for (const [name, value] of Object.entries(left.fields)) fields[`left.${name}`] = value
  for (const [name, value] of Object.entries(right?.fields ?? {})) fields[`right.${name}`] = value
  return { time, availableAt: time, region: 0, epoch: 0, shard: 0, seq: 0, fields }
}

/** One feature over a join at t, over all rows of both sides of an entity. */
export function oracleJoinValue(
  view: ViewSpec & { readonly join: JoinSpec },
  feature: FeatureSpec,
  events: readonly SideEvent[],
  mark: number,
  t: number,
  since: number,
  types: ReadonlyMap<string, FieldType>,
): OracleValue {
  const { join } = view
  // Whether a left row has a match is known from the rows up to `within` around it.
  const lag = join.order === 'any' ? 2 * join.withinMs : join.withinMs
  const sorted = [...events].sort(inOrder)
  const kept = sorted.slice(Math.max(0, sorted.length - view.exactRows))
  const lostRow = sorted[sorted.length - kept.length - 1]?.time ?? -Infinity
  const sure = joinedBefore(join, kept, t).filter((row) => row.time > lostRow + lag)
  const lostPair = sure[sure.length - join.maxPairs - 1]?.time ?? -Infinity
  const lost = Math.max(lostRow + lag, lostPair)
  const rows = sure.filter((row) => row.time > lost)
  // What is lost is to the plain oracle one row more than a tail keeps.
  const missing = lost === -Infinity ? [] : [{ ...joinedRow(NOBODY, null, lost), seq: -1 }]
  const tail = { ...feature, window: { ...feature.window, tailLimit: rows.length } }
  return oracleValue(view, tail, [...missing, ...rows], mark, t, since + lag, types)
}

const NOBODY: SideEvent = {
  side: 'left',
  time: 0,
  availableAt: 0,
  region: 0,
  epoch: 0,
  shard: 0,
  seq: 0,
  fields: {},
}
