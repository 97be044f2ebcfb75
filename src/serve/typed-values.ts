import { elementType, mapValueType, type ResultType, type Scalar, type Value, vectorLength } from '../engine/index.ts'

const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

/** An integer of 16 digits or more: only those may be beyond 2^53. It also finds digits inside of texts, which costs time. */
const LONG_INTEGER = /\d{16}/

/** The values that a shard wrote, as JSON has them; with `hasInt64`, integers beyond 2^53 are bigints whatever their type. */
export function parseValues(text: string, hasInt64: boolean): unknown[] {
  const isExact = hasInt64 && LONG_INTEGER.test(text)
  return (isExact ? parseWithSource(text, keepInteger) : JSON.parse(text)) as unknown[]
}

function keepInteger(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** Makes the way back from a value as {@link parseValues} has it to the value that a user's types promise. */
export function valueReader(type: ResultType): (value: unknown) => Value {
  const read = presentReader(type)
  return (value) => (value === null ? null : read(value))
}

function presentReader(type: ResultType): (value: unknown) => Value {
  const element = elementType(type)
  if (element !== undefined) {
    const readElement = presentReader(element)
    return (value) => (value as unknown[]).map(readElement) as Scalar[]
  }
  if (vectorLength(type) !== undefined) return (value) => Float32Array.from(value as unknown[], Number)
  const inner = mapValueType(type)
  if (inner !== undefined) return mapReader(valueReader(inner))
  if (type === 'int64') return (value) => BigInt(value as number | bigint)
  // Beside an int64, the float 1e20 is a bigint too: its text is all digits.
  return (value) => (typeof value === 'bigint' ? Number(value) : (value as Scalar))
}

/**
 * As own properties, so that a group called "__proto__" or "constructor" is a key like any other. With the usual prototype: a service
 * binding refuses to carry an object that has none.
 */
function mapReader(readValue: (value: unknown) => Value): (value: unknown) => Value {
  return (value) => Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, readValue(item)]))
}
