const DAY_MS = 86_400_000
const ZERO = 48

/** Why a text is no RFC 3339 time, in words that finish "... is no time: ". */
export type Rfc3339Problem =
  | 'it is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset, such as 2026-01-31T23:59:59.123Z'
  | 'it has no offset: end it with Z or with an offset such as +02:00'
  | 'there is no such day in the calendar'
  | 'there is no such time of day'
  | 'a leap second (:60) has no place on the scale of epoch milliseconds: send second 59 or the next minute'
  | 'it has more than 9 digits of a second'
  | 'there is no such offset'

/**
 * Epoch milliseconds of an RFC 3339 time with an offset, or why it is none. Fractions of up to 9 digits are cut (not
 * rounded) to milliseconds; `t` and `z` may be lower case; years 0000 to 9999 of the proleptic Gregorian calendar.
 * `Date.parse` is never asked: it takes many other texts, and hosts differ in which.
 *
 * @example parseRfc3339('2026-01-01T00:00:00.5+01:00') // 1767222000500
 */
export function parseRfc3339(text: string): number | Rfc3339Problem {
  const length = text.length
  const year = digits2(text, 0) * 100 + digits2(text, 2)
  const month = digits2(text, 5)
  const day = digits2(text, 8)
  const hour = digits2(text, 11)
  const minute = digits2(text, 14)
  const second = digits2(text, 17)
  const separator = text.charCodeAt(10)
  // A part that is not two digits is NaN and makes the sum NaN; so does a text that is too short.
  const isShaped =
    year + month + day + hour + minute + second >= 0 &&
    text.charCodeAt(4) === 45 &&
    text.charCodeAt(7) === 45 &&
    (separator === 84 || separator === 116) &&
    text.charCodeAt(13) === 58 &&
    text.charCodeAt(16) === 58
  if (!isShaped) return malformed
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month))
    return 'there is no such day in the calendar'
  if (second === 60) {
    return 'a leap second (:60) has no place on the scale of epoch milliseconds: send second 59 or the next minute'
  }
  if (hour > 23 || minute > 59 || second > 59) return 'there is no such time of day'

  let at = 19
  let fractionMs = 0
  if (text.charCodeAt(at) === 46) {
    let scale = 100
    at++
    const first = at
    for (; at < length; at++) {
      const digit = text.charCodeAt(at) - ZERO
      if (digit < 0 || digit > 9) break
      fractionMs += digit * scale
      scale = scale === 100 ? 10 : scale === 10 ? 1 : 0
    }
    if (at === first) return malformed
    if (at - first > 9) return 'it has more than 9 digits of a second'
  }

  const localMs = daysFromCivil(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs
  const zone = text.charCodeAt(at)
  if (at === length) return 'it has no offset: end it with Z or with an offset such as +02:00'
  if (zone === 90 || zone === 122) return at + 1 === length ? localMs : malformed
  if ((zone !== 43 && zone !== 45) || at + 6 !== length || text.charCodeAt(at + 3) !== 58) return malformed
  const offsetHour = digits2(text, at + 1)
  const offsetMinute = digits2(text, at + 4)
  if (!(offsetHour + offsetMinute >= 0)) return malformed
  if (offsetHour > 23 || offsetMinute > 59) return 'there is no such offset'
  const offsetMs = (offsetHour * 60 + offsetMinute) * 60_000
  return zone === 43 ? localMs - offsetMs : localMs + offsetMs
}

const malformed = 'it is not written as YYYY-MM-DDTHH:MM:SS with Z or an offset, such as 2026-01-31T23:59:59.123Z'

function digits2(text: string, at: number): number {
  const high = text.charCodeAt(at) - ZERO
  const low = text.charCodeAt(at + 1) - ZERO
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : Number.NaN
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days since 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
