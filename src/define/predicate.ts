import { decimalScale, type FieldSpec, isScalarType, type Predicate, type Scalar } from '../engine/index.ts'
import { parseDecimal } from '../util/decimal-text.ts'
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
): Scalar {
  const expected = (what: string) =>
    new DefinitionError('wrong_type', where, `${subject} ${what}; got ${shownValue(value)}.`)
  if (!isScalarType(field.type)) {
    const how = 'filter by .isNull() or .notNull(), or by another field'
    throw new DefinitionError('wrong_type', where, `"${field.name}" of type ${field.type} is not compared: ${how}.`)
  }
  if (value === null || value === undefined) throw expected('a value; for null write .isNull()')
  const scale = decimalScale(field.type)
  if (scale !== undefined) {
    const units = decimalUnits(value, scale)
    if (units !== undefined) return units
    const example = scale === 0 ? '12' : `12.${'30'.padEnd(scale, '0').slice(0, scale)}`
    throw expected(`a decimal with at most ${scale} digits after the point, best as a text such as '${example}'`)
  }
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

/**
 * A decimal in units of its last digit, from its text, a whole number as a bigint, or a number; undefined when it is none of
 * the scale. A number of more than 15 digits is refused: it may not be what was written.
 */
function decimalUnits(value: unknown, scale: number): bigint | undefined {
  const isSure = typeof value !== 'number' || Number(value.toPrecision(15)) === value
  if (!isSure || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')) return undefined
  const units = parseDecimal(String(value), scale, typeof value === 'number')
  return typeof units === 'bigint' ? units : undefined
}

/** A value as it was written in the definition, for a message. */
export function shownValue(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' ? `'${value}'` : String(value)
}
