import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column, Finalised } from '../aggregate.ts'
import { naiveOrder, presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import { VALUE_BYTES } from '../sizes.ts'
import type { Scalar, ScalarType, Value } from '../spec.ts'
import { isScalarType } from '../types.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, notScalar, numberOption, typeOfField, withoutSign } from './input.ts'

/** How often each value came (a map takes -0 for 0); null when there were more values than the cap. */
type Frequencies = Map<Scalar, number> | null

/** Counts each value. Past the cap a cell keeps nothing but that it is: a choice of what to keep would follow arrival. */
class FrequencyColumn extends Cells<Frequencies> implements Column {
  private readonly field: number
  private readonly type: ScalarType
  private readonly max: number

  constructor(field: number, type: ScalarType, max: number) {
    super()
    this.field = field
    this.type = type
    this.max = max
  }

  protected emptyCell(): Frequencies {
    return new Map()
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Scalar | null
      if (value !== null) this.add(at, value, 1)
    }
  }

  merge(at: number, other: FrequencyColumn, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const frequencies = other.at(i)
      if (frequencies === null) this.cells[at] = null
      else for (const [value, times] of frequencies) this.add(at, value, times)
    }
  }

  private add(at: number, value: Scalar, times: number): void {
    const frequencies = this.at(at)
    if (frequencies === null) return
    frequencies.set(value, (frequencies.get(value) ?? 0) + times)
    if (frequencies.size > this.max) this.cells[at] = null
  }

  best(at: number): Finalised {
    const frequencies = this.at(at)
    if (frequencies === null) return { error: 'cap' }
    let best: Scalar | null = null
    let most = 0
    for (const [value, times] of frequencies) {
      if (times > most || (times === most && best !== null && compareValues(value, best) < 0)) best = value
      if (times > most) most = times
    }
    return { value: best, isEmpty: best === null }
  }

  /** For each cell 0 past the cap, else the number of its values and one more, and how often each came; then all values. */
  encode(out: ByteWriter): void {
    const values: Scalar[] = []
    for (const frequencies of this.cells) {
      out.varint(frequencies === null ? 0 : frequencies.size + 1)
      if (frequencies === null) continue
      for (const value of [...frequencies.keys()].sort(compareValues)) {
        out.varint(frequencies.get(value) as number)
        values.push(value)
      }
    }
    encodeValues(out, values, this.type)
  }

  decode(bytes: ByteReader, length: number): void {
    const cells: (number[] | null)[] = []
    let total = 0
    for (let i = 0; i < length; i++) {
      const size = bytes.varint() - 1
      const times: number[] = []
      for (let j = 0; j < size; j++) times.push(bytes.varint())
      total += times.length
      cells.push(size < 0 ? null : times)
    }
    const values = decodeValues(bytes, total, this.type) as Scalar[]
    let next = 0
    this.cells = cells.map((times) =>
      times === null ? null : new Map(times.map((n) => [values[next++] as Scalar, n])),
    )
  }
}

/** The value that came most often; of several the smallest. 0 and -0 are one value. */
export const mostFrequent: Aggregate = {
  name: 'mostFrequent',
  takes: 'field',
  options: { max: { kind: 'integer', least: 1, most: 10_000, default: 1000 } },
  prepare(input) {
    const type = typeOfField(input)
    if (!isScalarType(type)) return notScalar(type, 'mostFrequent')
    const field = fieldOf(input)
    const max = numberOption(input, 'max')
    return {
      resultType: type,
      empty: null,
      accumulators: [
        {
          kind: `frequencies(${max})`,
          cellBytes: max * (VALUE_BYTES + 2),
          field,
          ...filteredBy(input.where),
          create: (placeOf) => new FrequencyColumn(placeOf(field), type, max),
        },
      ],
      finalise: ([column], [at = 0]) => (column as FrequencyColumn).best(at),
    }
  },
  naive(rows, input) {
    const values = presentOf(rows, input.field).map(withoutSign)
    const distinct = [...new Set(values)].sort(naiveOrder)
    if (distinct.length > numberOption(input, 'max')) return { error: 'cap' }
    const times = distinct.map((value) => values.filter((other) => other === value).length)
    return distinct[times.indexOf(Math.max(...times))]
  },
  doc: {
    summary: 'the value that came most often; of several the smallest',
    empty: 'null',
    result: "the field's type",
    retracts: FROM_KEPT_ROWS,
    exactness: 'exact (0 and -0 are one value); status error, reason cap, past max distinct values (default 1000)',
    example: "mostFrequent(e.country).over('7d')",
  },
}
