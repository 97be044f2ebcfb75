import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { type AcceptedRow, Shard } from '../../src/shard/index.ts'
import { JOURNAL_ROWS } from '../../src/shard/journal.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { random } from '../support/random.ts'
import {
  apply,
  definitionsOf,
  eventText,
  lifetimeView,
  message,
  plainEvent,
  randomDefinitions,
  readValues,
} from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const PART = { region: 1, epoch: 0, shard: 0 }

function open(plan: Plan, storage: CrashingStorage): Shard {
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity')
  return new Shard({ plan, entity, part: PART, shards: 1, storage, now: () => NOW, isLogged: true, isCopied: true })
}

function logged(shard: Shard): AcceptedRow[] {
  const rows: AcceptedRow[] = []
  const feed = shard.log
  for (let span = feed?.next(1_000_000); span !== undefined; span = feed?.next(1_000_000)) {
    for (let row = span.fromRow; row < span.toRow; row++) rows.push(...(feed?.rows(row) ?? []).flatMap((of) => of.rows))
    feed?.done(span)
  }
  return rows
}

/** Every text and byte that a shard has stored, as one text. */
function everything(storage: CrashingStorage): string {
  const journal = Array.from({ length: JOURNAL_ROWS }, (_, slot) => storage.readJournal(slot) ?? '')
  const aside = storage.unlogged.readOutbox(10_000).map(({ body }) => body)
  const pages = Array.from({ length: 64 }, (_, id) =>
    Buffer.from(storage.readBlob('page', id) ?? []).toString('latin1'),
  )
  return [...journal, ...aside, ...pages].join('\n')
}

test('an entity that was erased is nowhere any more, and the others are as they were, also after a restart', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const r = random(seed)
    const plan = new Plan(randomDefinitions(r))
    const storage = new CrashingStorage()
    let shard = open(plan, storage)
    const keys = ['ada', 'bob', 'cyd']
    for (let i = 0; i < 60; i++) {
      const uid = r.pick(keys)
      apply(
        shard,
        message(plan, [eventText({ ...plainEvent(`e${i}`, uid, NOW - r.int(0, 90_000)), friend: uid })], NOW),
      )
      if (i === 30) expect(logged(shard).some(({ key }) => key === 'ada')).toBe(true)
    }
    const before = new Map(shard.canonical().map(([key, bytes]) => [key, Buffer.from(bytes).toString('hex')]))
    const { mark, seq } = shard.orderOf('ada') ?? { mark: 0, seq: 0 }
    storage.next = r.pick(['lose', 'keep', null] as const)
    try {
      expect(shard.erase(['ada', 'nobody'])).toMatchObject({ found: 1, seq: 61 })
    } catch (cause) {
      if (!(cause instanceof Crash)) throw cause
      shard = open(plan, storage)
      shard.erase(['ada', 'nobody'])
    }
    if (r.chance(0.5)) shard = open(plan, storage)
    const after = new Map(shard.canonical().map(([key, bytes]) => [key, Buffer.from(bytes).toString('hex')]))
    for (const key of ['bob', 'cyd']) expect(after.get(key)).toBe(before.get(key))
    expect(readValues(shard, plan, 'ever.count', ['ada'], NOW + 1)).toEqual([0])
    expect(shard.orderOf('ada')?.mark).toBe(mark)
    expect(shard.orderOf('ada')?.seq).toBeGreaterThan(seq)
    expect(
      shard.changes
        ?.read(0, 1_000)
        .at(-1)
        ?.changed.flatMap(({ keys: of }) => of),
    ).toEqual(['ada'])
    // What had not been in the log yet does not get there; then nothing of it is left but the key itself, whose mark stays.
    const rest = logged(shard)
    expect(rest.some(({ key }) => key === 'ada')).toBe(false)
    expect(rest.some(({ key }) => key === 'bob')).toBe(true)
    expect(everything(storage)).not.toContain('"uid":"ada"')
    // It may come again, as anybody; an id of before is still known.
    const again = [plainEvent('new', 'ada', NOW), plainEvent('e0', 'ada', NOW)].map(eventText)
    expect(apply(shard, message(plan, [again[0] as string], NOW)).verdicts).toBe('a')
    expect(readValues(open(plan, storage), plan, 'ever.count', ['ada'], NOW + 1)).toEqual([1])
    expect(logged(shard).map(({ key, id }) => `${key} ${id}`)).toEqual(['ada new'])
  }
})

test('erasing turns the journal once, and a shard goes on behind it', () => {
  const plan = new Plan(definitionsOf([lifetimeView]))
  const storage = new CrashingStorage()
  const shard = open(plan, storage)
  apply(shard, message(plan, [eventText(plainEvent('a', 'ada', NOW))], NOW))
  shard.erase(['ada'])
  for (let i = 0; i < 5; i++) apply(shard, message(plan, [eventText(plainEvent(`b${i}`, 'bob', NOW))], NOW))
  const later = open(plan, storage)
  expect(later.stats.seq).toBe(7)
  expect(readValues(later, plan, 'ever.count', ['bob', 'ada'], NOW + 1)).toEqual([5, 0])
  expect(apply(later, message(plan, [eventText(plainEvent('a', 'ada', NOW))], NOW)).verdicts).toBe('d')
})
