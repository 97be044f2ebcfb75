import { decimalScale, elementType, type FieldSpec, vectorLength } from '../engine/index.ts'
import { MAX_TEXT_UNITS } from '../util/limits.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { decimalReader } from './decimal-reader.ts'
import { rounded } from './exact-number.ts'
import { absent, type FieldReader, refuse } from './field-refusal.ts'
import { listReader } from './list-reader.ts'
import { type RefusalReason, refusal, shown } from './refusal.ts'
import { vectorReader } from './vector-reader.ts'

/** Compiles the checks of a field into one closure. `maxUnits` caps texts that declare no cap of their own. */
export function fieldReader(field: FieldSpec, maxUnits = MAX_TEXT_UNITS): FieldReader {
  const element = elementType(field.type)
  if (element !== undefined) return listReader(field, element, fieldReader)
  const length = vectorLength(field.type)
  if (length !== undefined) return vectorReader(field, length)
  const scale = decimalScale(field.type)
  return scale === undefined ? plainReader(field, maxUnits) : decimalReader(field, scale)
}

function plainReader(field: FieldSpec, maxUnits: number): FieldReader {
  switch (field.type) {
    case 'string':
      if (field.values !== undefined) return choiceReader(field, field.values)
      return field.format === 'uuid' ? uuidReader(field) : textReader(field, maxUnits)
    case 'bool':
      return (raw) => (typeof raw === 'boolean' ? raw : absent(field, raw, 'true or false'))
    case 'int64':
      return int64Reader(field)
    case 'timestamp':
      return field.format === 'ms' ? epochMsReader(field) : isoReader(field)
    default:
      return numberReader(field)
  }
}

function textReader(field: FieldSpec, maxUnits: number): FieldReader {
  const least = field.minLength ?? 0
  const most = Math.min(field.maxLength ?? maxUnits, maxUnits)
  const reason: RefusalReason = most === field.maxLength ? 'out_of_range' : 'too_large'
  return (raw) => {
    if (typeof raw !== 'string') return absent(field, raw, 'a text')
    if (raw.length > most) return refuse(reason, field, raw, `at most ${most} characters`)
    if (raw.length < least) return refuse('out_of_range', field, raw, `at least ${least} characters`)
    if (!raw.isWellFormed()) return refuse('ill_formed_string', field, raw, 'a text without lone surrogates')
    return raw
  }
}

function choiceReader(field: FieldSpec, values: readonly string[]): FieldReader {
  const listed = `one of ${values
    .slice(0, 12)
    .map((value) => JSON.stringify(value))
    .join(', ')}${values.length > 12 ? ', ...' : ''}`
  // A list beats a Set while it is short: no hash of a freshly parsed text.
  const known: (text: string) => boolean = values.length <= 8 ? (text) => values.includes(text) : setOf(values)
  return (raw) => {
    if (typeof raw !== 'string') return absent(field, raw, listed)
    return known(raw) ? raw : refuse('not_in_enum', field, raw, listed)
  }
}

function setOf(values: readonly string[]): (text: string) => boolean {
  const set = new Set(values)
  return (text) => set.has(text)
}

// RFC 9562 versions 1 to 8, the nil and the max UUID: what z.uuid() takes.
const UUID =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|0{8}-(?:0{4}-){3}0{12}|f{8}-(?:f{4}-){3}f{12})$/

/** The one spelling of a UUID (lower case), or undefined when it is none. */
export function canonicalUuid(text: string): string | undefined {
  if (text.length !== 36) return undefined
  const lower = text.toLowerCase()
  return UUID.test(lower) ? lower : undefined
}

function uuidReader(field: FieldSpec): FieldReader {
  return (raw) => {
    if (typeof raw !== 'string') return absent(field, raw, 'a UUID')
    return canonicalUuid(raw) ?? refuse('wrong_type', field, raw, 'a UUID')
  }
}

function numberReader(field: FieldSpec): FieldReader {
  const isInt = field.type === 'int'
  const expected = isInt ? 'a whole number' : 'a number'
  const low = field.min ?? Number.NEGATIVE_INFINITY
  const high = field.max ?? Number.POSITIVE_INFINITY
  const lowOpen = field.exclusiveMin ?? Number.NEGATIVE_INFINITY
  const highOpen = field.exclusiveMax ?? Number.POSITIVE_INFINITY
  return (given) => {
    const raw = rounded(given)
    const isBig = typeof raw === 'bigint'
    if (typeof raw !== 'number' && !isBig) return absent(field, raw, expected)
    // JSON.parse reads 1e400 as Infinity, and a float field may be sent more digits than it can hold.
    const value = isBig && !isInt ? Number(raw) : raw
    if (typeof value !== 'number' || !Number.isFinite(value))
      return refuse('out_of_range', field, raw, `${expected} that fits`)
    if (isInt && !Number.isSafeInteger(value)) {
      const isWhole = Number.isInteger(value)
      return refuse(
        isWhole ? 'out_of_range' : 'wrong_type',
        field,
        raw,
        isWhole ? 'less than 2^53 (use int64())' : expected,
      )
    }
    const fits = value >= low && value <= high && value > lowOpen && value < highOpen
    return fits ? value : refuse('out_of_range', field, raw, `${expected} ${boundsOf(field)}`)
  }
}

function boundsOf({ min, max, exclusiveMin, exclusiveMax }: FieldSpec): string {
  const bounds = [
    min === undefined ? '' : `>= ${min}`,
    exclusiveMin === undefined ? '' : `> ${exclusiveMin}`,
    max === undefined ? '' : `<= ${max}`,
    exclusiveMax === undefined ? '' : `< ${exclusiveMax}`,
  ]
  return bounds.filter((bound) => bound !== '').join(' and ')
}

function int64Reader(field: FieldSpec): FieldReader {
  const expected = 'an integer of 64 bits, as a JSON number'
  return (given) => {
    const raw = rounded(given)
    if (typeof raw === 'number') {
      if (Number.isSafeInteger(raw)) return BigInt(raw)
      return refuse(
        Number.isInteger(raw) || !Number.isFinite(raw) ? 'out_of_range' : 'wrong_type',
        field,
        raw,
        `${expected}, without exponent`,
      )
    }
    if (typeof raw !== 'bigint') return absent(field, raw, expected)
    return BigInt.asIntN(64, raw) === raw ? raw : refuse('out_of_range', field, raw, expected)
  }
}

function epochMsReader(field: FieldSpec): FieldReader {
  const expected = 'a whole number of epoch milliseconds'
  return (given) => {
    const raw = rounded(given)
    if (typeof raw !== 'number')
      return typeof raw === 'bigint' ? refuse('bad_time', field, raw, expected) : absent(field, raw, expected)
    // -0 is the same millisecond as 0, and a timestamp has one spelling.
    return Number.isSafeInteger(raw) ? raw + 0 : refuse('bad_time', field, raw, expected)
  }
}

function isoReader(field: FieldSpec): FieldReader {
  const expected = 'a time such as 2026-01-31T23:59:59.123Z'
  return (raw) => {
    if (typeof raw !== 'string') return absent(field, raw, expected)
    const ms = parseRfc3339(raw)
    if (typeof ms === 'number') return ms
    return refusal('bad_time', `"${field.name}" is ${shown(raw)}, which is no time: ${ms}.`, field.name)
  }
}
