/** Times of a file, whose zone is in them or told. */

/** A time without a zone, in a zone of IANA, as ms since the epoch, UTC. */
export type ToUtc = (localMs: number) => number

const QUARTER_MS = 900_000
const DAY_MS = 86_400_000

/**
 * Reads local times of a zone. An hour that comes twice is the first; one that is skipped is read as if clocks had not been put
 * forward yet. Undefined for a name that is none.
 */
export function zoneReader(timeZone: string): ToUtc | undefined {
  let format: Intl.DateTimeFormat
  try {
    const numeric = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    } as const
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', era: 'short', ...numeric })
  } catch {
    return undefined
  }
  const known = new Map<number, number>()
  const offsetAt = (utcMs: number): number => {
    // Offsets change at quarters of an hour.
    const quarter = Math.floor(utcMs / QUARTER_MS)
    let offset = known.get(quarter)
    if (offset === undefined) {
      const at = quarter * QUARTER_MS
      const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
      const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
      offset = Date.UTC(year, month - 1, day, hour, minute, second) - at
      if (known.size > 100_000) known.clear()
      known.set(quarter, offset)
    }
    return offset
  }
  return (localMs) => {
    const [before, after] = [offsetAt(localMs - DAY_MS), offsetAt(localMs + DAY_MS)]
    for (const offset of [before, after]) if (offsetAt(localMs - offset) === offset) return localMs - offset
    return localMs - before
  }
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$/

/**
 * A time as databases and programs write it, in RFC 3339: `2026-01-31 12:00:00+01` as `2026-01-31T12:00:00+01:00`. `no zone` where
 * it has none and none was told; undefined for what is written otherwise, which the contract may know.
 */
export function rfc3339Of(text: string, toUtc: ToUtc | undefined): string | 'no zone' | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [, date = '', minutes = '00:00', seconds = ':00', fraction = '', zone] = match
  const local = `${date}T${minutes}${seconds}`
  if (zone !== undefined) return `${local}${fraction}${offsetText(zone)}`
  if (toUtc === undefined) return 'no zone'
  const localMs = Date.parse(`${local}Z`)
  if (Number.isNaN(localMs)) return undefined
  return `${new Date(toUtc(localMs)).toISOString().slice(0, 19)}${fraction}Z`
}

function offsetText(zone: string): string {
  if (/^(Z|z|UTC)$/.test(zone)) return 'Z'
  const digits = zone.slice(1).replace(':', '')
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2) || '00'}`
}
