import type { FieldSpec, Predicate, Value } from '../engine/index.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { DefinitionError } from './definition-error.ts'

/**
 * A filter of rows, made by comparing a field. Immutable; compose with `.and`, `.or` and {@link not}. A comparison with
 * null is false, and `not` plainly inverts: `not(e.type.eq('click'))` holds for a row without a type.
 *
 * @example count().where(e.type.eq('purchase').and(e.amount.gt(100))).over('1h')
 */
export class RowPredicate {
  /** The filter as data. */
  readonly spec: Predicate

  constructor(spec: Predicate) {
    this.spec = spec
  }

  /** Both hold. */
  and(other: RowPredicate): RowPredicate {
    return new RowPredicate({ op: 'and', of: [this.spec, specOf('.and()', other)] })
  }

  /** At least one holds. */
  or(other: RowPredicate): RowPredicate {
    return new RowPredicate({ op: 'or', of: [this.spec, specOf('.or()', other)] })
  }
}

/**
 * The opposite of a filter; holds also where the compared field is null.
 *
 * @example count().where(not(e.type.in(['view', 'click']))).over('1d')
 */
export function not(predicate: RowPredicate): RowPredicate {
  return new RowPredicate({ op: 'not', of: specOf('not()', predicate) })
}

function specOf(place: string, predicate: unknown): Predicate {
  if (predicate instanceof RowPredicate) return predicate.spec
  const how = "give it a comparison of a field, such as e.type.eq('click')"
  throw new DefinitionError('wrong_type', place, `this is no filter of rows: ${how}.`)
}

/** The value to compare a field with, in the form rows hold; throws when it is of another type or can never be equal. */
export function comparable(
  where: string,
  field: FieldSpec,
  value: unknown,
  subject = `"${field.name}" compares with`,
): Exclude<Value, null> {
  const expected = (what: string) =>
    new DefinitionError('wrong_type', where, `${subject} ${what}; got ${shownValue(value)}.`)
  if (value === null || value === undefined) throw expected('a value; for null write .isNull()')
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw expected('a text')
      if (!value.isWellFormed()) throw expected('a text without lone surrogates')
      if (field.values && !field.values.includes(value))
        throw expected(`one of ${field.values.map((v) => `'${v}'`).join(', ')}`)
      return field.format === 'uuid' ? value.toLowerCase() : value
    case 'bool':
      if (typeof value !== 'boolean') throw expected('true or false')
      return value
    case 'int64':
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value
      if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
      throw expected('a bigint of 64 bits, such as 42n')
    case 'timestamp': {
      const ms = typeof value === 'string' ? parseRfc3339(value) : value
      if (typeof ms === 'string') throw expected(`a time; ${ms}`)
      if (typeof ms === 'number' && Number.isSafeInteger(ms)) return ms
      throw expected('epoch milliseconds, or a time such as 2026-01-31T00:00:00Z')
    }
    default:
      if (typeof value !== 'number' || !Number.isFinite(value)) throw expected('a finite number')
      return value
  }
}

function shownValue(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' ? `'${value}'` : String(value)
}
