import { DELAY, type JoinPlan, LEFT, MATCHED, type PairColumn } from './join-plan.ts'
import type { Rows } from './rows.ts'
import type { Scalar, Value } from './spec.ts'
import { ViewState } from './view-state.ts'
import { UNBOUNDED } from './windows.ts'

/** The place of the column that says which side a row is of: the first that is kept. */
const SIDE_PLACE = 0
/** The place of the right row of a left that has none. */
export const NO_MATCH = -1

/** Joined rows as the state of a view, and of which rows each is made. */
export interface JoinedRows {
  readonly state: ViewState
  /** By joined row its left and right row: places among the kept rows, or `NO_MATCH`. */
  readonly lefts: readonly number[]
  readonly rights: readonly number[]
}

/** Rows of both sides that are equal in the fields that are joined on, oldest first, as places among the kept rows. */
interface Group {
  readonly lefts: number[]
  readonly rights: number[]
  /** The lefts before it have a match, or are too old for one. */
  open: number
}

interface Pair {
  readonly time: number
  readonly left: number
  readonly right: number
}

/**
 * Joins the rows before t, newest first, back to `fromMs`, and at most as many as the join may have: when there are more, or
 * when rows of a side were let go, the state says from when on it has all. A function of the set of rows, so of no order
 * of arrival.
 */
export function joinRows(plan: JoinPlan, { rows, tail }: ViewState, t: number, fromMs: number): JoinedRows {
  // What was let go may have matched, or have been, anything up to the lag later.
  const rowsLetGo = (tail?.letGo ?? -UNBOUNDED) + plan.lagMs
  const from = Math.max(fromMs, rowsLetGo + 1)
  const groups = new Groups(plan, rows, rows.lowerBound(from - plan.lagMs), rows.lowerBound(t))
  const { pairs, letGo } = newestPairs(plan, rows, groups, t, from)
  // By the lefts, then the rights, where times are equal: no tie is left open.
  pairs.sort((a, b) => a.time - b.time || a.left - b.left || a.right - b.right)
  const state = new ViewState(plan.pairs)
  if (state.tail !== null) state.tail.letGo = Math.max(letGo, rowsLetGo)
  fill(state.rows, plan, rows, pairs)
  return { state, lefts: pairs.map((pair) => pair.left), rights: pairs.map((pair) => pair.right) }
}

/** The rows `[from, to)` by what they are joined on. */
class Groups {
  readonly from: number
  readonly to: number
  private readonly plan: JoinPlan
  private readonly rows: Rows
  /** By place, counted from `from`; null for a row that was taken back. */
  private readonly groups: (Group | null)[] = []
  /** By place, counted from `from`: a left row that some right row is joined to. */
  private readonly matched: boolean[] = []
  private readonly byKey = new Map<Scalar, Group>()

  constructor(plan: JoinPlan, rows: Rows, from: number, to: number) {
    this.plan = plan
    this.rows = rows
    this.from = from
    this.to = to
    for (let at = from; at < to; at++) {
      const group = rows.signAt(at) === 1 ? this.groupOf(at) : null
      this.groups.push(group)
      this.matched.push(false)
      if (group === null) continue
      if (this.isRight(at)) this.addRight(group, at)
      else this.addLeft(group, at)
    }
  }

  isRight(at: number): boolean {
    return (this.rows.fields[SIDE_PLACE] as Value[])[at] === true
  }

  /** Whether it is a left row without a right one. */
  isUnmatched(at: number): boolean {
    return this.groups[at - this.from] !== null && !this.matched[at - this.from] && !this.isRight(at)
  }

  /** Its matches among the rows before it, newest first. */
  *matchesBefore(at: number): Generator<number> {
    const group = this.groups[at - this.from]
    if (!group) return
    const others = this.isRight(at) ? group.lefts : group.rights
    const { times } = this.rows
    const leastMs = (times[at] as number) - this.mostBefore(at)
    for (let i = firstFrom(others, at) - 1; i >= 0; i--) {
      const other = others[i] as number
      if ((times[other] as number) < leastMs) return
      yield other
    }
  }

  /** How long before this row a match may be that comes before it. */
  private mostBefore(at: number): number {
    const { order, withinMs } = this.plan.spec
    return order === 'left-first' && !this.isRight(at) ? 0 : withinMs
  }

  private addLeft(group: Group, at: number): void {
    const { times } = this.rows
    const newest = group.rights.at(-1)
    if (newest !== undefined && (times[at] as number) - (times[newest] as number) <= this.mostBefore(at)) {
      this.matched[at - this.from] = true
    }
    group.lefts.push(at)
  }

  private addRight(group: Group, at: number): void {
    const { times } = this.rows
    const leastMs = (times[at] as number) - this.mostBefore(at)
    for (; group.open < group.lefts.length; group.open++) {
      const left = group.lefts[group.open] as number
      if ((times[left] as number) >= leastMs) this.matched[left - this.from] = true
    }
    group.rights.push(at)
  }

  /** Null equals nothing: a row with it is alone. */
  private groupOf(at: number): Group {
    const { left, right } = this.plan.on
    const values = (this.isRight(at) ? right : left).map((place) => this.rows.fields[place]?.[at] ?? null)
    if (values.includes(null)) return emptyGroup()
    const key = values.length === 1 ? (values[0] as Scalar) : keyText(values)
    let group = this.byKey.get(key)
    if (group === undefined) {
      group = emptyGroup()
      this.byKey.set(key, group)
    }
    return group
  }
}

const emptyGroup = (): Group => ({ lefts: [], rights: [], open: 0 })

/** One text for several values, of which each place has one type. */
const keyText = (values: readonly Value[]): string =>
  values
    .map((value) => String(value))
    .map((text) => `${text.length}:${text}`)
    .join('')

/** How many of these places, which rise, lie before `at`. */
function firstFrom(places: readonly number[], at: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((places[middle] as number) < at) low = middle + 1
    else high = middle
  }
  return low
}

/** Joined rows of `[fromMs, t)`, newest first: matches where the later of the two stands, lefts without one when that is known. */
function* joinedBackwards({ spec }: JoinPlan, { times }: Rows, groups: Groups, t: number, fromMs: number) {
  let at = groups.to - 1
  let left = groups.to - 1
  const timeOf = (place: number) => (place < groups.from ? -UNBOUNDED : (times[place] as number))
  for (;;) {
    while (left >= groups.from && (timeOf(left) + spec.withinMs >= t || !groups.isUnmatched(left))) left--
    const time = Math.max(timeOf(at), timeOf(left) + spec.withinMs)
    if (time < fromMs || time === -UNBOUNDED) return
    if (timeOf(left) + spec.withinMs === time) {
      yield { time, left, right: NO_MATCH }
      left--
      continue
    }
    for (const other of groups.matchesBefore(at)) {
      yield groups.isRight(at) ? { time, left: other, right: at } : { time, left: at, right: other }
    }
    at--
  }
}

/** As many joined rows as there may be; of those that are as old as the first one too many, none. */
function newestPairs(plan: JoinPlan, rows: Rows, groups: Groups, t: number, fromMs: number) {
  const pairs: Pair[] = []
  for (const pair of joinedBackwards(plan, rows, groups, t, fromMs)) {
    if (pairs.length < plan.spec.maxPairs) {
      pairs.push(pair)
      continue
    }
    const letGo = pair.time
    return { pairs: pairs.filter(({ time }) => time > letGo), letGo }
  }
  return { pairs, letGo: -UNBOUNDED }
}

/** Their own order is all that tells joined rows of one time apart: each has a number of it. */
function fill(out: Rows, { columns }: JoinPlan, rows: Rows, pairs: readonly Pair[]): void {
  out.times = pairs.map((pair) => pair.time)
  out.parts = pairs.map(() => 0)
  out.seqs = pairs.map((_, i) => i)
  columns.forEach((column, i) => {
    out.fields[i] = pairs.map((pair) => pairValue(column, rows, pair))
  })
  out.filled()
}

function pairValue(column: PairColumn, { fields, times }: Rows, { left, right }: Pair): Value {
  const isMatched = right !== NO_MATCH
  switch (column.of) {
    case MATCHED:
      return isMatched
    case DELAY:
      return isMatched ? (times[right] as number) - (times[left] as number) : null
    default: {
      const at = column.of === LEFT ? left : right
      return at === NO_MATCH ? null : (fields[column.place]?.[at] ?? null)
    }
  }
}
