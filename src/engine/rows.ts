import type { Value } from './spec.ts'

/** A row that counts; one that came and was taken back (its tombstone); one that was taken back before it came. */
export type Sign = 1 | 0 | -1

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
  /** What each row counts; null while all of them are 1, as they are over anything but a table. */
  signs: Sign[] | null = null
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

  signAt(at: number): Sign {
    return this.signs === null ? 1 : (this.signs[at] as Sign)
  }

  /**
   * Adds a row at the end; `sort` brings it to its place. With sign -1 it takes back the row of this order key. Two rows
   * that come with one key are a bug of the caller: the shard dedupes first.
   */
  push(time: number, part: number, seq: number, values: readonly Value[], sign: Sign = 1): void {
    const at = this.times.length
    if (sign !== 1) this.signs ??= this.times.map(() => 1)
    if (this.sorted === at && (at === 0 || this.isBefore(at - 1, time, part, seq))) this.sorted++
    this.times.push(time)
    this.parts.push(part)
    this.seqs.push(seq)
    this.signs?.push(sign)
    for (let f = 0; f < this.fields.length; f++) (this.fields[f] as Value[]).push(values[f] ?? null)
  }

  /** Adds a row of other rows. */
  pushFrom(other: Rows, at: number): void {
    this.push(
      other.times[at] as number,
      other.parts[at] as number,
      other.seqs[at] as number,
      other.valuesAt(at),
      other.signAt(at),
    )
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
    const signs = late.map((at) => this.signAt(at))
    const fields = this.fields.map((field) => late.map((at) => field[at] as Value))
    let next = late.length - 1
    let kept = from - 1
    for (let at = length - 1; next >= 0; at--) {
      const isLate = kept < 0 || this.isBefore(kept, times[next] as number, parts[next] as number, seqs[next] as number)
      if (isLate) {
        this.times[at] = times[next] as number
        this.parts[at] = parts[next] as number
        this.seqs[at] = seqs[next] as number
        if (this.signs) this.signs[at] = signs[next] as Sign
        for (let f = 0; f < fields.length; f++) (this.fields[f] as Value[])[at] = fields[f]?.[next] as Value
        next--
      } else {
        this.move(kept, at)
        kept--
      }
    }
    this.sorted = length
    // Whatever has moved lies behind the first of the late ones.
    if (this.signs) this.annihilate(this.signs, Math.max(0, this.lowerBound(times[0] as number)))
  }

  /** A row and what takes it back have one key, so they are neighbours: one tombstone stays, which only holds the place. */
  private annihilate(signs: Sign[], from: number): void {
    let end = from
    for (let at = from; at < this.times.length; at++) {
      const isPair =
        end > from &&
        this.times[end - 1] === this.times[at] &&
        this.parts[end - 1] === this.parts[at] &&
        this.seqs[end - 1] === this.seqs[at]
      if (!isPair) {
        this.move(at, end++)
        continue
      }
      const sum = (signs[end - 1] as Sign) + (signs[at] as Sign)
      if (sum !== 0) throw new Error(`two rows of one order key: time ${this.times[at]}, seq ${this.seqs[at]}`)
      signs[end - 1] = sum
      for (const field of this.fields) field[end - 1] = null
    }
    this.times.length = end
    this.parts.length = end
    this.seqs.length = end
    signs.length = end
    for (const field of this.fields) field.length = end
    this.sorted = end
  }

  private move(from: number, to: number): void {
    if (from === to) return
    this.times[to] = this.times[from] as number
    this.parts[to] = this.parts[from] as number
    this.seqs[to] = this.seqs[from] as number
    if (this.signs) this.signs[to] = this.signs[from] as Sign
    for (const field of this.fields) field[to] = field[from] as Value
  }

  private compare(a: number, b: number): number {
    return (
      (this.times[a] as number) - (this.times[b] as number) ||
      (this.parts[a] as number) - (this.parts[b] as number) ||
      (this.seqs[a] as number) - (this.seqs[b] as number)
    )
  }

  /** Tells that rows were put in from outside, in order: a decoder fills the arrays itself. */
  filled(): void {
    this.sorted = this.times.length
  }

  /** Whether the row at `at` comes before a row of this key. */
  private isBefore(at: number, time: number, part: number, seq: number): boolean {
    const ownTime = this.times[at] as number
    if (ownTime !== time) return ownTime < time
    const ownPart = this.parts[at] as number
    return ownPart !== part ? ownPart < part : (this.seqs[at] as number) < seq
  }

  /** Removes the rows `[0, count)`; they are in order. */
  dropFirst(count: number): void {
    if (count === 0) return
    this.sorted -= count
    this.times.splice(0, count)
    this.parts.splice(0, count)
    this.seqs.splice(0, count)
    this.signs?.splice(0, count)
    for (const field of this.fields) field.splice(0, count)
  }

  /** The values of one row, in the order of the plan's fields. */
  valuesAt(at: number): Value[] {
    return this.fields.map((field) => field[at] as Value)
  }
}
