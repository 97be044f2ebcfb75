import type { ByteReader } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Aggregate, Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import { decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'
import { FROM_KEPT_ROWS, filteredBy } from './input.ts'

/** Keeps the time of the newest row, or of the newest where a field is not null; null in an empty cell. */
class LastTimeColumn extends Cells<number | null> implements Column {
  private readonly field: number | null

  constructor(field: number | null) {
    super()
    this.field = field
  }

  protected emptyCell(): null {
    return null
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = this.field === null ? null : rows.fields[this.field]
    // Rows are in order, so the newest that is admitted settles it.
    for (let i = to - 1; i >= from; i--) {
      if ((mask !== null && mask[i] === 0) || values?.[i] === null) continue
      this.take(at, rows.times[i] as number)
      return
    }
  }

  merge(at: number, other: LastTimeColumn, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const time = other.at(i)
      if (time !== null) this.take(at, time)
    }
  }

  private take(at: number, time: number): void {
    const last = this.at(at)
    if (last === null || time > last) this.cells[at] = time
  }

  encode(out: ByteWriter): void {
    encodeValues(out, this.cells, 'timestamp')
  }

  decode(bytes: ByteReader, length: number): void {
    this.cells = decodeValues(bytes, length, 'timestamp') as (number | null)[]
  }
}

/** How long before t the newest row was. */
export const timeSinceLast: Aggregate = {
  name: 'timeSinceLast',
  takes: 'optional field',
  prepare: ({ field, where }) => ({
    resultType: 'int',
    empty: null,
    accumulators: [
      {
        kind: 'lastTime',
        ...(field !== undefined && { field }),
        ...filteredBy(where),
        create: (placeOf) => new LastTimeColumn(field === undefined ? null : placeOf(field)),
      },
    ],
    finalise([column], [at = 0], { t }) {
      const last = (column as LastTimeColumn).at(at)
      return { value: last === null ? null : t - last, isEmpty: last === null }
    },
  }),
  naive(rows, { field }, { t }) {
    const last = rows.findLast((row) => field === undefined || (row.fields[field] ?? null) !== null)
    return last && t - last.time
  },
  doc: {
    summary:
      'the milliseconds from the newest row to the request time; with a field, from the newest where it is not null',
    empty: 'null',
    result: 'int, in ms',
    retracts: FROM_KEPT_ROWS,
    exactness: 'exact',
    example: "timeSinceLast().where(e.type.eq('purchase')).over('30d')",
  },
}
