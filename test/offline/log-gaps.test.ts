import { expect, test } from 'vitest'
import { isWhole, type LogShard, type Manifest, MemoryObjects, ShardLog, wholeSince } from '../../src/offline/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { Heir, MemoryStorage, Shard, seqWhenOpened } from '../../src/shard/index.ts'
import { JOURNAL_ROWS } from '../../src/shard/journal.ts'
import { manifestOf, rowsOf } from '../support/log.ts'
import { ACTIVITY, apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const plan = new Plan(definitionsOf([lifetimeView]))
const entity = plan.entities.get('user')
if (entity === undefined) throw new Error('no entity')
const open = (storage: MemoryStorage, isLogged: boolean, epoch = 0) =>
  new Shard({ plan, entity, part: { region: 1, epoch, shard: 0 }, shards: 1, storage, now: () => NOW, isLogged })
let sent = 0
const send = (shard: Shard, batches: number) => {
  for (let i = 0; i < batches; i++) apply(shard, message(plan, [eventText(plainEvent(`e${++sent}`, 'u', NOW))], NOW))
}
const NAME: LogShard = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }
const logOf = (shard: Shard, objects: MemoryObjects, more: object = {}, said: string[] = []) => {
  if (shard.log === null) throw new Error('no feed')
  return new ShardLog({
    feed: shard.log,
    objects,
    shard: NAME,
    bornMs: NOW,
    previous: null,
    since: () => ({}),
    pause: async () => {},
    report: (text) => said.push(text),
    ...more,
  })
}
const flush = async (log: ShardLog) => {
  while (log.dueMs !== null) await log.send()
}

test('a log with rows moved aside that was off for longer than the ring goes on, and says what it lacks', async () => {
  const storage = new MemoryStorage()
  send(open(storage, true), JOURNAL_ROWS + 10) // the bucket cannot be reached: ten rows are aside
  send(open(storage, false), JOURNAL_ROWS + 500) // the log is off
  const shard = open(storage, true) // and on again
  send(shard, 3)
  const objects = new MemoryObjects()
  await flush(logOf(shard, objects))
  const manifest = await manifestOf(objects, NAME)
  expect(manifest?.seq).toBe(sent)
  expect(manifest?.removed).toMatchObject([{ why: 'gap' }])
  expect(isWhole(manifest as Manifest)).toBe(false)
})

test('a child whose log was switched on late does not say that it has everything since it opened', async () => {
  const parent = new MemoryStorage()
  const before = open(parent, false)
  send(before, 5)
  const storage = new MemoryStorage()
  const clone = <T>(v: T): T => structuredClone(v)
  const heir = new Heir({
    storage,
    child: { epoch: 1, shards: 1, shard: 0 },
    siblings: 1,
    countsExpectations: true,
    now: () => NOW,
    parent: {
      head: async () => clone(before.handOver.head()),
      seal: async (child) => clone(before.handOver.seal(child)),
      cells: async (child, page, since) => clone(before.handOver.cells(child, page, since)),
      ids: async (run, part) => clone(before.handOver.ids(run, part)),
    },
  })
  await heir.open()
  send(open(storage, false, 1), JOURNAL_ROWS + 500) // no log yet
  const shard = open(storage, true, 1)
  send(shard, 3)
  const objects = new MemoryObjects()
  const said: string[] = []
  const name = { ...NAME, epoch: 1 }
  const previous = { epoch: 0, shard: 0, shards: 1, seq: seqWhenOpened(storage) }
  await flush(logOf(shard, objects, { shard: name, previous }, said))
  const manifest = (await manifestOf(objects, name)) as Manifest
  const rows = await rowsOf(objects, manifest)
  const firstSeq = Math.min(...rows.map(({ seq }) => seq))
  expect(firstSeq).toBeGreaterThan(previous.seq + 1) // some are lost indeed
  expect(manifest.fromSeq).toBe(firstSeq) // and it says so
  expect(isWhole(manifest)).toBe(false)
})

const HOUR = 3_600_000
const DAY = 24 * HOUR
const segment = {
  key: 'k',
  source: 'activity',
  contract: 1,
  fromSeq: 900,
  toSeq: 1_000,
  rows: 1,
  bytes: 1,
  sha256: '',
  order: 'commit' as const,
  fromMs: NOW + 60 * DAY,
  toMs: NOW + 61 * DAY,
  fromArrivalMs: NOW + 60 * DAY,
  toArrivalMs: NOW + 61 * DAY,
}
const base: Manifest = {
  format: 1,
  shard: NAME,
  bornMs: NOW,
  previous: null,
  fromSeq: 1,
  seq: 1_000,
  availableAtMs: NOW + 61 * DAY,
  contracts: [{ number: 1, source: ACTIVITY }],
  since: {},
  removed: [],
  segments: [segment],
}

test('a log that retention cut and that was off later is whole only since it was on again', () => {
  const removed = [{ atMs: NOW + 10 * DAY, why: 'retention' as const, beforeMs: NOW + 3 * DAY, rows: 10 }]
  // Commits 501..899 were accepted while the log was off, up to day 60: fromSeq rose to 900, and the gap is noted.
  const gap = { atMs: NOW + 60 * DAY, why: 'gap' as const, beforeMs: NOW + 60 * DAY, rows: 0 }
  expect(wholeSince([{ ...base, fromSeq: 900, removed: [...removed, gap] }])).toBeGreaterThanOrEqual(NOW + 60 * DAY)
})

test('a source whose events may be a day ahead of their arrival is whole a day after what was taken away', () => {
  const removed = [{ atMs: NOW + 10 * DAY, why: 'retention' as const, beforeMs: NOW + 3 * DAY, rows: 10 }]
  const contracts = [{ number: 1, source: { ...ACTIVITY, maxFutureMs: DAY } }]
  expect(wholeSince([{ ...base, fromSeq: 11, removed, contracts }])).toBeGreaterThanOrEqual(NOW + 4 * DAY)
})
