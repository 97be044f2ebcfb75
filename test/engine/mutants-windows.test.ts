import { describe, expect, test } from 'vitest'
import type { WindowSpec, ZoneSpec } from '../../src/engine/spec.ts'
import { reachOf, tilesNeeded, tileWidth, windowShape } from '../../src/engine/windows.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NEVER = Number.POSITIVE_INFINITY
const UTC: ZoneSpec = { offsetMs: 0, transitions: [] }
const ZONES = { UTC }

const sliding = (widthMs: number, delayMs = 0): WindowSpec => ({ kind: 'sliding', widthMs, delayMs })
const tumbling = (value: 'closed' | 'running', delayMs = 0): WindowSpec => ({
  kind: 'tumbling',
  widthMs: HOUR,
  offsetMs: 1_000,
  delayMs,
  value,
})
const calendar = (unit: 'hour' | 'day' | 'week' | 'month', value: 'closed' | 'running', delayMs = 0): WindowSpec => ({
  kind: 'calendar',
  unit,
  zone: 'UTC',
  offsetMs: 0,
  delayMs,
  value,
})
const session = (value: 'last' | 'open'): WindowSpec => ({
  kind: 'session',
  gapMs: 1_000,
  maxMs: 10_000,
  keepLastMs: 5_000,
  value,
})
const decayed: WindowSpec = { kind: 'decayed', halfLifeMs: HOUR }

test('tiles are the power of two that cuts a window into 128 or more', () => {
  const widths = [128, 255, 256, 1_000, 60_000, HOUR, NEVER]
  expect(widths.map(tileWidth)).toEqual([1, 1, 2, 4, 256, 16_384, NEVER])
})

describe('the shape of a window', () => {
  test.each<[string, WindowSpec, tileMs: number, reachMs: number, endKey: string]>([
    ['lifetime', { kind: 'lifetime' }, NEVER, NEVER, 't'],
    ['lastN', { kind: 'lastN', rows: 5 }, NEVER, NEVER, 't'],
    ['sliding', sliding(HOUR), 16_384, HOUR, 't'],
    ['sliding, delayed', sliding(HOUR, 7), 16_384, HOUR + 7, 't-7'],
    ['tumbling, closed', tumbling('closed'), NEVER, 2 * HOUR, 'closedt'],
    ['tumbling, closed, delayed', tumbling('closed', 7), NEVER, 2 * HOUR + 7, 'closedt-7'],
    ['tumbling, running', tumbling('running'), NEVER, HOUR, 't'],
    ['tumbling, running, delayed', tumbling('running', 7), 16_384, HOUR + 7, 't-7'],
    ['hours', calendar('hour', 'running', 7), 16_384, HOUR + 7, 't-7'],
    ['days', calendar('day', 'running', 7), 524_288, DAY + 7, 't-7'],
    ['weeks', calendar('week', 'running', 7), 4_194_304, 7 * DAY + 7, 't-7'],
    ['months', calendar('month', 'running', 7), 16_777_216, 31 * DAY + 7, 't-7'],
    ['months, closed', calendar('month', 'closed'), NEVER, 62 * DAY, 'closedt'],
    ['session', session('last'), 512, 16_000, 't'],
    ['session, open', session('open'), 512, 12_000, 't'],
    ['decayed', decayed, NEVER, 65 * HOUR, 't'],
  ])('%s', (_, spec, tileMs, reachMs, endKey) => {
    const shape = windowShape(spec, ZONES)
    expect([shape.spec, shape.tileMs, shape.reachMs, shape.endKey]).toEqual([spec, tileMs, reachMs, endKey])
    expect(reachOf(spec, ZONES)).toBe(reachMs)
  })

  test.each<[string, WindowSpec, t: number, start: number, end: number]>([
    ['lifetime', { kind: 'lifetime' }, 5, Number.NEGATIVE_INFINITY, 5],
    ['sliding', sliding(100, 7), 1_000, 893, 993],
    ['closed, at its border', tumbling('closed'), 2 * HOUR + 1_000, HOUR + 1_000, 2 * HOUR + 1_000],
    ['closed, just before', tumbling('closed'), 2 * HOUR + 999, 1_000, HOUR + 1_000],
    ['closed, delayed', tumbling('closed', 1), 2 * HOUR + 1_000, 1_000, HOUR + 1_000],
    ['running, at its border', tumbling('running'), 2 * HOUR + 1_000, 2 * HOUR + 1_000, 2 * HOUR + 1_000],
    ['running, delayed', tumbling('running', 1), 2 * HOUR + 1_000, HOUR + 1_000, 2 * HOUR + 999],
    ['session', session('last'), 9_000, 4_000, 9_000],
    ['session, open', session('open'), 9_000, 8_000, 9_000],
    ['decayed', decayed, 100 * HOUR + 5, 37 * HOUR, 100 * HOUR + 5],
  ])('%s begins and ends', (_, spec, t, start, end) => {
    const shape = windowShape(spec, ZONES)
    expect(shape.endOf(t)).toBe(end)
    expect(shape.startOf(t, shape.endOf(t))).toBe(start)
  })

  test('has borders where its buckets have', () => {
    expect(windowShape(tumbling('closed')).cutter).toMatchObject({ identity: '3600000+1000', longestMs: HOUR })
    expect(windowShape(decayed).cutter).toMatchObject({ identity: '3600000+0', longestMs: HOUR })
    expect(windowShape(calendar('day', 'closed'), ZONES).cutter?.floor(DAY + 5)).toBe(DAY)
    for (const spec of [sliding(HOUR), session('last'), { kind: 'lifetime' } as const]) {
      expect(windowShape(spec).cutter).toBeNull()
    }
  })
})

describe('how many tiles a feature needs at most', () => {
  // The lateness of 1,024 ms is in fine tiles of 8 ms.
  test.each<[string, WindowSpec, number]>([
    ['with tiles as wide as the fine ones', sliding(1_024), 256],
    ['with wider ones', sliding(HOUR), 128 + 220],
    ['with narrower ones', sliding(512), 384],
    ['for ever', { kind: 'lifetime' }, 128 + 1],
    ['of a bucket', tumbling('closed'), 128 + 3],
    ['of a bucket that runs', tumbling('running'), 128 + 2],
    ['of a bucket that runs, delayed', tumbling('running', 7), 128 + 220],
    ['of half-lives', decayed, 128 + 66],
    ['of half-lives shorter than fine tiles', { kind: 'decayed', halfLifeMs: 4 }, 256 + 321],
    ['with a tail', { kind: 'lifetime', tailLimit: 5 }, 0],
  ])('%s', (_, spec, tiles) => {
    expect(tilesNeeded(spec, 1_024, ZONES)).toBe(tiles)
  })
})
