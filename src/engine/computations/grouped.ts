import { formatDecimal } from '../../util/decimal-text.ts'
import type { AccumulatorSpec, Computation, Finalised } from '../aggregate.ts'
import { NUMBERS_BYTES, VALUE_BYTES } from '../sizes.ts'
import type { FieldType, Scalar, ScalarType, Value } from '../spec.ts'
import { decimalScale, isScalarType, mapValueType } from '../types.ts'
import { compareValues } from '../values.ts'
import { GroupedColumn } from './grouped-column.ts'

export interface GroupBy {
  readonly field: string
  /** More distinct keys than this are an error: a map that drops some by arrival is no value. */
  readonly max: number
}

/**
 * One value of an inner computation for each value of a field: a map from the text of the key. Keys whose inner value is
 * empty are left out, and so are rows whose key is null. Entries are put in by the order of their keys, but mind that
 * JavaScript lists keys that look like array indices first.
 */
export function groupedBy(
  inner: Computation,
  { field, max }: GroupBy,
  typeOf: (field: string) => FieldType,
): Computation | { readonly error: string } {
  const type = typeOf(field)
  if (!isScalarType(type) || type === 'float64') {
    return { error: `a ${type} is no key of a group: group by a string, bool, int, int64, timestamp or decimal field` }
  }
  const { resultType } = inner
  if (mapValueType(resultType) !== undefined) return { error: `values of type ${resultType} cannot be grouped again` }
  return {
    resultType: `map(${resultType as FieldType})`,
    empty: Object.freeze(Object.create(null)),
    accumulators: inner.accumulators.map((accumulator) => groupedAccumulator(accumulator, field, max, type)),
    finalise(columns, at, context): Finalised {
      const grouped = columns as readonly GroupedColumn[]
      const keys = new Set<Scalar>()
      for (let i = 0; i < grouped.length; i++) {
        const slots = grouped[i]?.at(at[i] ?? 0)
        if (slots === null) return { error: 'cap' }
        for (const key of slots?.keys() ?? []) keys.add(key)
      }
      const innerColumns = grouped.map((column) => column.inner)
      const map: { [key: string]: Value } = Object.create(null)
      let isEmpty = true
      let isApproximate = false
      for (const key of [...keys].sort(compareValues)) {
        const slots = grouped.map((column, i) => column.slotOf(at[i] ?? 0, key))
        const result = inner.finalise(innerColumns, slots, context)
        if ('error' in result) return result
        if (result.isEmpty) continue
        map[keyText(key, type)] = result.value
        isEmpty = false
        if (result.isApproximate === true) isApproximate = true
      }
      return { value: map, isEmpty, ...(isApproximate && { isApproximate }) }
    },
  }
}

function groupedAccumulator(inner: AccumulatorSpec, field: string, max: number, type: ScalarType): AccumulatorSpec {
  return {
    ...inner,
    kind: `by(${max}):${inner.kind}`,
    cellBytes: max * (VALUE_BYTES + (inner.cellBytes ?? NUMBERS_BYTES)),
    more: [...(inner.more ?? []), field],
    create(placeOf) {
      const createInner = () => inner.create(placeOf)
      return new GroupedColumn(createInner, placeOf(field), type, max)
    },
  }
}

/** The text of a group's key: of a decimal with all its digits, of everything else as JSON has it, without quotes. */
export function keyText(key: Scalar, type: ScalarType): string {
  const scale = decimalScale(type)
  return scale === undefined ? String(key) : formatDecimal(key as bigint, scale)
}
