import type { FieldSpec } from '../engine/index.ts'
import { type DecimalProblem, parseDecimal } from '../util/decimal-text.ts'
import { MAX_DECIMAL_DIGITS } from '../util/limits.ts'
import { ExactNumber } from './exact-number.ts'
import { absent, type FieldReader, refuse } from './field-refusal.ts'
import type { RefusalReason } from './refusal.ts'

/**
 * Compiles the checks of a decimal: a text of plain digits, or a JSON number by its own digits, exponent and all. Rows hold
 * it as a bigint of units of its last digit.
 */
export function decimalReader(field: FieldSpec, scale: number): FieldReader {
  const refusals: Readonly<Record<DecimalProblem, readonly [RefusalReason, string]>> = {
    malformed: ['wrong_type', 'a decimal such as "12.30", without exponent, sign + or spaces'],
    too_precise: ['out_of_range', `at most ${scale} digits after the point`],
    too_large: ['out_of_range', `at most ${MAX_DECIMAL_DIGITS} digits, ${scale} of them after the point`],
  }
  return (raw) => {
    const text = typeof raw === 'string' ? raw : numberText(raw)
    if (text === undefined) return absent(field, raw, 'a decimal, as a text such as "12.30" or as a number')
    // Of a number, only an infinity has no such digits: JSON.parse gives it for 1e400.
    const units = parseDecimal(text, scale, typeof raw !== 'string')
    if (typeof units === 'bigint') return units
    const [reason, expected] = refusals[typeof raw !== 'string' && units === 'malformed' ? 'too_large' : units]
    return refuse(reason, field, raw, expected)
  }
}

/** The digits of a number as it was written; `String` gives them for what a double holds exactly enough. */
function numberText(raw: unknown): string | undefined {
  if (typeof raw === 'number' || typeof raw === 'bigint') return String(raw)
  return raw instanceof ExactNumber ? raw.source : undefined
}
