import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { LogBuckets } from '../../util/ddsketch.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import { naiveOrder, presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import type { Value } from '../spec.ts'
import { isNumeric } from '../types.ts'
import { Cells } from './cells.ts'
import { fieldOf, filteredBy, numberOption, typeOfField, unitsPerOne } from './input.ts'

/** Counts the values of each bucket of a DDSketch. Buckets are never joined, so a cell is a function of its multiset. */
class BucketsColumn extends Cells<Map<number, number>> implements Column {
  private readonly field: number
  private readonly buckets: LogBuckets

  constructor(field: number, buckets: LogBuckets) {
    super()
    this.field = field
    this.buckets = buckets
  }

  protected emptyCell(): Map<number, number> {
    return new Map()
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.take(at, rows, from, to, mask, 1)
  }

  retract(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    this.take(at, rows, from, to, mask, -1)
  }

  private take(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null, sign: number): void {
    const values = rows.fields[this.field] as Value[]
    const counts = this.at(at)
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as number | bigint | null
      if (value !== null) addTo(counts, this.buckets.keyOf(Number(value)), sign)
    }
  }

  merge(at: number, other: BucketsColumn, from: number, to: number): void {
    const counts = this.at(at)
    for (let i = from; i < to; i++) for (const [key, count] of other.at(i)) addTo(counts, key, count)
  }

  /** The number that stands for the bucket of the lower quantile; undefined when there are no values. */
  quantile(at: number, q: number): number | undefined {
    const counts = this.at(at)
    let total = 0
    for (const count of counts.values()) total += count
    let before = rankOf(q, total)
    for (const key of keysOf(counts)) {
      before -= counts.get(key) as number
      if (before < 0) return this.buckets.valueOf(key)
    }
    return undefined
  }

  encode(out: ByteWriter): void {
    for (const counts of this.cells) {
      out.varint(counts.size)
      let previous = 0
      for (const key of keysOf(counts)) {
        out.zigzag(key - previous)
        out.zigzag(counts.get(key) as number)
        previous = key
      }
    }
  }

  decode(bytes: ByteReader, length: number): void {
    this.cells = []
    for (let i = 0; i < length; i++) {
      const counts = new Map<number, number>()
      let key = 0
      for (let left = bytes.varint(); left > 0; left--) {
        key += bytes.zigzag()
        counts.set(key, bytes.zigzag())
      }
      this.cells.push(counts)
    }
  }
}

/** A bucket whose count is zero is no bucket; below zero it waits for rows that were taken back before they came. */
function addTo(counts: Map<number, number>, key: number, count: number): void {
  const sum = (counts.get(key) ?? 0) + count
  if (sum === 0) counts.delete(key)
  else counts.set(key, sum)
}

const keysOf = (counts: ReadonlyMap<number, number>): number[] => [...counts.keys()].sort((a, b) => a - b)

/** How many values come before the lower quantile. */
const rankOf = (q: number, count: number): number => Math.floor(q * (count - 1))

/** Twelve decades are 14 / accuracy buckets, of three bytes each. */
const DECADES_BYTES = 42

/** A value within `accuracy` of the lower q-quantile, that of rank `floor(q * (n - 1))`. */
export const quantile: Aggregate = {
  name: 'quantile',
  takes: 'field',
  options: {
    q: { kind: 'ratio', least: 0, most: 1 },
    accuracy: { kind: 'fraction', above: 0.0001, below: 0.2, default: 0.01 },
  },
  prepare(input) {
    const type = typeOfField(input)
    if (!isNumeric(type)) {
      return { error: `a ${type} has no quantile: it takes an int, int64, float64 or decimal field` }
    }
    const field = fieldOf(input)
    const q = numberOption(input, 'q')
    const accuracy = numberOption(input, 'accuracy')
    const buckets = new LogBuckets(accuracy)
    const perOne = Number(unitsPerOne(type))
    return {
      resultType: 'float64',
      empty: null,
      accumulators: [
        {
          // Without q: quantiles of one field share their state.
          kind: `ddsketch(${accuracy})`,
          cellBytes: DECADES_BYTES / accuracy,
          field,
          ...filteredBy(input.where),
          create: (placeOf) => new BucketsColumn(placeOf(field), buckets),
        },
      ],
      finalise([column], [at = 0]) {
        const value = (column as BucketsColumn).quantile(at, q)
        if (value === undefined) return { value: null, isEmpty: true }
        return { value: value / perOne, isEmpty: false, isApproximate: true }
      },
    }
  },
  /** The quantile itself, of which the engine gives a value within the accuracy. */
  naive(rows, input) {
    const sorted = presentOf(rows, input.field).toSorted(naiveOrder)
    const value = sorted[rankOf(numberOption(input, 'q'), sorted.length)]
    return value === undefined ? undefined : Number(value) / Number(unitsPerOne(typeOfField(input)))
  },
  doc: {
    summary: 'about the value below which a share q of the rows lie: the lower one, of rank floor(q (n - 1))',
    empty: 'null',
    result: 'float64',
    retracts: 'takes one out of the count of its bucket',
    exactness: 'DDSketch: within accuracy (default 0.01) of the true value, relatively (Masson, Rim, Lee 2019)',
    example: "quantile(e.amount, 0.95).over('1h')",
  },
}
