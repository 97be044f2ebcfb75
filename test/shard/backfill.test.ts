import { expect, test } from 'vitest'
import { ViewHistory } from '../../src/offline/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { type AcceptedRow, type BackfillPiece, Shard } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, type SentEvent } from '../support/shards.ts'
import { randomEvents, randomView } from '../support/streams.ts'

const PART = { region: 1, epoch: 0, shard: 0 }

function open(plan: Plan, storage: CrashingStorage, clock: () => number): Shard {
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity')
  return new Shard({ plan, entity, part: PART, shards: 1, storage, now: clock, isLogged: true, memoryBytes: 8_000 })
}

/** Everything that the log is told, from the beginning. */
function logged(shard: Shard): AcceptedRow[] {
  const feed = shard.log
  if (feed === null) throw new Error('no feed')
  const rows: AcceptedRow[] = []
  for (let span = feed.next(1); span !== undefined; span = feed.next(1)) {
    for (let row = span.fromRow; row < span.toRow; row++) rows.push(...feed.rows(row).flatMap((of) => of.rows))
    feed.done(span)
  }
  return rows
}

test('a view that came later has, once it is filled, the very state of one that was always there', () => {
  let crashes = 0
  forSeeds(40, (r) => {
    const early = [lifetimeView, { ...randomView(r), name: 'friends', key: { user_id: 'friend' } }]
    const late = { ...randomView(r), name: 'late', key: { user_id: r.pick(['uid', 'friend']) } }
    const [before, after] = [new Plan(definitionsOf(early)), new Plan(definitionsOf([...early, late]))]
    const events = randomEvents(r, r.int(20, 300)).map(({ time, availableAt, fields }, i) => ({
      event: { id: `e${i}`, uid: r.pick(['a', 'b', 'c']), friend: r.pick(['a', 'd']), at: time, fields },
      clock: availableAt,
    }))
    const deployAt = r.int(0, events.length)
    const beginAt = r.int(deployAt, events.length)
    let clock = 0
    const storage = new CrashingStorage()
    let shard = open(before, storage, () => clock)
    const always = open(after, new CrashingStorage(), () => clock)
    const send = (plan: Plan, from: number, to: number) => {
      for (let at = from; at < to; ) {
        const batch = events.slice(at, Math.min(to, at + r.int(1, 30)))
        clock = batch.at(-1)?.clock ?? 0
        apply(shard, message(plan, batch.map(texts), clock))
        apply(always, message(after, batch.map(texts), clock))
        at += batch.length
        if (r.chance(0.2)) shard = open(plan, storage, () => clock)
      }
    }
    send(before, 0, deployAt)
    shard = open(after, storage, () => clock)
    send(after, deployAt, beginAt)
    const begun = shard.beginBackfill('late')
    if ('refused' in begun) {
      expect(deployAt === 0 && begun.refused === 'complete').toBe(true)
      return
    }
    expect(begun.cut).toBe(deployAt)
    const rows = logged(shard)
    const pieces = piecesOf(r, after, rows, begun.cut)
    send(after, beginAt, r.int(beginAt, events.length))
    for (let at = 0; at < pieces.length; ) {
      storage.next = r.chance(0.2) ? r.pick(['lose', 'keep'] as const) : null
      try {
        const answer = shard.takeBackfill(pieces[at] as BackfillPiece)
        if ('refused' in answer) throw new Error(answer.message)
        at++
        // Once more changes nothing.
        if (r.chance(0.2)) at--
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        crashes++
        shard = open(after, storage, () => clock)
      }
      storage.next = null
      if (r.chance(0.2)) shard = open(after, storage, () => clock)
    }
    shard.endBackfill('late', 0)
    if (r.chance(0.5)) shard = open(after, storage, () => clock)
    expect(shard.history.since[`late.${late.features[0]?.name}`]).toBe(late.since === 'beginning' ? null : 0)
    expect(shard.takeBackfill({ view: 'late', after: null, cells: [] })).toMatchObject({ isDone: true })
    expect(shard.canonical()).toEqual(always.canonical())
  })
  expect(crashes).toBeGreaterThan(5)
})

const texts = ({ event }: { readonly event: SentEvent }): string => eventText(event)

function piecesOf(r: Random, plan: Plan, rows: readonly AcceptedRow[], cut: number): BackfillPiece[] {
  const entity = plan.entities.get('user')
  const source = plan.sources.get('activity')
  const vector = plan.vectorOf(
    null,
    plan.featureNames.filter((name) => name.startsWith('late.')),
  )
  if (entity === undefined || source === undefined || typeof vector === 'string') throw new Error('no plan')
  const history = new ViewHistory(entity, vector.features, cut)
  const keys = [...new Set(rows.map(({ key }) => key ?? ''))].sort()
  const cells = keys.flatMap((key) => {
    history.begin(key)
    for (const row of rows) if (row.key === key) history.row(source, { ...row, part: PART }, row.seq)
    const state = history.finish()
    return state === null ? [] : [{ key, state }]
  })
  const pieces: BackfillPiece[] = []
  let after: string | null = null
  while (cells.length > 0) {
    pieces.push({ view: 'late', after, cells: cells.splice(0, r.int(1, 3)) })
    after = pieces.at(-1)?.cells.at(-1)?.key ?? null
  }
  return pieces
}

test('what cannot be filled says why', () => {
  const storage = new CrashingStorage()
  const [one, two] = [
    new Plan(definitionsOf([lifetimeView])),
    new Plan(definitionsOf([lifetimeView, { ...lifetimeView, name: 'late' }])),
  ]
  const now = () => 1_700_000_000_000
  const shard = open(one, storage, now)
  expect(shard.beginBackfill('nobody')).toMatchObject({ refused: 'unknown_view' })
  expect(shard.beginBackfill('ever')).toMatchObject({ refused: 'complete' })
  apply(shard, message(one, [eventText({ id: 'a', uid: 'u', friend: 'u', at: now(), fields: {} })], now()))
  const later = open(two, storage, now)
  expect(later.takeBackfill({ view: 'late', after: null, cells: [] })).toMatchObject({ refused: 'not_begun' })
  expect(later.beginBackfill('late')).toMatchObject({ cut: 1, upTo: null })
  const cells = [{ key: 'u', state: new Uint8Array(0) }]
  expect(later.takeBackfill({ view: 'late', after: 'b', cells })).toMatchObject({ refused: 'out_of_order' })
  expect(later.takeBackfill({ view: 'late', after: null, cells })).toMatchObject({ refused: 'damaged' })
  // Gone, and back.
  open(one, storage, now)
  expect(open(two, storage, now).beginBackfill('late')).toMatchObject({ refused: 'came_back' })
})
