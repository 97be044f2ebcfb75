import type { WindowSpec, ZoneSpec } from '../engine/index.ts'
import { nearest } from '../util/did-you-mean.ts'
import { DefinitionError } from './definition-error.ts'

/**
 * Put in by Wrangler (`define` in the generated configs), so that a deployed definition does not follow the host's own zone
 * data, which changes under it. Absent outside of a deploy.
 */
declare const TIDEMARK_TIME_ZONES: Readonly<Record<string, ZoneSpec>> | undefined

const compiled = typeof TIDEMARK_TIME_ZONES === 'undefined' ? {} : TIDEMARK_TIME_ZONES
const known = new Map<string, ZoneSpec>([['UTC', { offsetMs: 0, transitions: [] }], ...Object.entries(compiled)])

/** The offsets of a time zone from 1970 to 2100, as they were compiled into the deploy, else as this host knows them. */
export function zoneSpec(name: string): ZoneSpec {
  const zone = known.get(name) ?? readZone(name)
  known.set(name, zone)
  return zone
}

/** The zones that these windows name, by name; undefined when there are none. */
export function zonesOf(windows: readonly WindowSpec[]): Readonly<Record<string, ZoneSpec>> | undefined {
  const names = new Set(windows.flatMap((window) => (window.kind === 'calendar' ? [window.zone] : [])))
  if (names.size === 0) return undefined
  return Object.fromEntries([...names].sort().map((name) => [name, zoneSpec(name)]))
}

/** IANA names as they are spelled: Intl takes `europe/berlin` and `+02:00` too, and one zone would go by several names. */
const SPELLING = /^[A-Z][A-Za-z0-9_+-]*(\/[A-Z][A-Za-z0-9_+-]*)*$/

/** The name of a time zone, if it is one; throws with the nearest name when it is none. */
export function checkTimeZone(where: string, name: unknown): string {
  if (typeof name === 'string' && (known.has(name) || (SPELLING.test(name) && isKnownToHost(name)))) return name
  const near = typeof name === 'string' ? nearestZone(name) : undefined
  const mend = near === undefined ? '' : ` Did you mean '${near}'?`
  const how = "write an IANA name such as 'Europe/Berlin', or 'UTC'"
  throw new DefinitionError(
    'unknown_time_zone',
    where,
    `${JSON.stringify(name) ?? String(name)} is no time zone: ${how}.${mend}`,
  )
}

function isKnownToHost(name: string): boolean {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions()
    // Intl takes any case. A link, such as Asia/Kolkata, may resolve to another name, and is itself a name of IANA.
    return timeZone === name || timeZone.toLowerCase() !== name.toLowerCase()
  } catch {
    return false
  }
}

/** By the whole name, else by its city: `Berlin` and `berlin` mean `Europe/Berlin`. */
function nearestZone(name: string): string | undefined {
  const names = Intl.supportedValuesOf('timeZone')
  const city = (zone: string) => zone.slice(zone.lastIndexOf('/') + 1)
  const nearCity = nearest(city(name), names.map(city))
  return nearest(name, names) ?? names.find((zone) => city(zone) === nearCity)
}

/** Events are from 1971 on, and the rules of today are known no further. */
const LAST_SECOND = Date.UTC(2100, 0, 1) / 1000
/** No zone has changed its offset and changed it back within four days (tzdata 2026c, probed every four hours). */
const PROBE_SECONDS = 2 * 86_400

/** Probes the zone's offset and bisects each change to its second: offsets change at whole ones. */
function readZone(name: string): ZoneSpec {
  const offsetAt = offsetReader(name)
  const first = offsetAt(0)
  const transitions: [atMs: number, offsetMs: number][] = []
  let offset = first
  let at = 0
  while (at < LAST_SECOND) {
    let after = Math.min(at + PROBE_SECONDS, LAST_SECOND)
    if (offsetAt(after) !== offset) {
      let before = at
      while (after - before > 1) {
        const middle = Math.floor((before + after) / 2)
        if (offsetAt(middle) === offset) before = middle
        else after = middle
      }
      offset = offsetAt(after)
      transitions.push([after * 1000, offset * 1000])
    }
    at = after
  }
  return { offsetMs: first * 1000, transitions }
}

/** The offset from UTC at a second since the epoch, in seconds: what the clock on the wall shows, less what it would in UTC. */
function offsetReader(timeZone: string): (second: number) => number {
  const numeric = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
  const clock = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const
  const format = new Intl.DateTimeFormat('en-US', { timeZone, ...numeric, ...clock })
  return (at) => {
    // 12/31/1999, 23:59:59
    const numbers = (format.format(at * 1000).match(/\d+/g) ?? []).map(Number)
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = numbers
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - at
  }
}
