import { expect, test } from 'vitest'
import { labelTime, parseMode, type RawTime } from '../../src/offline/training/index.ts'

const BERLIN = 'Europe/Berlin'

test.each<[RawTime, string | undefined, string]>([
  ['2026-01-01T00:00:00Z', undefined, '2026-01-01T00:00:00.000Z'],
  ['2026-01-01T00:00:00.9999+02:00', undefined, '2025-12-31T22:00:00.999Z'],
  ['2026-01-01 00:00:00+00:00', undefined, '2026-01-01T00:00:00.000Z'],
  ['1767225600000', undefined, '2026-01-01T00:00:00.000Z'],
  [1_767_225_600_000, undefined, '2026-01-01T00:00:00.000Z'],
  [1_767_225_600_000n, BERLIN, '2026-01-01T00:00:00.000Z'],
  ['2026-01-01T00:00:00', BERLIN, '2025-12-31T23:00:00.000Z'],
  ['2026-07-01 00:00:00', BERLIN, '2026-06-30T22:00:00.000Z'],
  [{ localMs: Date.UTC(2026, 6, 1) }, BERLIN, '2026-06-30T22:00:00.000Z'],
  [{ localMs: Date.UTC(2026, 2, 29, 3) }, BERLIN, '2026-03-29T01:00:00.000Z'],
  [{ localMs: Date.UTC(2026, 0, 1) }, 'UTC', '2026-01-01T00:00:00.000Z'],
  // By half an hour, and at a quarter.
  [{ localMs: Date.UTC(2026, 9, 4, 2, 30) }, 'Australia/Lord_Howe', '2026-10-03T15:30:00.000Z'],
  [{ localMs: Date.UTC(2026, 0, 1, 5, 45) }, 'Asia/Kathmandu', '2026-01-01T00:00:00.000Z'],
])('%o in %s is %s', (raw, zone, want) => {
  const ms = labelTime(raw, zone)
  expect(typeof ms === 'number' ? new Date(ms).toISOString() : ms).toBe(want)
})

test.each<[RawTime, string | undefined, RegExp]>([
  [null, undefined, /is null/],
  ['2026-01-01T00:00:00', undefined, /"?2026-01-01T00:00:00"?, a time without a zone.*--time-zone/],
  [{ localMs: Date.UTC(2026, 0, 1) }, undefined, /2026-01-01T00:00:00.000, a time without a zone/],
  ['2026-02-30T00:00:00Z', undefined, /no such day/],
  ['yesterday', BERLIN, /no time/],
  ['1767225600', undefined, /are these seconds/],
  [{ type: 'DECIMAL(18,0)' }, undefined, /type DECIMAL\(18,0\), which is no time/],
  [0.5, undefined, /whole number of milliseconds/],
  [-1, undefined, /no time after 1970/],
  [9e15, undefined, /no time after 1970/],
  ['2026-03-29T02:30:00', BERLIN, /never had: clocks were put forward/],
  ['2026-10-25T02:30:00', BERLIN, /had twice.*offset/],
])('%o in %s is refused', (raw, zone, message) => {
  expect(labelTime(raw, zone)).toEqual({ error: expect.stringMatching(message) })
})

test('modes are read as they are written, and others are refused', () => {
  expect(parseMode('lag:90m')).toEqual({ kind: 'lag', lagMs: 5_400_000 })
  expect(parseMode('as-served')).toEqual({ kind: 'as-served' })
  for (const text of ['', 'lag', 'lag:', 'lag:0s', 'lag:-1h', 'Ideal', 'as_served'])
    expect(parseMode(text)).toHaveProperty('error')
})
