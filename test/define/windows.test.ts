import { describe, expect, test } from 'vitest'
import {
  count,
  decayed,
  lastN,
  latest,
  lifetime,
  session,
  sliding,
  sum,
  timeSinceLast,
  tumbling,
  type WindowChoice,
} from '../../src/define/index.ts'
import { zoneSpec } from '../../src/define/time-zones.ts'
import type { WindowSpec } from '../../src/engine/index.ts'
import { featureOf, js, mistake, type Untyped, viewOf } from './declare.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const DAY = 24 * HOUR

const utcDay = { kind: 'calendar', unit: 'day', zone: 'UTC', offsetMs: 0, delayMs: 0, value: 'closed' } as const
const halfHour = { kind: 'session', gapMs: HOUR / 2, maxMs: DAY, keepLastMs: DAY, value: 'last' } as const

test.each<[string, WindowChoice, WindowSpec]>([
  ['sliding', sliding('1h'), { kind: 'sliding', widthMs: HOUR, delayMs: 0 }],
  ['sliding, delayed', sliding('1h', { delay: '1d' }), { kind: 'sliding', widthMs: HOUR, delayMs: DAY }],
  [
    'sliding, from kept rows',
    sliding('1h', { tail: 'exact', limit: 10_000 }),
    { kind: 'sliding', widthMs: HOUR, delayMs: 0, tailLimit: 10_000 },
  ],
  ['tumbling', tumbling('1h'), { kind: 'tumbling', widthMs: HOUR, offsetMs: 0, delayMs: 0, value: 'closed' }],
  [
    'tumbling, with everything',
    tumbling('2h', { offset: '30m', value: 'running', delay: '5m', tail: 'exact', limit: 1 }),
    { kind: 'tumbling', widthMs: 2 * HOUR, offsetMs: HOUR / 2, delayMs: 300 * SECOND, value: 'running', tailLimit: 1 },
  ],
  ['tumbling, offset 0', tumbling('1h', { offset: 0 }), { ...tumblingHour(), offsetMs: 0 }],
  ['a day', tumbling('day'), utcDay],
  ['an hour', tumbling('hour', { offset: '59m' }), { ...utcDay, unit: 'hour', offsetMs: 59 * 60 * SECOND }],
  ['a day in Berlin', tumbling('day', { timeZone: 'Europe/Berlin' }), { ...utcDay, zone: 'Europe/Berlin' }],
  [
    'a week from Sunday noon, so far',
    tumbling('week', { timeZone: 'America/New_York', offset: 6.5 * DAY, value: 'running', delay: '1h' }),
    {
      kind: 'calendar',
      unit: 'week',
      zone: 'America/New_York',
      offsetMs: 6.5 * DAY,
      delayMs: HOUR,
      value: 'running',
    },
  ],
  ['a month from the 28th', tumbling('month', { offset: '27d' }), { ...utcDay, unit: 'month', offsetMs: 27 * DAY }],
  ['session', session('30m'), halfHour],
  ['session, open', session('30m', { value: 'open' }), { ...halfHour, value: 'open' }],
  [
    'session, bounds of its own',
    session('30m', { max: '30m', keepLast: '2h' }),
    sessionOf(HOUR / 2, HOUR / 2, 2 * HOUR),
  ],
  ['session with a long gap', session('3h'), sessionOf(3 * HOUR, 72 * HOUR, DAY)],
  ['session with a gap of days', session('2d'), sessionOf(2 * DAY, 48 * DAY, 2 * DAY)],
  ['lifetime', lifetime(), { kind: 'lifetime' }],
  ['lifetime of 500', lifetime({ tail: 'exact', limit: 500 }), { kind: 'lifetime', tailLimit: 500 }],
  ['the newest 7', lastN(7), { kind: 'lastN', rows: 7 }],
  ['the newest 7 of 50', lastN(7, { tail: 'exact', limit: 50 }), { kind: 'lastN', rows: 7, tailLimit: 50 }],
  ['decayed', decayed('7d'), { kind: 'decayed', halfLifeMs: 7 * DAY }],
  ['decayed, from kept rows', decayed('7d', { tail: 'exact', limit: 9 }), { ...decay(), tailLimit: 9 }],
])('%s', (_, window, spec) => expect(featureOf(() => count().over(window)).window).toEqual(spec))

function tumblingHour(): WindowSpec & { kind: 'tumbling' } {
  return { kind: 'tumbling', widthMs: HOUR, offsetMs: 0, delayMs: 0, value: 'closed' }
}
function sessionOf(gapMs: number, maxMs: number, keepLastMs: number): WindowSpec {
  return { kind: 'session', gapMs, maxMs, keepLastMs, value: 'last' }
}
function decay(): WindowSpec {
  return { kind: 'decayed', halfLifeMs: 7 * DAY }
}

test('a duration is short for a sliding window', () => {
  expect(featureOf(() => count().over('5m'))).toEqual(featureOf(() => count().over(sliding('5m'))))
})

test('what is about the newest row is over the lifetime unless it says otherwise', () => {
  for (const feature of [featureOf((e) => latest(e.type)), featureOf(() => timeSinceLast())]) {
    expect(feature.window).toEqual({ kind: 'lifetime' })
  }
  expect(featureOf((e) => latest(e.type).over('1h')).window).toMatchObject({ kind: 'sliding' })
})

test('a view holds the zones that its calendar windows name, and no others', () => {
  const berlin = viewOf(() => count().over(tumbling('day', { timeZone: 'Europe/Berlin' })))
  expect(berlin.zones).toEqual({ 'Europe/Berlin': zoneSpec('Europe/Berlin') })
  expect(viewOf(() => count().over(tumbling('day'))).zones).toEqual({ UTC: { offsetMs: 0, transitions: [] } })
  expect(viewOf(() => count().over(tumbling('1d')))).not.toHaveProperty('zones')
})

describe('refused', () => {
  const over = (window: unknown, more?: object) => () => featureOf((e) => (sum(e.amount) as Untyped).over(window), more)
  const tail = { tail: 'exact' }
  test.each<[string, () => unknown, string, string]>([
    ['a width of 0', over(0), 'bad_duration', 'not above zero'],
    ['a width below 0', over(js.sliding(-5)), 'bad_duration', 'not above zero'],
    ['half a millisecond', over(1000.5), 'bad_duration', 'whole number of milliseconds'],
    ['a sliding window too narrow', over(js.sliding('127ms')), 'bad_duration', 'at least 128ms'],
    ['a tumbling window too narrow', over(js.tumbling('127ms')), 'bad_duration', 'at least 128ms'],
    ['no unit', over('5'), 'bad_duration', "'5m'"],
    ['no window at all', over(null), 'bad_duration', 'null is no duration'],
    ['an option misspelt', over(js.sliding('1h', { dealy: '1d' })), 'bad_option', 'Did you mean "delay"?'],
    ['options that are none', over(js.lifetime(null)), 'bad_option', 'expects an object'],
    ['a delay of 0', over(js.sliding('1h', { delay: '0s' })), 'bad_duration', 'delay'],
    ['a unit misspelt', over(js.tumbling('days')), 'bad_duration', "Did you mean 'day'?"],
    ['a unit that is none', over(js.tumbling('fortnight')), 'bad_duration', "'hour', 'day', 'week' or 'month'"],
    [
      'a zone for a fixed day',
      over(js.tumbling('1d', { timeZone: 'Asia/Tokyo' })),
      'bad_option',
      "tumbling('day', { timeZone: 'Asia/Tokyo' })",
    ],
    ['a zone for fixed hours', over(js.tumbling('1h', { timeZone: 'Asia/Tokyo' })), 'bad_option', "tumbling('hour'"],
    ['a zone for a sliding window', over(js.sliding('1d', { timeZone: 'UTC' })), 'bad_option', 'timeZone'],
    [
      'a zone misspelt',
      over(js.tumbling('day', { timeZone: 'Europe/Berln' })),
      'unknown_time_zone',
      "Did you mean 'Europe/Berlin'?",
    ],
    ['an offset as wide as the bucket', over(js.tumbling('1h', { offset: '1h' })), 'bad_duration', "below '1h'"],
    ['an offset below 0', over(js.tumbling('1h', { offset: -1 })), 'bad_duration', 'not above zero'],
    ['an offset of an hour', over(js.tumbling('hour', { offset: '1h' })), 'bad_duration', "below '1h'"],
    ['an offset of a day', over(js.tumbling('day', { offset: '24h' })), 'bad_duration', "below '1d'"],
    ['an offset of a week', over(js.tumbling('week', { offset: '7d' })), 'bad_duration', "below '1w'"],
    ['an offset of a short month', over(js.tumbling('month', { offset: '28d' })), 'bad_duration', "below '4w'"],
    ['a bucket that is neither', over(js.tumbling('1h', { value: 'open' })), 'bad_option', "'closed' or 'running'"],
    ['a session that is neither', over(js.session('1h', { value: 'closed' })), 'bad_option', "'last' or 'open'"],
    ['a gap of 0', over(js.session(0)), 'bad_duration', 'the gap'],
    ['no gap', over(js.session()), 'bad_duration', 'the gap'],
    ['max below the gap', over(js.session('1h', { max: '59m' })), 'bad_duration', "at least '1h'"],
    ['keepLast below the gap', over(js.session('1h', { keepLast: '30m' })), 'bad_duration', 'keepLast is 30m'],
    ['lastN(0)', over(js.lastN(0)), 'bad_option', '1 to 1,000; got 0'],
    ['lastN(1001)', over(js.lastN(1001)), 'bad_option', '1 to 1,000'],
    ['lastN(1.5)', over(js.lastN(1.5)), 'bad_option', '1 to 1,000'],
    ['a half-life of 0', over(js.decayed('0d')), 'bad_duration', 'the half-life'],
    [
      'tail without limit',
      over(js.lifetime(tail)),
      'bad_option',
      'limit (how many newest rows are kept) is a whole number from 1 to 10,000; got undefined',
    ],
    ['limit without tail', over(js.lifetime({ limit: 5 })), 'bad_option', "add tail: 'exact'"],
    ['another tail', over(js.lifetime({ tail: 'approximate', limit: 5 })), 'bad_option', "tail is 'exact'"],
    ['a limit of 0', over(js.lifetime({ ...tail, limit: 0 })), 'bad_option', '1 to 10,000; got 0'],
    ['a limit too large', over(js.sliding('1h', { ...tail, limit: 10_001 })), 'bad_option', '1 to 10,000'],
    ['a lateness of 0', over('1h', { allowedLateness: 0 }), 'bad_duration', 'not above zero'],
    ['a lateness too short', over('1h', { allowedLateness: '127ms' }), 'bad_duration', 'at least 128ms'],
  ])('%s', (_, declare, code, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe(code)
    expect(error.where).toMatch(/^feature view v/)
  })

  test.each<[string, () => unknown, string]>([
    [
      'a window that lets the lateness be shorter',
      over('1s'),
      'feature view v, feature f: a window of 1s has tiles of 4ms; with its delay and the allowedLateness of 5m that is ' +
        '75250 tiles an entity, more than 16384: widen the window, or give the view an allowedLateness of at most 64536ms.',
    ],
    ['a window with a long delay', over(js.sliding('1s', { delay: '1d' })), 'widen the window, or shorten its delay.'],
    ['narrow buckets', over(js.tumbling('200ms'), { allowedLateness: '1h' }), 'a window of 200ms has tiles of 200ms'],
    ['narrow buckets with a delay', over(js.tumbling('1s', { value: 'running', delay: '5m' })), 'has tiles of 4ms'],
    [
      'hours with a delay of years',
      over(js.tumbling('hour', { delay: '1000d' })),
      'take a longer unit, or shorten its delay.',
    ],
    [
      'a short gap with the usual bounds',
      over(js.session('5s')),
      'a session with a gap of 5s has tiles of 4096ms; with its max and keepLast and the allowedLateness of 5m',
    ],
    ['a short half-life', over(js.decayed('10ms')), 'a half-life of 10ms has tiles of 10ms; with its 65 half-lives'],
    ['a long lateness', over('1m', { allowedLateness: '365d' }), 'allowedLateness of at most'],
  ])('too many tiles: %s', (_, declare, says) => {
    const error = mistake(declare)
    expect(error.message).toContain(says)
    expect(error.code).toBe('too_many_tiles')
  })

  test('the lateness that a message names is the longest that fits', () => {
    for (const window of ['1s', '1m', '2m', js.tumbling('200ms'), js.decayed('10ms')]) {
      const error = mistake(over(window, { allowedLateness: '365d' }))
      const most = Number(/at most (\d+)ms/.exec(error.message)?.[1])
      expect(over(window, { allowedLateness: most })).not.toThrow()
      expect(mistake(over(window, { allowedLateness: most + 1 })).code).toBe('too_many_tiles')
    }
  })

  test('with a tail no tiles are needed', () => {
    expect(featureOf((e) => sum(e.amount).over(sliding('1s', { tail: 'exact', limit: 10 }))).window).toMatchObject({
      tailLimit: 10,
    })
  })
})
