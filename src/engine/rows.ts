import type { Value } from './spec.ts'

/**
 * Kept rows of one view, oldest first, as a struct of arrays. The order is `(time, part, seq)`, where the part index
 * follows (region, epoch, shard): it never leaves a tie open.
 */
export class Rows {
  /** Event time, integer ms since the epoch. */
  times: number[] = []
  /** Index into the entity's table of parts. */
  parts: number[] = []
  /** Commit number within the part. */
  seqs: number[] = []
  /** Rows before it are in order; those from it on wait for `sort`. */
  private sorted = 0
  /** One array of values for each field of the view's plan. */
  readonly fields: Value[][]

  constructor(fieldCount: number) {
    this.fields = Array.from({ length: fieldCount }, () => [])
  }

  get length(): number {
    return this.times.length
  }

  /** The first index whose time is at or after `time`. */
  lowerBound(time: number): number {
    const times = this.times
    let low = 0
    let high = times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((times[middle] as number) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * Adds a row at the end; `sort` brings it to its place. A row with a known order key is a bug of the caller: the shard
   * dedupes first.
   */
  push(time: number, part: number, seq: number, values: readonly Value[]): void {
    const at = this.times.length
    if (this.sorted === at && (at === 0 || !this.isAfter(at - 1, time, part, seq))) this.sorted++
    this.times.push(time)
    this.parts.push(part)
    this.seqs.push(seq)
    for (let f = 0; f < this.fields.length; f++) (this.fields[f] as Value[]).push(values[f] ?? null)
  }

  /**
   * Brings rows that came out of order to their places: the few at the end are sorted among themselves, then merged in from
   * behind. Moving the arrays for each such row would cost more than all the rest of taking it in.
   */
  sort(): void {
    const from = this.sorted
    const length = this.times.length
    if (from === length) return
    const late = Array.from({ length: length - from }, (_, i) => from + i).sort((a, b) => this.compare(a, b))
    const times = late.map((at) => this.times[at] as number)
    const parts = late.map((at) => this.parts[at] as number)
    const seqs = late.map((at) => this.seqs[at] as number)
    const fields = this.fields.map((field) => late.map((at) => field[at] as Value))
    let next = late.length - 1
    let kept = from - 1
    for (let at = length - 1; next >= 0; at--) {
      const isLate = kept < 0 || !this.isAfter(kept, times[next] as number, parts[next] as number, seqs[next] as number)
      if (isLate) {
        this.times[at] = times[next] as number
        this.parts[at] = parts[next] as number
        this.seqs[at] = seqs[next] as number
        for (let f = 0; f < fields.length; f++) (this.fields[f] as Value[])[at] = fields[f]?.[next] as Value
        next--
      } else {
        this.times[at] = this.times[kept] as number
        this.parts[at] = this.parts[kept] as number
        this.seqs[at] = this.seqs[kept] as number
        for (const field of this.fields) field[at] = field[kept] as Value
        kept--
      }
    }
    this.sorted = length
  }

  private compare(a: number, b: number): number {
    return this.isAfter(a, this.times[b] as number, this.parts[b] as number, this.seqs[b] as number) ? 1 : -1
  }

  /** Tells that rows were put in from outside, in order: a decoder fills the arrays itself. */
  filled(): void {
    this.sorted = this.times.length
  }

  private isAfter(at: number, time: number, part: number, seq: number): boolean {
    const ownTime = this.times[at] as number
    if (ownTime !== time) return ownTime > time
    const ownPart = this.parts[at] as number
    return ownPart !== part ? ownPart > part : (this.seqs[at] as number) > seq
  }

  /** Removes the rows `[0, count)`; they are in order. */
  dropFirst(count: number): void {
    if (count === 0) return
    this.sorted -= count
    this.times.splice(0, count)
    this.parts.splice(0, count)
    this.seqs.splice(0, count)
    for (const field of this.fields) field.splice(0, count)
  }

  /** The values of one row, in the order of the plan's fields. */
  valuesAt(at: number): Value[] {
    return this.fields.map((field) => field[at] as Value)
  }
}
