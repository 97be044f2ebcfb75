import { describe, expect, it } from 'vitest'
import { rfc3339Of, zoneReader } from '../../../scripts/import/zone.ts'
import { forSeeds } from '../../support/random.ts'

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/Santiago']

describe('times of a told zone', () => {
  it('are read back to the instant that shows them, in every zone', () => {
    forSeeds(60, (r) => {
      const timeZone = r.pick(ZONES)
      const toUtc = zoneReader(timeZone)
      if (toUtc === undefined) throw new Error(timeZone)
      for (let i = 0; i < 40; i++) {
        const at = Math.floor(Date.UTC(r.int(1975, 2030), r.int(0, 11), r.int(1, 28), r.int(0, 23), r.int(0, 59)))
        const local = Date.parse(`${new Date(at).toLocaleString('sv-SE', { timeZone }).replace(' ', 'T')}Z`)
        const read = toUtc(local)
        // Of an hour that comes twice the first.
        expect(read <= at && new Date(read).toLocaleString('sv-SE', { timeZone })).toBe(
          new Date(at).toLocaleString('sv-SE', { timeZone }),
        )
      }
    })
  })

  it('take the first of an hour that comes twice, and pass on over one that is skipped', () => {
    const berlin = zoneReader('Europe/Berlin')
    expect(new Date(berlin?.(Date.UTC(2026, 9, 25, 2, 30)) ?? 0).toISOString()).toBe('2026-10-25T00:30:00.000Z')
    expect(new Date(berlin?.(Date.UTC(2026, 2, 29, 2, 30)) ?? 0).toISOString()).toBe('2026-03-29T01:30:00.000Z')
    expect(zoneReader('Europe/Berlni')).toBeUndefined()
  })
})

describe('times as files write them', () => {
  it.each([
    ['2026-01-31 12:00:00+01', '2026-01-31T12:00:00+01:00'],
    ['2026-01-31 12:00:00.123456 UTC', '2026-01-31T12:00:00.123456Z'],
    ['2026-01-31T12:00+0130', '2026-01-31T12:00:00+01:30'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00Z'],
    ['2026-01-31 12:00:00', 'no zone'],
    ['2026-01-31', 'no zone'],
    ['31.01.2026', undefined],
    ['1767225600000', undefined],
  ])('%s is %s', (text, is) => {
    expect(rfc3339Of(text, undefined)).toBe(is)
  })

  it('without a zone are of the one that is told, to their last digit', () => {
    const berlin = zoneReader('Europe/Berlin')
    expect(rfc3339Of('2026-07-01 12:00:00.5', berlin)).toBe('2026-07-01T10:00:00.5Z')
    expect(rfc3339Of('2026-07-01', berlin)).toBe('2026-06-30T22:00:00Z')
    expect(rfc3339Of('2026-13-01 12:00:00', berlin)).toBeUndefined()
  })
})
