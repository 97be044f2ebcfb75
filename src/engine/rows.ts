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

  /** Puts a row at its place. A row with a known order key is a bug of the caller: the shard dedupes first. */
  insert(time: number, part: number, seq: number, values: readonly Value[]): void {
    let at = this.times.length
    while (at > 0 && this.isAfter(at - 1, time, part, seq)) at--
    if (at === this.times.length) {
      this.times.push(time)
      this.parts.push(part)
      this.seqs.push(seq)
      for (let f = 0; f < this.fields.length; f++) (this.fields[f] as Value[]).push(values[f] ?? null)
      return
    }
    this.times.splice(at, 0, time)
    this.parts.splice(at, 0, part)
    this.seqs.splice(at, 0, seq)
    for (let f = 0; f < this.fields.length; f++) (this.fields[f] as Value[]).splice(at, 0, values[f] ?? null)
  }

  private isAfter(at: number, time: number, part: number, seq: number): boolean {
    const ownTime = this.times[at] as number
    if (ownTime !== time) return ownTime > time
    const ownPart = this.parts[at] as number
    return ownPart !== part ? ownPart > part : (this.seqs[at] as number) > seq
  }

  dropFirst(count: number): void {
    if (count === 0) return
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
