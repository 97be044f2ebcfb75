import { formatDuration } from '../util/duration.ts'
import type { Column } from './aggregate.ts'
import { leadingEdge, type StateClock, trailingEdge } from './edges.ts'
import type { EntityState, PartCommit } from './entity-state.ts'
import { type JoinedRows, joinRows, NO_MATCH } from './join-rows.ts'
import type { FeaturePlan, ViewPlan } from './plan.ts'
import { type FeatureValue, ViewReader } from './read.ts'
import type { Rows } from './rows.ts'
import { SessionScan, scanStretches } from './session.ts'
import type { Predicate, Value, WindowSpec } from './spec.ts'
import { tailWindow } from './tail-window.ts'
import type { TileLevel } from './tiles.ts'
import type { ViewState } from './view-state.ts'
import { UNBOUNDED } from './windows.ts'

/** Why a feature has the value that it has: plain data that a page or a person can read. Times are ms; null is without end. */
export interface Explanation {
  readonly feature: string
  readonly aggregate: string
  readonly window: WindowSpec
  readonly where: Predicate | null
  readonly t: number
  readonly value: FeatureValue
  /** Half-open. Of a session its own; none when there is no session. */
  readonly bounds: { readonly startMs: number | null; readonly endMs: number } | null
  /** How the window's start and end were cut among tiles; null where rows alone were read. */
  readonly edges: { readonly start: ExplainedEdge; readonly end: ExplainedEdge } | null
  /** Kept rows in the window, oldest first. */
  readonly rows: readonly ExplainedRow[]
  /** Tiles of older rows in the window, oldest first. */
  readonly tiles: readonly ExplainedTile[]
  /** Sentences for people. */
  readonly notes: readonly string[]
}

export interface ExplainedEdge {
  readonly exact: boolean
  /** Where among the tiles the cut was made. */
  readonly cutMs: number | null
}

export interface ExplainedRow {
  readonly timeMs: number
  readonly commit: PartCommit
  /** What the view keeps of the event. */
  readonly fields: Readonly<Record<string, Value>>
  /** Whether the feature's `where` admits it. */
  readonly admitted: boolean
  /** It was taken back, and counts for nothing. */
  readonly retracted: boolean
  /** Of a joined row the two that it is made of; no right when the left has none. */
  readonly joined?: { readonly left: ExplainedSide; readonly right: ExplainedSide | null }
}

export interface ExplainedSide {
  readonly timeMs: number
  readonly commit: PartCommit
}

export interface ExplainedTile {
  readonly startMs: number | null
  readonly endMs: number | null
  /** Times of its first and last row. */
  readonly firstMs: number
  readonly lastMs: number
  /** The feature's value over this tile alone; null when no row of it counts, undefined when it has none alone. */
  readonly value: Value | undefined
}

interface Parts {
  readonly bounds: Explanation['bounds']
  readonly edges: Explanation['edges']
  readonly rows: readonly (readonly [rows: Rows, from: number, to: number])[]
  readonly tiles: readonly (readonly [level: TileLevel, from: number, to: number])[]
}

/**
 * Explains one feature of one view of an entity at t. The value is what a read at t gives.
 *
 * @param view place of the view in the entity's plan
 * @param index place of the feature in the view
 * @param since from when on the feature's history is complete, ms
 */
export function explain(state: EntityState, view: number, index: number, t: number, since: number): Explanation {
  const plan = state.plan[view]
  const feature = plan?.features[index]
  if (plan === undefined || feature === undefined) throw new Error(`there is no feature ${index} in view ${view}`)
  state.settle()
  const viewState = state.views[view] ?? null
  const out: FeatureValue[] = []
  const sinces = plan.features.map(() => since)
  new ViewReader(plan, [feature]).read(viewState, state.mark, t, sinces, out)
  const value = out[index] as FeatureValue
  const joined = plan.join && viewState && joinRows(plan.join, viewState, t, t - feature.window.reachMs)
  const read = joined?.state ?? viewState
  const parts = read === null ? NOTHING : partsOf(read, feature, state.mark, t)
  const origin = joined && viewState ? pairOrigin(state, viewState.rows, joined) : rowOrigin(state)
  const rows = parts.rows.flatMap(([of, from, to]) => rowsOf(read?.plan ?? plan, feature, of, from, to, origin))
  const tiles = parts.tiles.flatMap(([level, from, to]) => tilesOf(feature, level, from, to, t))
  return {
    feature: `${plan.spec.name}.${feature.spec.name}`,
    aggregate: feature.spec.aggregate,
    window: feature.spec.window,
    where: feature.spec.where ?? null,
    t,
    value,
    bounds: parts.bounds,
    edges: parts.edges,
    rows,
    tiles,
    notes: notesOf(value, parts, rows, tiles, since, feature.spec.ttlMs),
  }
}

const NOTHING: Parts = { bounds: null, edges: null, rows: [], tiles: [] }
const finite = (time: number): number | null => (Number.isFinite(time) ? time : null)

function partsOf(state: ViewState, feature: FeaturePlan, mark: number, t: number): Parts {
  const { window } = feature
  if (feature.track < 0) {
    const found = tailWindow(state, window, window.spec.tailLimit as number, t)
    if (found.kind !== 'window') return NOTHING
    const older = state.tail === null ? [] : [[state.tail.rows, ...found.tail] as const]
    const bounds = { startMs: finite(found.start), endMs: window.endOf(t) }
    return { bounds, edges: null, rows: [...older, [state.rows, ...found.rows]], tiles: [] }
  }
  const { spec, fineMs } = state.plan
  const clock: StateClock = { mark, latenessMs: spec.allowedLatenessMs, fineMs }
  const track = state.tracks[feature.track]
  if (track === undefined) return NOTHING
  const end = window.endOf(t)
  const leadTileMs = window.endKey === 't' ? Math.min(window.tileMs, fineMs) : window.tileMs
  const lead = leadingEdge(track, clock, end, leadTileMs)
  const ends = track.levels.map((level) => level.lowerBound(lead.from))
  const rowsEnd = state.rows.lowerBound(end)
  let start = window.startOf(t, end)
  if (window.spec.kind === 'session') {
    const scan = new SessionScan(window.spec)
    scanStretches(scan, window.tileMs, state.rows, rowsEnd, track.levels, ends)
    const session = scan.end(t)
    if (session.kind !== 'session') return NOTHING
    start = session.first
  }
  const trail = trailingEdge(track, clock, start, window.tileMs)
  const tiles = track.levels.map((level, l) => [level, level.lowerBound(trail.from), ends[l] as number] as const)
  return {
    bounds: { startMs: finite(start), endMs: end },
    edges: {
      start: { exact: trail.exact, cutMs: finite(trail.from) },
      end: { exact: lead.exact, cutMs: finite(lead.from) },
    },
    rows: [[state.rows, state.rows.lowerBound(start), rowsEnd]],
    // Wider levels are older.
    tiles: tiles.reverse(),
  }
}

/** What says where a row came from: its commit, and of a joined row both rows. */
type Origin = (rows: Rows, at: number) => Pick<ExplainedRow, 'commit' | 'joined'>

const commitOf = (state: EntityState, rows: Rows, at: number): PartCommit => ({
  ...(state.parts[rows.parts[at] as number] as PartCommit),
  seq: rows.seqs[at] as number,
})

const rowOrigin =
  (state: EntityState): Origin =>
  (rows, at) => ({ commit: commitOf(state, rows, at) })

/** A joined row stands where the later of its two does, or its left alone. */
const pairOrigin =
  (state: EntityState, kept: Rows, { lefts, rights }: JoinedRows): Origin =>
  (_, at) => {
    const side = (place: number): ExplainedSide => ({
      timeMs: kept.times[place] as number,
      commit: commitOf(state, kept, place),
    })
    const [left, right] = [lefts[at] as number, rights[at] as number]
    const joined = { left: side(left), right: right === NO_MATCH ? null : side(right) }
    return { commit: commitOf(state, kept, Math.max(left, right)), joined }
  }

function rowsOf(
  { filters, fields }: ViewPlan,
  feature: FeaturePlan,
  rows: Rows,
  from: number,
  to: number,
  origin: Origin,
): ExplainedRow[] {
  const mask = new Uint8Array(rows.length).fill(1)
  if (feature.filter >= 0) filters[feature.filter]?.(rows, from, to, mask)
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => {
    const at = from + i
    return {
      timeMs: rows.times[at] as number,
      ...origin(rows, at),
      fields: Object.fromEntries(fields.map(({ name }, f) => [name, rows.fields[f]?.[at] ?? null])),
      admitted: mask[at] === 1 && rows.signAt(at) === 1,
      retracted: rows.signAt(at) !== 1,
    }
  })
}

function tilesOf(feature: FeaturePlan, level: TileLevel, from: number, to: number, t: number): ExplainedTile[] {
  const columns = feature.accumulators.map((i) => level.columns[i] as Column)
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => {
    const at = from + i
    const start = level.starts[at] as number
    const found = feature.computation.finalise(
      columns,
      columns.map(() => at),
      { t },
    )
    return {
      startMs: finite(start),
      endMs: finite(level.endOf(level.firsts[at] as number)),
      firstMs: level.firsts[at] as number,
      lastMs: level.lasts[at] as number,
      value: 'error' in found ? undefined : found.isEmpty ? null : found.value,
    }
  })
}

function notesOf(
  value: FeatureValue,
  { bounds, edges }: Parts,
  rows: readonly ExplainedRow[],
  tiles: readonly ExplainedTile[],
  since: number,
  ttlMs: number | undefined,
): string[] {
  const notes: string[] = []
  const admitted = rows.filter((row) => row.admitted).length
  if (bounds === null) notes.push('Nothing in reach: no row, no tile.')
  else notes.push(`${admitted} of ${rows.length} kept rows count, and ${tiles.length} tiles of older rows.`)
  if (edges && !edges.start.exact)
    notes.push("The tile that holds the window's start has rows from before it, and counts whole.")
  if (edges && !edges.end.exact)
    notes.push("The tile that holds the window's end has rows from after it, and does not count.")
  if (value.status === 'partial' && since > -UNBOUNDED)
    notes.push(`The window begins before the history is complete, which it is since ${new Date(since).toISOString()}.`)
  if (value.status === 'expired' && ttlMs !== undefined)
    notes.push(
      `The newest value is older than its ttl of ${formatDuration(ttlMs)} at this time: it is hidden, and kept.`,
    )
  if (value.status === 'error') notes.push(REASONS[value.reason ?? 'limit'])
  return notes
}

const REASONS = {
  overflow: 'The result does not fit its type.',
  cap: 'There were more different keys or values than its cap allows.',
  limit:
    'The window needs rows that were let go: they were more than its limit, or the session was longer than its max.',
} as const
