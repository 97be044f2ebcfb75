import { formatDecimal } from '../util/decimal-text.ts'
import { float32Text } from '../util/float32-text.ts'
import type { ResultType, Scalar, Value } from './spec.ts'
import { decimalScale, elementType, mapValueType } from './types.ts'

/**
 * JSON of a value, bit for bit: integers beyond 2^53 are bare numbers, and -0 stays -0 (`JSON.stringify` gives 0). A
 * decimal is a text with exactly its scale of digits, a vector the shortest decimals of its float32s, a map an object.
 *
 * @example jsonText([1230n, -5n], 'list(decimal(2))') // '["12.30","-0.05"]'
 */
export function jsonText(value: Value, type: ResultType): string {
  // Plain scalars first, without a look at the type: nearly all features are.
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return bigintText(value, type)
  return typeof value === 'object' && value !== null ? compoundText(value, type) : String(value)
}

function bigintText(value: bigint, type: ResultType): string {
  const scale = type === 'int64' ? undefined : decimalScale(type)
  return scale === undefined ? String(value) : `"${formatDecimal(value, scale)}"`
}

function compoundText(value: Exclude<Value, Scalar | null>, type: ResultType): string {
  if (value instanceof Float32Array) return `[${Array.from(value, float32Text).join()}]`
  const element = elementType(type)
  if (element !== undefined) return `[${(value as readonly Scalar[]).map((item) => jsonText(item, element)).join()}]`
  const inner = mapValueType(type)
  if (inner === undefined) throw new TypeError(`no JSON of a value of ${type}`)
  const members = Object.entries(value as Readonly<Record<string, Value>>)
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${jsonText(item, inner)}`).join()}}`
}
