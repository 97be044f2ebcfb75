import { describe, expect, it } from 'vitest'
import type { FieldExpectation } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { type ApplyMessage, IMPORT_VERSION, importedAt, MemoryStorage } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds } from '../support/random.ts'
import {
  ACTIVITY,
  apply,
  definitionsOf,
  eventText,
  message,
  openShard,
  plainEvent,
  readValues,
} from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const YEAR = 365 * 86_400_000

/** An hour of memory: what is older than an hour and its lateness is in nobody's reach. */
const hourly = {
  name: 'hourly',
  entity: 'user',
  source: 'activity',
  key: { user_id: 'uid' },
  features: [
    { name: 'count', aggregate: 'count', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } as const },
  ],
  exactRows: 2,
  allowedLatenessMs: 5_000,
  since: 'beginning' as const,
}
const plan = new Plan(definitionsOf([hourly]))

const imported = (texts: readonly string[], knownAt: readonly (number | null)[], of = plan): ApplyMessage => ({
  ...message(of, texts, NOW),
  version: IMPORT_VERSION,
  imported: knownAt,
  places: texts.map((_, i) => `history.csv:${i + 2}`),
})
const open = (storage = new MemoryStorage(), clock = { ms: NOW }, of = plan) =>
  openShard({ plan: of, storage, now: () => clock.ms })

describe('imported history in a shard', () => {
  it('is never too late, contributes nothing out of reach, and the same event unimported is refused', () => {
    const shard = open()
    apply(shard, message(plan, [eventText(plainEvent('new', 'a', NOW))], NOW))
    const old = eventText(plainEvent('old', 'a', NOW - YEAR))
    expect(apply(shard, message(plan, [old], NOW)).refused[0]?.reason).toBe('too_late')
    expect(apply(shard, imported([old], [NOW - YEAR])).verdicts).toBe('a')
    expect(shard.stats.seq).toBe(2)
    expect(readValues(shard, plan, 'hourly.count', ['a'], NOW + 1)).toEqual([1])
  })

  it('leaves the clock of the shard alone: what arrives next is judged as if nothing had been imported', () => {
    const storages = [new MemoryStorage(), new MemoryStorage()] as const
    const shards = storages.map((storage) => open(storage))
    const texts = ['x', 'y'].map((id) => eventText(plainEvent(id, 'a', NOW - YEAR)))
    // Known far in the future and far in the past: a rule is no clock.
    apply(shards[1] as (typeof shards)[1] & object, imported(texts, [NOW + YEAR, 1]))
    const late = message(plan, [eventText(plainEvent('late', 'b', NOW - 3_000_000))], NOW)
    const answers = shards.map((shard) => apply(shard, late).verdicts)
    expect(answers).toEqual(['a', 'a'])
    const availableAt = storages.map((storage) => {
      const body = storage.readJournal(storage === storages[0] ? 0 : 1) ?? ''
      return (JSON.parse(body.slice(0, body.indexOf('\n'))) as { availableAt: number }).availableAt
    })
    expect(availableAt).toEqual([NOW, NOW])
  })

  it('is deduped with what arrives, both ways round, and a changed payload is a conflict', () => {
    const shard = open()
    const [a, b] = ['a', 'b'].map((id) => eventText(plainEvent(id, 'u', NOW)))
    apply(shard, message(plan, [a as string], NOW))
    expect(apply(shard, imported([a as string, b as string], [null, null])).verdicts).toBe('da')
    expect(apply(shard, message(plan, [b as string], NOW)).verdicts).toBe('d')
    const other = eventText(plainEvent('a', 'u', NOW - 1))
    expect(apply(shard, imported([other], [null])).refused[0]?.reason).toBe('conflict')
    expect(shard.stats.seq).toBe(2)
  })

  it('keeps the rule in the journal head, and holds it to the acceptance', () => {
    const storage = new MemoryStorage()
    const clock = { ms: NOW }
    const shard = open(storage, clock)
    const batch = imported(
      ['x', 'y', 'z'].map((id) => eventText(plainEvent(id, 'a', NOW - 5))),
      [5, null, NOW + 9],
    )
    apply(shard, batch)
    const body = storage.readJournal(0) ?? ''
    const { head } = JSON.parse(body.slice(0, body.indexOf('\n'))) as { head: ApplyMessage }
    expect(head.imported).toEqual([5, null, NOW + 9])
    expect(head).not.toHaveProperty('places')
    expect([0, 1, 2].map((i) => importedAt(head, i, NOW))).toEqual([5, null, NOW])
    expect(importedAt(message(plan, [], NOW), 0, NOW)).toBeUndefined()
  })

  it('names file and line in the letter of what is refused, and keeps the rule there', () => {
    const shard = open()
    apply(shard, imported(['{"id":1}', '{"id":"b","uid":7}'], [77, null]))
    const { letters } = shard.letters.take(9)
    expect(letters.map(({ position, imported: known, reason }) => [position, known, reason])).toEqual([
      ['history.csv:2', 77, 'wrong_type'],
      ['history.csv:3', null, 'wrong_type'],
    ])
  })

  it('is judged by what is expected of each event, and counted nowhere: it says nothing of how the source does', () => {
    const range = { kind: 'range', field: 'units', min: 0, action: 'refuse', overMs: 60_000 } satisfies FieldExpectation
    const nulls = { kind: 'nulls', field: 'ok', atMost: 0, action: 'refuse', overMs: 60_000 } satisfies FieldExpectation
    const expecting = new Plan(
      definitionsOf([hourly], { ...ACTIVITY, expect: [range, nulls, { kind: 'volume', atLeast: 1, perMs: 1e6 }] }),
    )
    const shard = open(new MemoryStorage(), { ms: NOW }, expecting)
    const texts = Array.from({ length: 150 }, (_, i) =>
      eventText({ ...plainEvent(String(i), 'u', NOW), fields: { units: i === 0 ? -1 : 1, ok: null } }),
    )
    const answer = apply(
      shard,
      imported(
        texts,
        texts.map(() => null),
        expecting,
      ),
    )
    expect(answer.refused.map(({ reason, index }) => [reason, index])).toEqual([['expectation', 0]])
    expect(shard.expectations('activity').map(({ seen, recentSeen }) => [seen, recentSeen])).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
  })

  it('is refused by code that does not know of it, instead of being taken for arrivals', () => {
    const shard = open()
    const batch = imported([eventText(plainEvent('x', 'a', NOW))], [null])
    expect(shard.apply({ ...batch, version: 1 })).toMatchObject({ unavailable: 'unknown_version' })
    expect(shard.stats.seq).toBe(0)
  })

  it('survives crashes at every step: redone from the journal, nothing lost, nothing twice, the same bytes', () => {
    forSeeds(40, (r) => {
      const clock = { ms: NOW }
      const events = Array.from({ length: 60 }, (_, i) =>
        plainEvent(`e${i}`, r.pick(['a', 'b']), NOW - r.pick([0, 1_000, 3_600_000, YEAR])),
      )
      const batches = Array.from({ length: 12 }, (_, i) => events.slice(i * 5, i * 5 + 5)).map((batch) => {
        const texts = batch.map(eventText)
        return r.chance(0.7)
          ? imported(
              texts,
              texts.map(() => r.pick([null, NOW - 9])),
            )
          : message(plan, texts, NOW)
      })
      const storage = new CrashingStorage()
      let shard = openShard({ plan, storage, now: () => clock.ms, memoryBytes: r.pick([0, 1_000_000]) })
      const calm = open()
      const verdicts: string[] = []
      for (const batch of batches) {
        const wanted = apply(calm, batch).verdicts
        storage.next = r.chance(0.4) ? r.pick(['lose', 'keep'] as const) : null
        const wasKept = storage.next === 'keep'
        try {
          verdicts.push(apply(shard, batch).verdicts)
        } catch (cause) {
          if (!(cause instanceof Crash)) throw cause
          shard = openShard({ plan, storage, now: () => clock.ms })
          const again = apply(shard, batch).verdicts
          expect(again).toBe(wasKept ? wanted.replaceAll('a', 'd') : wanted)
        }
      }
      expect(shard.canonical()).toEqual(calm.canonical())
      expect(shard.stats.seq).toBe(calm.stats.seq)
    })
  })
})
