import { type DebeziumFormat, decimalScale, elementType, type FieldSpec, isNumeric } from '../../engine/index.ts'
import { fromBase64 } from '../../util/base64.ts'
import { type Refusal, refusal, shown } from '../refusal.ts'
import { Members, textOf } from './json-members.ts'
import type { Meaning, TimeUnit } from './meaning.ts'
import { decimalDigits, decimalJson, epochMs, type Target, timeJson, timeTextJson, unscaledOf } from './write-values.ts'

/** Turns the JSON of a column's value into what the contract of its field takes. */
export type Convert = (raw: string) => string | Refusal

/**
 * How the values of a field are converted, or undefined when they pass through as they are.
 *
 * @param meaning what the writer's schema says of the column; undefined when there is no schema, and what the source
 * declares of its encodings has to do
 */
export function convertOf(field: FieldSpec, format: DebeziumFormat, meaning: Meaning | undefined): Convert | undefined {
  const element = elementType(field.type)
  if (element === undefined) {
    // A vector passes through: a list of numbers, or base64.
    return field.type.startsWith('vector(') ? undefined : scalarConvert(field, field as Target, format, meaning)
  }
  const target: Target = { ...field.items, type: element }
  const convert = scalarConvert(field, target, format, meaning)
  return convert && ((raw) => convertList(raw, convert))
}

function scalarConvert(
  { name }: FieldSpec,
  target: Target,
  format: DebeziumFormat,
  meaning: Meaning | undefined,
): Convert | undefined {
  const { type } = target
  if (type === 'timestamp') {
    return meaning === undefined ? guessedTime(name, target, format) : knownTime(target, meaning)
  }
  if (isNumeric(type)) return numberConvert(name, target, format, meaning)
  if (type !== 'string' || meaning === undefined || meaning.kind === 'plain') return undefined
  return decimalConvert(target, meaning)
}

function numberConvert(
  name: string,
  target: Target,
  format: DebeziumFormat,
  meaning: Meaning | undefined,
): Convert | undefined {
  if (meaning !== undefined && meaning.kind !== 'plain') return decimalConvert(target, meaning)
  const scale = decimalScale(target.type)
  if (meaning === undefined && format.decimals === 'precise' && scale !== undefined) {
    return guessedDecimal(name, target, scale)
  }
  const isText = format.decimals === 'string'
  return (raw) => numberFromText(raw, target, isText)
}

/** A number may come as a text: NaN, which is null, and any decimal of `decimal.handling.mode=string`. */
function numberFromText(raw: string, { type }: Target, isText: boolean): string {
  if (raw.charCodeAt(0) !== QUOTE) return raw
  if (NAN.test(raw)) return 'null'
  return isText && decimalScale(type) === undefined && NUMBER_TEXT.test(raw) ? raw.slice(1, -1) : raw
}

const QUOTE = 34
const OPEN_OBJECT = 123
/** Debezium writes NAN, JSON converters NaN. */
const NAN = /^"nan"$/i
const NUMBER_TEXT = /^"-?(?:0|[1-9]\d*)(?:\.\d+)?"$/

function decimalConvert(target: Target, meaning: Meaning): Convert | undefined {
  if (meaning.kind === 'decimal') return (raw) => decimalOf(raw, meaning.scale, target) ?? raw
  if (meaning.kind === 'variable_decimal') return (raw) => variableDecimal(raw, target) ?? raw
  return undefined
}

/** A decimal without a schema: the scale is the contract's own, which is right when the column was declared with it. */
function guessedDecimal(name: string, target: Target, scale: number): Convert {
  return (raw) => {
    const c = raw.charCodeAt(0)
    if (c === OPEN_OBJECT) return variableDecimal(raw, target) ?? raw
    if (c !== QUOTE) return raw
    const json = decimalOf(raw, scale, target)
    if (json !== undefined) return json
    if (NAN.test(raw)) return 'null'
    const expected = 'base64, as decimal.handling.mode=precise writes decimals'
    const mend = `If the connector writes texts, declare debezium({ decimals: 'string' })`
    return refusal('wrong_type', `"${name}" is ${shown(textOf(raw))}; expected ${expected}. ${mend}.`, name)
  }
}

function decimalOf(raw: string, scale: number, target: Target): string | undefined {
  const text = textOf(raw)
  const bytes = text === undefined ? undefined : fromBase64(text)
  const units = bytes && unscaledOf(bytes)
  const digits = units === undefined ? undefined : decimalDigits(units, scale)
  return digits === undefined ? undefined : decimalJson(digits, target)
}

function variableDecimal(raw: string, target: Target): string | undefined {
  const members = new Members(raw, 0, raw.length)
  let scale = Number.NaN
  let value = ''
  while (members.next()) {
    const name = members.name()
    if (name === 'scale') scale = Number(members.value())
    else if (name === 'value') value = members.value()
  }
  return Number.isInteger(scale) ? decimalOf(value, scale, target) : undefined
}

/** What an integer of a time counts where no schema tells: `adaptive` is what PostgreSQL's `timestamp` has by default. */
function unitOf(times: DebeziumFormat['times']): TimeUnit {
  if (times === 'connect' || times === 'isostring') return 'ms'
  return times === 'nanoseconds' ? 'ns' : 'us'
}

const INTEGER = /^-?\d+$/

function knownTime(target: Target, meaning: Meaning): Convert {
  const unit = meaning.kind === 'time' ? meaning.unit : undefined
  return (raw) => {
    if (raw.charCodeAt(0) === QUOTE) return timeFromText(raw, target)
    return unit === undefined || !INTEGER.test(raw) ? raw : timeJson(epochMs(count(raw), unit), target)
  }
}

/**
 * Below these an integer is more likely a count of something larger than a time of early 1970: days until the year 4700, or
 * (where columns of less precision are milliseconds) milliseconds until 2096. 0 is the same in all units.
 */
const DAYS_BELOW = 1_000_000
const MILLISECONDS_BELOW = 4_000_000_000_000

/** A time without a schema: whether a column has another precision cannot be seen, but the times of early 1970 that come of it can. */
function guessedTime(name: string, target: Target, { times }: DebeziumFormat): Convert {
  const unit = unitOf(times)
  const doubtfulBelow = times.startsWith('adaptive') ? MILLISECONDS_BELOW : DAYS_BELOW
  return (raw) => {
    if (raw.charCodeAt(0) === QUOTE) return timeFromText(raw, target)
    if (!INTEGER.test(raw)) return raw
    const units = count(raw)
    const ms = epochMs(units, unit)
    if (units !== 0 && units < doubtfulBelow && units > -doubtfulBelow) return doubtful(name, raw, Number(ms), unit)
    return timeJson(ms, target)
  }
}

function doubtful(name: string, raw: string, ms: number, unit: TimeUnit): Refusal {
  const read = `"${name}" is ${raw}, which is ${new Date(ms).toISOString()} in ${unitNames[unit]}`
  const mend =
    'if the column has another precision, declare debezium({ times }) as the connector has time.precision.mode, or send schemas'
  return refusal('bad_time', `${read}: ${mend}.`, name)
}

const unitNames: Readonly<Record<TimeUnit, string>> = {
  days: 'days',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
}

function timeFromText(raw: string, target: Target): string {
  const text = textOf(raw)
  return text === undefined ? raw : timeTextJson(raw, text, target)
}

function count(digits: string): number | bigint {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : BigInt(digits)
}

function convertList(raw: string, convert: Convert): string | Refusal {
  const items = new Members(raw, 0, raw.length)
  const texts: string[] = []
  while (items.next()) {
    const item = convert(items.value())
    if (typeof item !== 'string') return item
    texts.push(item)
  }
  return items.isBroken ? raw : `[${texts.join()}]`
}

const PLACEHOLDER = '__debezium_unavailable_value'
const bytes = [...PLACEHOLDER].map((character) => character.charCodeAt(0))
const texts = [PLACEHOLDER, btoa(PLACEHOLDER)]
const objectText = `{"${PLACEHOLDER}":"${PLACEHOLDER}"}`
/** How Debezium writes "not sent, for it did not change" in columns of texts, bytes, lists of either, lists of numbers, and maps. */
const unavailable: ReadonlySet<string> = new Set([
  ...texts.flatMap((text) => [`"${text}"`, `["${text}"]`]),
  `[${bytes.join()}]`,
  objectText,
  JSON.stringify(objectText),
])
const lengths: ReadonlySet<number> = new Set([...unavailable].map((text) => text.length))

/** Whether the JSON of a value only says that the database did not send it. */
export function isUnavailable(raw: string): boolean {
  return lengths.has(raw.length) && unavailable.has(raw)
}
