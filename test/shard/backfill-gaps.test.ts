import { expect, test } from 'vitest'
import { ViewHistory } from '../../src/offline/index.ts'
import { Plan, shardOf } from '../../src/plan/index.ts'
import {
  type AcceptedRow,
  type Backfill,
  type BackfillPiece,
  Heir,
  MemoryStorage,
  Shard,
} from '../../src/shard/index.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent, readValues } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const { since: _, ...fresh } = lifetimeView
const before = new Plan(definitionsOf([lifetimeView]))
const after = new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late' }]))
const open = (plan: Plan, storage: MemoryStorage, part = { region: 1, epoch: 0, shard: 0 }, shards = 1) => {
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity')
  return new Shard({ plan, entity, part, shards, storage, now: () => NOW, isLogged: true })
}
const keys = Array.from({ length: 12 }, (_, i) => `u${String(i).padStart(2, '0')}`)

function logged(shard: Shard): AcceptedRow[] {
  const feed = shard.log
  const rows: AcceptedRow[] = []
  for (let span = feed?.next(1); span !== undefined; span = feed?.next(1)) {
    for (let row = span.fromRow; row < span.toRow; row++) rows.push(...(feed?.rows(row).flatMap((of) => of.rows) ?? []))
    feed?.done(span)
  }
  return rows
}

/** As view-backfill.ts makes them: the entities that live in the shard, by key, so many in a piece. */
function pieces(
  rows: readonly AcceptedRow[],
  cut: number,
  of: readonly string[],
  size: number,
  behind: string | null = null,
): BackfillPiece[] {
  const entity = after.entities.get('user')
  const source = after.sources.get('activity')
  const vector = after.vectorOf(null, ['late.count'])
  if (entity === undefined || source === undefined || typeof vector === 'string') throw new Error('no plan')
  const history = new ViewHistory(entity, vector.features, cut)
  const cells = [...of].sort().flatMap((key) => {
    history.begin(key)
    for (const row of rows)
      if (row.key === key) history.row(source, { ...row, part: { region: 1, epoch: 0, shard: 0 } }, row.seq)
    const state = history.finish()
    return state === null ? [] : [{ key, state }]
  })
  const made: BackfillPiece[] = []
  let upTo = behind
  while (cells.length > 0) {
    made.push({ view: 'late', after: upTo, cells: cells.splice(0, size) })
    upTo = made.at(-1)?.cells.at(-1)?.key ?? null
  }
  return made
}

test('who was erased while a backfill was under way does not come back with a piece that was computed before', () => {
  const storage = new MemoryStorage()
  apply(
    open(before, storage),
    message(
      before,
      keys.map((key, i) => eventText(plainEvent(`e${i}`, key, NOW))),
      NOW,
    ),
  )
  const shard = open(after, storage)
  const { cut } = shard.beginBackfill('late') as Backfill
  const all = pieces(logged(shard), cut, keys, 100)
  shard.erase(['u03'])
  for (const piece of all) shard.takeBackfill(piece)
  shard.endBackfill('late', 0)
  expect(readValues(shard, after, 'ever.count', ['u03'], NOW + 1)).toEqual([0])
  expect(readValues(shard, after, 'late.count', ['u03'], NOW + 1)).toEqual([0])
})

test('a shard that took over in the middle of a backfill has all of it in the end, nothing twice', async () => {
  const storage = new MemoryStorage()
  apply(
    open(before, storage),
    message(
      before,
      keys.map((key, i) => eventText(plainEvent(`e${i}`, key, NOW))),
      NOW,
    ),
  )
  const parent = open(after, storage)
  const { cut } = parent.beginBackfill('late') as Backfill
  const rows = logged(parent)
  const ofParent = pieces(rows, cut, keys, 2)
  for (const piece of ofParent.slice(0, 3)) parent.takeBackfill(piece) // half of it, then the command was stopped
  const values: unknown[] = []
  for (const shard of [0, 1]) {
    const own = new MemoryStorage()
    const heir = new Heir({
      storage: own,
      child: { epoch: 1, shards: 2, shard },
      siblings: 2,
      countsExpectations: shard === 0,
      now: () => NOW,
      parent: {
        head: async () => structuredClone(parent.handOver.head()),
        seal: async (child) => structuredClone(parent.handOver.seal(child)),
        cells: async (child, page, since) => structuredClone(parent.handOver.cells(child, page, since)),
        ids: async (run, part) => structuredClone(parent.handOver.ids(run, part)),
      },
    })
    await heir.open()
    const child = open(after, own, { region: 1, epoch: 1, shard }, 2)
    const mine = keys.filter((key) => shardOf(key, 2) === shard)
    // What the same command does now: the child's own entities, from the piece that it wants next.
    const begun = child.beginBackfill('late')
    if ('refused' in begun) throw new Error(begun.message)
    if (!begun.isDone)
      for (const piece of pieces(
        rows,
        begun.cut,
        mine.filter((key) => begun.upTo === null || key > begun.upTo),
        2,
        begun.upTo,
      ))
        expect(child.takeBackfill(piece)).not.toHaveProperty('refused')
    child.endBackfill('late', 0)
    values.push(...readValues(child, after, 'late.count', mine, NOW + 1))
  }
  expect(values).toEqual(keys.map(() => 1))
})
