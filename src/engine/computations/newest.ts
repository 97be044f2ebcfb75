import type { AccumulatorSpec, AggregateInput, Column, Computation } from '../aggregate.ts'
import { type KeptRow, NewestRowsColumn } from '../aggregates/newest-rows.ts'
import { compilePredicate, fieldsOf, type RowFilter } from '../predicate.ts'
import { Rows } from '../rows.ts'
import { KEY_BYTES, VALUE_BYTES } from '../sizes.ts'

/**
 * The computation of a window of the newest n rows: one accumulator keeps those that the filter admits, and the inner
 * computation runs over them when the value is read. `inner` is called once, with the input less its filter, which the kept
 * rows have passed already; what its accumulators filter by beside it (the matches of `rate`) is applied then.
 */
export function overNewest(
  n: number,
  input: AggregateInput,
  inner: (input: AggregateInput) => Computation | { readonly error: string },
): Computation | { readonly error: string } {
  const { where, ...unfiltered } = input
  const computation = inner(unfiltered)
  if ('error' in computation) return computation
  const { accumulators, resultType, empty } = computation
  const fields = [...new Set(accumulators.flatMap(fieldsRead))].sort()
  const totals = new TotalsOfRows(accumulators, fields)
  return {
    resultType,
    empty,
    accumulators: [
      {
        kind: `newest(${n})`,
        cellBytes: n * (KEY_BYTES + fields.length * VALUE_BYTES),
        more: fields,
        ...(where !== undefined && { where }),
        create: (placeOf) => {
          const kept = fields.map((field) => ({ place: placeOf(field), type: input.typeOf(field) }))
          return new NewestRowsColumn(kept, n, 'all')
        },
      },
    ],
    finalise([column], [at = 0], context) {
      totals.take((column as NewestRowsColumn).at(at))
      return computation.finalise(totals.columns, totals.places, context)
    },
  }
}

const fieldsRead = ({ field, more, where }: AccumulatorSpec): string[] => [
  ...(field === undefined ? [] : [field]),
  ...(more ?? []),
  ...fieldsOf(where),
]

/** Columns of one cell each, filled anew from a few rows. Reused between reads. */
class TotalsOfRows {
  readonly columns: readonly Column[]
  /** The place of each column's one cell. */
  readonly places: readonly number[]
  private readonly filters: readonly (RowFilter | null)[]
  private readonly fieldCount: number

  constructor(accumulators: readonly AccumulatorSpec[], fields: readonly string[]) {
    const placeOf = (field: string) => fields.indexOf(field)
    this.fieldCount = fields.length
    this.columns = accumulators.map((accumulator) => {
      const column = accumulator.create(placeOf)
      column.insert(0)
      return column
    })
    this.places = accumulators.map(() => 0)
    this.filters = accumulators.map(({ where }) => (where === undefined ? null : compilePredicate(where, placeOf)))
  }

  take(kept: readonly KeptRow[]): void {
    const rows = new Rows(this.fieldCount)
    // Kept newest first, wanted in order.
    for (const { time, part, seq, values } of kept.toReversed()) rows.push(time, part, seq, values)
    const mask = new Uint8Array(rows.length)
    this.columns.forEach((column, i) => {
      column.clear(0)
      const filter = this.filters[i]
      filter?.(rows, 0, rows.length, mask)
      column.update(0, rows, 0, rows.length, filter ? mask : null)
    })
  }
}
