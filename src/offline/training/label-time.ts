import { parseRfc3339 } from '../../util/rfc3339.ts'

/** What is earlier is no time of a label: most likely seconds were taken for milliseconds. */
const MIN_MS = Date.UTC(1971, 0, 1)
/** Dates end here. */
const MAX_MS = 8.64e15
const DAY_MS = 86_400_000

/**
 * A time as a label file has it: a text, a whole number of milliseconds since the epoch, a time whose place is unknown, or what is of a type that
 * is no time.
 */
export type RawTime = string | number | bigint | { readonly localMs: number } | { readonly type: string } | null

/**
 * The time of a label, ms; what is wrong with it otherwise, in words that follow its column's name. A time without an offset
 * is one only where a zone is given.
 *
 * @param zone an IANA name
 */
export function labelTime(raw: RawTime, zone: string | undefined): number | { readonly error: string } {
  if (raw === null) return { error: 'is null; expected a time' }
  if (typeof raw === 'object' && 'type' in raw)
    return {
      error: `is of type ${raw.type}, which is no time: write a timestamp, a text such as 2026-01-01T00:00:00Z, or a whole number of milliseconds (BIGINT)`,
    }
  if (typeof raw === 'object') return localTime(raw.localMs, zone)
  if (typeof raw === 'string') {
    if (/^\d{1,16}$/.test(raw)) return inRange(Number(raw))
    const parsed = parseRfc3339(raw.replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T'))
    if (typeof parsed === 'number') return inRange(parsed)
    if (!parsed.startsWith('it has no offset'))
      return { error: `is ${JSON.stringify(raw)}, which is no time: ${parsed}` }
    const local = parseRfc3339(`${raw.replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T')}Z`)
    return localTime(local as number, zone, raw)
  }
  const ms = Number(raw)
  if (!Number.isSafeInteger(ms)) return { error: `is ${String(raw)}; a time is a whole number of milliseconds` }
  return inRange(ms)
}

function inRange(ms: number): number | { readonly error: string } {
  if (ms >= MIN_MS && ms <= MAX_MS) return ms
  const seconds = ms * 1000 >= MIN_MS && ms * 1000 <= MAX_MS && ms >= 0
  const mend = seconds ? '; are these seconds? Times are milliseconds since the epoch' : ''
  return { error: `is ${ms}, which is no time after 1970${mend}` }
}

function localTime(
  localMs: number,
  zone: string | undefined,
  text = shown(localMs),
): number | { readonly error: string } {
  if (zone === undefined) {
    const how = 'write times with an offset or Z, or say with --time-zone where they were taken (--time-zone UTC)'
    return { error: `is ${text}, a time without a zone: ${how}` }
  }
  const offsetAt = offsetsOf(zone)
  // Of the offsets that the zone has about then, those that lead back to this very local time.
  const offsets = new Set([-DAY_MS, 0, DAY_MS].map((beside) => offsetAt(localMs + beside)))
  const found = [...offsets].map((offset) => localMs - offset).filter((ms) => ms + offsetAt(ms) === localMs)
  const [only] = found
  if (only === undefined) return { error: `is ${text}, which ${zone} never had: clocks were put forward over it` }
  if (found.length > 1)
    return { error: `is ${text}, which ${zone} had twice, for clocks were put back: write it with an offset` }
  return inRange(only)
}

const shown = (localMs: number): string =>
  Math.abs(localMs) <= MAX_MS ? new Date(localMs).toISOString().slice(0, -1) : String(localMs)

/** Offsets change at whole quarters of an hour, as far as any label goes back. */
const QUARTER_MS = 900_000
const zones = new Map<string, (ms: number) => number>()

/** The offset of a zone at a time, ms, as this host knows it. */
function offsetsOf(zone: string): (ms: number) => number {
  const known = zones.get(zone)
  if (known) return known
  const numeric = {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    era: 'short',
    ...numeric,
  } as object)
  const read = (ms: number): number => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]))
    const at = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    return Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second')) - ms
  }
  const offsets = new Map<number, number>()
  const offsetAt = (ms: number): number => {
    const quarter = Math.floor(ms / QUARTER_MS)
    let offset = offsets.get(quarter)
    if (offset === undefined) {
      offset = read(quarter * QUARTER_MS)
      offsets.set(quarter, offset)
    }
    return offset
  }
  zones.set(zone, offsetAt)
  return offsetAt
}

/** Whether the host knows a zone by this name. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
