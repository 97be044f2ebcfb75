import { SessionScan, scanRows } from './session.ts'
import type { ViewState } from './view-state.ts'
import { UNBOUNDED, type WindowShape } from './windows.ts'

/** A window as places among the kept rows, or why it has none. */
export type TailWindow = { readonly complete: number } & (
  | {
      readonly kind: 'window'
      readonly start: number
      /** Rows that belong to it may have been let go. */
      readonly mayLack: boolean
      /** `[from, to)` in the tail's rows, and in the newest R. */
      readonly tail: readonly [from: number, to: number]
      readonly rows: readonly [from: number, to: number]
    }
  | { readonly kind: 'nothing' | 'limit' }
)

/** Finds a window with `tail: 'exact'` among the newest `limit` rows of the view. */
export function tailWindow({ rows, tail }: ViewState, shape: WindowShape, limit: number, t: number): TailWindow {
  const older = tail?.rows
  const olderLength = older?.length ?? 0
  // The newest `limit` rows: from `skip` on, in the tail's rows and then in the others.
  const skip = Math.max(0, olderLength + rows.length - limit)
  const timeAt = (at: number) => (at < olderLength ? older?.times[at] : rows.times[at - olderLength]) as number
  // After a limit was raised, rows that come late may be kept though newer ones were let go.
  const letGo = Math.max(tail?.letGo ?? -UNBOUNDED, skip > 0 ? timeAt(skip - 1) : -UNBOUNDED)

  const end = shape.endOf(t)
  let start = shape.startOf(t, end)
  let complete = start
  const olderTo = older?.lowerBound(end) ?? 0
  const rowsTo = rows.lowerBound(end)
  const rowsSkip = Math.max(0, skip - olderLength)
  if (shape.spec.kind === 'session') {
    const scan = new SessionScan(shape.spec)
    if (scanRows(scan, rows, rowsSkip, rowsTo) && older) scanRows(scan, older, skip, olderTo)
    const session = scan.end(t, letGo)
    if (session.kind !== 'session') return { kind: session.kind === 'none' ? 'nothing' : 'limit', complete }
    start = session.first
    complete = start - shape.spec.gapMs
  }
  const mayLack = shape.spec.kind !== 'session' && letGo > -UNBOUNDED && letGo >= start
  // Of the newest n rows it may well have all: their number tells, which the reader counts.
  if (mayLack && shape.spec.kind !== 'lastN') return { kind: 'limit', complete }
  return {
    kind: 'window',
    start,
    mayLack,
    complete,
    tail: [Math.max(skip, older?.lowerBound(start) ?? 0), olderTo],
    rows: [Math.max(rowsSkip, rows.lowerBound(start)), rowsTo],
  }
}
