import type { Rows } from './rows.ts'
import type { Comparison, Predicate, Scalar, Value } from './spec.ts'
import { compareValues } from './values.ts'

/** Tests one value of a row. */
type Test = (value: Value) => boolean

/** A compiled filter: sets `mask[i]` to 1 for each row `i` in `[from, to)` that it admits, to 0 for the others. */
export type RowFilter = (rows: Rows, from: number, to: number, mask: Uint8Array) => void

/** Compiles a predicate once; `fieldIndex` gives a field's place in the plan's rows. */
export function compilePredicate(predicate: Predicate, fieldIndex: (field: string) => number): RowFilter {
  if (!('of' in predicate)) {
    const field = fieldIndex(predicate.field)
    const test = compileTest(predicate)
    return (rows, from, to, mask) => {
      const values = rows.fields[field] as Value[]
      for (let i = from; i < to; i++) mask[i] = test(values[i] as Value) ? 1 : 0
    }
  }
  const admits = compileRow(predicate, fieldIndex)
  return (rows, from, to, mask) => {
    for (let i = from; i < to; i++) mask[i] = admits(rows, i) ? 1 : 0
  }
}

function compileRow(predicate: Predicate, fieldIndex: (field: string) => number): (rows: Rows, at: number) => boolean {
  if (predicate.op === 'not') {
    const inner = compileRow(predicate.of, fieldIndex)
    return (rows, at) => !inner(rows, at)
  }
  if ('of' in predicate) {
    const tests = predicate.of.map((inner) => compileRow(inner, fieldIndex))
    return predicate.op === 'and'
      ? (rows, at) => tests.every((test) => test(rows, at))
      : (rows, at) => tests.some((test) => test(rows, at))
  }
  const field = fieldIndex(predicate.field)
  const test = compileTest(predicate)
  return (rows, at) => test((rows.fields[field] as Value[])[at] as Value)
}

function compileTest(predicate: Comparison): Test {
  switch (predicate.op) {
    case 'isNull':
      return (value) => value === null
    case 'notNull':
      return (value) => value !== null
    case 'prefix':
      return (value) => typeof value === 'string' && value.startsWith(predicate.value)
    case 'in': {
      const values = new Set<Value>(predicate.values)
      return (value) => values.has(value)
    }
    case 'between':
      return compileBetween(predicate.low, predicate.high)
    default:
      return compileComparison(predicate.op, predicate.value)
  }
}

function compileBetween(low: Scalar, high: Scalar): Test {
  const atLeast = compileComparison('gte', low)
  const atMost = compileComparison('lte', high)
  return (value) => atLeast(value) && atMost(value)
}

/** Numbers compare as numbers (-0 equals 0), strings by code point; null is admitted by no comparison. */
function compileComparison(op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte', constant: Scalar): Test {
  if (op === 'eq') return (value) => value === constant
  if (op === 'ne') return (value) => value !== null && value !== constant
  if (typeof constant === 'string') {
    const holds = {
      gt: (c: number) => c > 0,
      gte: (c: number) => c >= 0,
      lt: (c: number) => c < 0,
      lte: (c: number) => c <= 0,
    }[op]
    return (value) => value !== null && holds(compareValues(value as Scalar, constant))
  }
  switch (op) {
    case 'gt':
      return (value) => value !== null && value > constant
    case 'gte':
      return (value) => value !== null && value >= constant
    case 'lt':
      return (value) => value !== null && value < constant
    case 'lte':
      return (value) => value !== null && value <= constant
  }
}

/** The fields that a filter reads, in its order, repeated as often as it reads them. */
export function fieldsOf(where: Predicate | undefined): string[] {
  if (where === undefined) return []
  if ('field' in where) return [where.field]
  return where.op === 'not' ? fieldsOf(where.of) : where.of.flatMap(fieldsOf)
}
