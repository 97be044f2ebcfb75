/** What has become of the rows of an import so far. */
import type { Refusal } from '../../src/contract/index.ts'
import type { Rows } from './row.ts'
import type { Sent } from './send.ts'

/** A refused row, as the summary shows it. */
export interface Sample {
  /** `FILE:LINE`. */
  readonly at: string
  readonly message: string
}

export interface Tally {
  rows: number
  accepted: number
  duplicates: number
  /** On their way to the region that keeps them. */
  forwarded: number
  refused: number
  /** By reason: how many, and the first of them. */
  readonly reasons: Record<string, { count: number; readonly first: Sample[] }>
}

const SHOWN = 3

export const newTally = (): Tally => ({ rows: 0, accepted: 0, duplicates: 0, forwarded: 0, refused: 0, reasons: {} })

/** Adds rows of one file that were sent, or (in a dry run) checked. */
export function addUp(tally: Tally, file: string, rows: Rows, sent: Sent): void {
  tally.rows += rows.length
  tally.accepted += sent.accepted
  tally.duplicates += sent.duplicates
  tally.forwarded += sent.forwarded ?? 0
  for (const { index, ...why } of sent.refused) addRefusal(tally, file, rows, index, why)
}

function addRefusal(tally: Tally, file: string, rows: Rows, index: number, why: Refusal): void {
  const row = rows[index]
  const reason = row?.problem === undefined ? why.reason : 'bad_row'
  tally.refused++
  tally.reasons[reason] ??= { count: 0, first: [] }
  const kept = tally.reasons[reason]
  kept.count++
  if (kept.first.length < SHOWN) kept.first.push({ at: `${file}:${row?.line}`, message: row?.problem ?? why.message })
}
