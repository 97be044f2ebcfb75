import { decimalScale, type ScalarType } from '../../engine/index.ts'
import { formatDecimal } from '../../util/decimal-text.ts'
import { MAX_DECIMAL_DIGITS } from '../../util/limits.ts'
import { parseRfc3339 } from '../../util/rfc3339.ts'
import type { TimeUnit } from './meaning.ts'

/** The type of a scalar as far as it decides how a value is written for its contract. */
export interface Target {
  readonly type: ScalarType
  /** Timestamps: RFC 3339 or epoch milliseconds. */
  readonly format?: string
}

/** No decimal that a contract takes needs more: 38 digits are 127 bits, and zeros may follow them. */
const MOST_DECIMAL_BYTES = 64

/** The whole number that bytes are in big-endian two's complement; undefined for none at all or absurdly many. */
export function unscaledOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0 || bytes.length > MOST_DECIMAL_BYTES) return undefined
  let units = 0n
  for (const byte of bytes) units = (units << 8n) | BigInt(byte)
  return BigInt.asIntN(8 * bytes.length, units)
}

/** The digits of a decimal, or undefined when its scale is absurd. A scale below zero stands for zeros before the point. */
export function decimalDigits(units: bigint, scale: number): string | undefined {
  if (Math.abs(scale) > 2 * MAX_DECIMAL_DIGITS) return undefined
  return scale >= 0 ? formatDecimal(units, scale) : String(units * 10n ** BigInt(-scale))
}

/** JSON of a decimal for a field: a text, or a bare number where the contract has numbers. */
export function decimalJson(digits: string, { type }: Target): string {
  if (type === 'string' || decimalScale(type) !== undefined) return `"${digits}"`
  // A whole number is one without a point to the contract of an int64, which does not drop zeros after it.
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
}

const PER_MS: Readonly<Record<'us' | 'ns', bigint>> = { us: 1_000n, ns: 1_000_000n }
const DAY_MS = 86_400_000

/** Epoch milliseconds of a count of units, cut downwards. A bigint when they are beyond 2^53. */
export function epochMs(count: number | bigint, unit: TimeUnit): number | bigint {
  if (unit === 'ms') return narrow(count)
  if (unit === 'days') return narrow(BigInt(count) * BigInt(DAY_MS))
  if (unit === 'us' && typeof count === 'number') return Math.floor(count / 1_000)
  const per = PER_MS[unit]
  const exact = BigInt(count)
  const whole = exact / per
  return narrow(exact < 0n && whole * per !== exact ? whole - 1n : whole)
}

function narrow(ms: number | bigint): number | bigint {
  const number = Number(ms)
  return Number.isSafeInteger(number) ? number : ms
}

/** JSON of a time for a field: RFC 3339 or epoch milliseconds. What no calendar has stays a number, for the contract to refuse. */
export function timeJson(ms: number | bigint, { type, format }: Target): string {
  if (type !== 'timestamp' || format === 'ms' || typeof ms === 'bigint') return String(ms)
  const isDate = Math.abs(ms) <= 8.64e15
  return isDate ? `"${new Date(ms).toISOString()}"` : String(ms)
}

/** A date with nothing after it but an offset of zero, as `io.debezium.time.IsoDate` writes it. */
const DATE = /^(-?\d{4,}-\d\d-\d\d)(?:Z|[+-]00:00)?$/

/** JSON of a time that came as text. What is no time stays as it came, for the contract to refuse. */
export function timeTextJson(raw: string, text: string, { format }: Target): string {
  const date = DATE.exec(text)
  const whole = date === null ? text : `${date[1]}T00:00:00Z`
  if (format !== 'ms') return date === null ? raw : `"${whole}"`
  const ms = parseRfc3339(whole)
  return typeof ms === 'number' ? String(ms) : raw
}
