/** Below this a float32 has fewer bits, and may need fewer than six digits. */
const LEAST_NORMAL = 2 ** -126
/** A text of so many digits is never mistaken for another by float32 (FLT_DIG), and nine always tell all apart. */
const SAFE_DIGITS = 6
const MOST_DIGITS = 9
/** 10^22 is the last power of ten that a double holds exactly, so that a quotient by it is rounded only once. */
const MOST_PLACES = 22

/**
 * The shortest decimal that reads back to the same float32, as JSON. `String` would write the digits of the double:
 * 0.10000000149011612 for what was sent as 0.1. `-0` stays `-0`.
 *
 * @param value a finite float32
 * @example float32Text(Math.fround(0.1)) // '0.1'
 */
export function float32Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const size = Math.abs(value)
  const places = SAFE_DIGITS - 1 - Math.floor(Math.log10(size))
  if (size < LEAST_NORMAL || places < 0 || places > MOST_PLACES - (MOST_DIGITS - SAFE_DIGITS)) return searched(value)
  // The usual way, without a text for each try: 1,536 numbers a vector, and `toPrecision` costs ten times as much.
  for (let extra = 0; extra <= MOST_DIGITS - SAFE_DIGITS; extra++) {
    const power = POWERS[places + extra] as number
    const units = Math.round(size * power)
    const found = reading(size, units / power) ?? reading(size, (units + 1) / power)
    if (found !== undefined) return value < 0 ? `-${found}` : String(found)
  }
  return searched(value)
}

/** Above a power of two floats lie twice as far apart as below it: the second nearest decimal may be the one that reads back. */
const reading = (value: number, decimal: number): number | undefined =>
  Math.fround(decimal) === value ? decimal : undefined

const POWERS = Array.from({ length: MOST_PLACES + 1 }, (_, exponent) => Number(`1e${exponent}`))

/** Numbers at both ends of the range. */
function searched(value: number): string {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    const [mantissa = '', exponent = '0'] = value.toExponential(digits - 1).split('e')
    const units = Number(mantissa.replace('.', ''))
    for (const candidate of [units, units + Math.sign(units)]) {
      const decimal = Number(`${candidate}e${Number(exponent) - (digits - 1)}`)
      if (Math.fround(decimal) === value) return String(decimal)
    }
  }
  return String(Number(value.toPrecision(MOST_DIGITS)))
}
