import type { DecimalType, FieldType, ResultType, ScalarType } from './spec.ts'

/** The digits after the point of a decimal type, or undefined when it is another type. */
export function decimalScale(type: ResultType | undefined): number | undefined {
  return type?.startsWith('decimal(') ? Number(type.slice('decimal('.length, -1)) : undefined
}

/** The type of a list's elements, or undefined when it is no list. */
export function elementType(type: ResultType | undefined): ScalarType | undefined {
  return type?.startsWith('list(') ? (type.slice('list('.length, -1) as ScalarType) : undefined
}

/** The type of a map's values, or undefined when it is no map. */
export function mapValueType(type: ResultType | undefined): FieldType | undefined {
  return type?.startsWith('map(') ? (type.slice('map('.length, -1) as FieldType) : undefined
}

/** How many numbers a vector has, or undefined when it is none. */
export function vectorLength(type: ResultType | undefined): number | undefined {
  return type?.startsWith('vector(') ? Number(type.slice('vector('.length, -1)) : undefined
}

export function isScalarType(type: ResultType | undefined): type is ScalarType {
  return (
    type !== undefined &&
    elementType(type) === undefined &&
    mapValueType(type) === undefined &&
    vectorLength(type) === undefined
  )
}

/** Types that are summed: int, int64, float64 and decimals. */
export function isNumeric(type: ResultType | undefined): type is 'int' | 'int64' | 'float64' | DecimalType {
  return type === 'int' || type === 'int64' || type === 'float64' || decimalScale(type) !== undefined
}

/** Scalars with an order that means something: all but bool. */
export function isOrdered(type: ResultType | undefined): type is ScalarType {
  return isScalarType(type) && type !== 'bool'
}

/** The most digits of a decimal; its unscaled integer is below 10^38. */
export { MAX_DECIMAL_DIGITS } from '../util/limits.ts'
