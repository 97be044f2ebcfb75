import type { Aggregate, AggregateInput } from '../aggregate.ts'
import { presentOf } from '../naive.ts'
import { KEY_BYTES, VALUE_BYTES } from '../sizes.ts'
import type { Scalar } from '../spec.ts'
import { isScalarType } from '../types.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, numberOption, typeOfField, withoutSign } from './input.ts'
import { NewestRowsColumn } from './newest-rows.ts'

const isDistinct = ({ options }: AggregateInput): boolean => options.distinct === true

/** The newest n values of a field, newest first; distinct, each at its newest place. */
export const lastN: Aggregate = {
  name: 'lastN',
  takes: 'field',
  options: { n: { kind: 'integer', least: 1, most: 1000 }, distinct: { kind: 'flag' } },
  prepare(input) {
    const type = typeOfField(input)
    if (!isScalarType(type)) return { error: `a ${type} is no element of a list: lastN takes a scalar field` }
    const n = numberOption(input, 'n')
    const distinct = isDistinct(input)
    const field = fieldOf(input)
    return {
      resultType: `list(${type})`,
      empty: [],
      accumulators: [
        {
          kind: distinct ? `lastN(${n},distinct)` : `lastN(${n})`,
          cellBytes: n * (KEY_BYTES + VALUE_BYTES),
          field,
          ...filteredBy(input.where),
          create: (placeOf) =>
            new NewestRowsColumn([{ place: placeOf(field), type }], n, distinct ? 'distinct' : 'present'),
        },
      ],
      finalise([column], [at = 0]) {
        const values = (column as NewestRowsColumn).at(at).map((row) => row.values[0] as Scalar)
        return { value: distinct ? values.map(withoutSign) : values, isEmpty: values.length === 0 }
      },
    }
  },
  naive(rows, input) {
    const values = presentOf(rows, input.field).toReversed()
    if (values.length === 0) return undefined
    const wanted = isDistinct(input) ? [...new Set(values.map(withoutSign))] : values
    return wanted.slice(0, numberOption(input, 'n'))
  },
  doc: {
    summary: 'the newest n values of a field, newest first; with distinct: true each value once, at its newest place',
    empty: '[]',
    result: "a list of the field's type",
    retracts: FROM_KEPT_ROWS,
    exactness: 'exact; for distinct, 0 and -0 are one value, 0',
    example: "lastN(e.type, 10, { distinct: true }).over('1d')",
  },
}
