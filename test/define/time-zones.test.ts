import { expect, test, vi } from 'vitest'
import { checkTimeZone, zoneSpec, zonesOf } from '../../src/define/time-zones.ts'
import { mistake } from './declare.ts'

const HOUR = 3_600_000
const MINUTE = 60_000

/** What a compiled zone says the offset is, in ms. */
function offsetAt(name: string, time: number): number {
  const { offsetMs, transitions } = zoneSpec(name)
  return transitions.findLast(([at]) => at <= time)?.[1] ?? offsetMs
}

test.each<[string, string, number, number]>([
  ['Europe/Berlin', '2026-03-29T01:00:00Z', HOUR, 2 * HOUR],
  ['Europe/Berlin', '2026-10-25T01:00:00Z', 2 * HOUR, HOUR],
  ['Europe/Berlin', '2099-03-29T01:00:00Z', HOUR, 2 * HOUR],
  ['America/New_York', '2026-03-08T07:00:00Z', -5 * HOUR, -4 * HOUR],
  ['America/New_York', '2026-11-01T06:00:00Z', -4 * HOUR, -5 * HOUR],
  ['America/New_York', '1974-01-06T07:00:00Z', -5 * HOUR, -4 * HOUR],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', 11 * HOUR, 10.5 * HOUR],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', 10.5 * HOUR, 11 * HOUR],
  ['America/Sao_Paulo', '2018-11-04T03:00:00Z', -3 * HOUR, -2 * HOUR],
  ['America/Sao_Paulo', '2019-02-17T02:00:00Z', -2 * HOUR, -3 * HOUR],
  ['America/Recife', '2000-10-08T03:00:00Z', -3 * HOUR, -2 * HOUR],
  ['America/Recife', '2000-10-15T02:00:00Z', -2 * HOUR, -3 * HOUR],
  ['Africa/Casablanca', '2024-03-10T02:00:00Z', HOUR, 0],
  ['Africa/Casablanca', '2024-04-14T02:00:00Z', 0, HOUR],
  ['Pacific/Apia', '2011-12-30T10:00:00Z', -10 * HOUR, 14 * HOUR],
  ['Africa/Monrovia', '1972-01-07T00:44:30Z', -(44 * MINUTE + 30_000), 0],
  ['Asia/Kathmandu', '1985-12-31T18:30:00Z', 5.5 * HOUR, 5.75 * HOUR],
])('%s changes at %s, to the millisecond', (name, instant, before, after) => {
  const at = Date.parse(instant)
  expect([offsetAt(name, at - 1), offsetAt(name, at)]).toEqual([before, after])
  expect(zoneSpec(name).transitions).toContainEqual([at, after])
})

test('some zones have no more changes, or never had one', () => {
  expect(zoneSpec('Asia/Kolkata')).toEqual({ offsetMs: 5.5 * HOUR, transitions: [] })
  expect(zoneSpec('UTC')).toEqual({ offsetMs: 0, transitions: [] })
  expect(zoneSpec('America/Sao_Paulo').transitions.at(-1)?.[0]).toBe(Date.parse('2019-02-17T02:00:00Z'))
})

test('transitions rise, and each changes the offset', () => {
  for (const name of ['Europe/Berlin', 'Africa/Casablanca', 'America/Argentina/San_Luis', 'Antarctica/Troll']) {
    let [last, offset] = [Number.NEGATIVE_INFINITY, zoneSpec(name).offsetMs]
    for (const [at, next] of zoneSpec(name).transitions) {
      expect(at).toBeGreaterThan(last)
      expect(next).not.toBe(offset)
      last = at
      offset = next
    }
  }
})

test('every zone shows the time that Intl shows, at random moments', () => {
  const seed = Number(process.env.SEED ?? 20_260_101)
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
  const all = Intl.supportedValuesOf('timeZone')
  const names = Array.from({ length: 12 }, () => all[Math.floor(random() * all.length)] ?? 'UTC')
  for (const name of [...names, 'Asia/Gaza', 'Europe/Dublin']) {
    const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' })
    for (let i = 0; i < 500; i++) {
      const time = Math.floor(random() * Date.UTC(2100, 0, 1))
      const shown = new Date(time + offsetAt(name, time)).toISOString().slice(0, 19).replace('T', ' ')
      expect(shown, `${name} at ${time}, seed ${seed}`).toBe(wall.format(time))
    }
  }
})

test('what was compiled into a deploy goes before what the host knows', async () => {
  const compiled = {
    'Europe/Berlin': { offsetMs: 1000, transitions: [] },
    'Mars/Olympus': { offsetMs: 2000, transitions: [] },
  }
  vi.stubGlobal('TIDEMARK_TIME_ZONES', compiled)
  vi.resetModules()
  const deployed = await import('../../src/define/time-zones.ts')
  vi.unstubAllGlobals()
  expect(deployed.zoneSpec('Europe/Berlin')).toEqual(compiled['Europe/Berlin'])
  expect(deployed.checkTimeZone('here', 'Mars/Olympus')).toBe('Mars/Olympus')
  expect(deployed.zoneSpec('Asia/Tokyo')).toEqual(zoneSpec('Asia/Tokyo'))
})

test('zones of windows: each once, by name', () => {
  const day = (zone: string) =>
    ({ kind: 'calendar', unit: 'day', zone, offsetMs: 0, delayMs: 0, value: 'closed' }) as const
  const zones = zonesOf([day('UTC'), { kind: 'lifetime' }, day('Asia/Tokyo'), day('UTC')])
  expect(Object.keys(zones ?? {})).toEqual(['Asia/Tokyo', 'UTC'])
  expect(zonesOf([{ kind: 'lifetime' }])).toBeUndefined()
})

test('a zone goes by its IANA name, also by one that is a link to another', () => {
  for (const name of ['Europe/Berlin', 'Asia/Kolkata', 'Europe/Kyiv', 'America/Port-au-Prince', 'Etc/GMT+5', 'UTC']) {
    expect(checkTimeZone('here', name)).toBe(name)
  }
})

test.each<[unknown, string]>([
  ['europe/berlin', "Did you mean 'Europe/Berlin'?"],
  ['Europe/BERLIN', "Did you mean 'Europe/Berlin'?"],
  ['Berlin', "Did you mean 'Europe/Berlin'?"],
  ['America/NewYork', "Did you mean 'America/New_York'?"],
  ['Asia/Tokio', "Did you mean 'Asia/Tokyo'?"],
  ['Middle Earth', 'write an IANA name'],
  ['+02:00', 'write an IANA name'],
  ['', '"" is no time zone'],
  [null, 'null is no time zone'],
  [2, '2 is no time zone'],
])('%s is no time zone', (name, says) => {
  const error = mistake(() => checkTimeZone('here', name))
  expect(error.message).toContain(says)
  expect([error.code, error.where]).toEqual(['unknown_time_zone', 'here'])
})
