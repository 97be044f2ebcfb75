import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { FieldSpec, SourceSpec } from '../../src/engine/index.ts'
import { ShardLog } from '../../src/offline/index.ts'
import { FileObjects, openLog, routeGap, shardHistory } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { ACTIVITY, apply, definitionsOf, lifetimeView, message } from '../support/shards.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-gap-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const NOW = Date.UTC(2026, 0, 1)
const { since: _, ...fresh } = lifetimeView
let worlds = 0
function world() {
  const folder = join(root, String(++worlds))
  mkdirSync(folder)
  const storage = new MemoryStorage()
  const open = (plan: Plan) => {
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity')
    const shard = new Shard({
      plan,
      entity,
      part: { region: 1, epoch: 0, shard: 0 },
      shards: 1,
      storage,
      now: () => NOW,
      isLogged: true,
    })
    if (shard.log === null) throw new Error('no log')
    const log = new ShardLog({
      feed: shard.log,
      objects: new FileObjects(folder),
      bornMs: NOW,
      previous: null,
      since: () => shard.history.since,
      shard: { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 },
      pause: async () => {},
      report: () => {},
    })
    return { shard, log }
  }
  const gap = (plan: Plan, log: ShardLog) =>
    routeGap({
      memoryMb: 256,
      now: () => NOW,
      folder,
      objects: new FileObjects(folder),
      plan,
      view: 'late',
      region: 'weur',
      log: folder,
      editor: { edit: (_shard, change) => log.edit(change) },
    })
  return { folder, open, gap }
}
const flush = async (log: ShardLog) => {
  while (log.dueMs !== null) await log.send()
}
const text = (more: object) => JSON.stringify({ id: 'e0', uid: 'a', friend: 'b', at: NOW, ...more })
const added = (name: string, type: FieldSpec['type']): FieldSpec => ({ name, type, nullable: true, optional: true })
const withField = (field: FieldSpec): SourceSpec => ({ ...ACTIVITY, fields: [...ACTIVITY.fields, field] })

test('a new view beside a new field of its source is filled before an event has that field', async () => {
  const before = new Plan(definitionsOf([lifetimeView]))
  const after = new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late' }], withField(added('extra', 'string'))))
  const { open, gap } = world()
  apply(open(before).shard, message(before, [text({})], NOW))
  const { shard, log } = open(after)
  shard.beginBackfill('late')
  await flush(log)
  expect(await gap(after, log)).toEqual({ rekeyed: 0, missing: [] })
})

test('a new view by a new field of its source is filled, with events of before and after', async () => {
  const before = new Plan(definitionsOf([lifetimeView]))
  const key = { ...added('owner', 'string'), nullable: false, optional: false }
  const after = new Plan(
    definitionsOf([lifetimeView, { ...fresh, name: 'late', key: { user_id: 'owner' } }], withField(key)),
  )
  const { open, gap } = world()
  apply(open(before).shard, message(before, [text({})], NOW))
  const { shard, log } = open(after)
  shard.beginBackfill('late')
  apply(shard, message(after, [text({ id: 'e1', owner: 'b' })], NOW))
  await flush(log)
  expect(await gap(after, log)).toEqual({ rekeyed: 0, missing: [] })
})

for (const [was, is, one, two] of [
  ['string', 'list(string)', 'x', ['y']],
  ['string', 'float64', 'x', 1.5],
  ['bool', 'list(string)', true, ['y']],
  ['decimal(2)', 'string', '1.50', 'y'],
  ['decimal(2)', 'decimal(10)', '1.50', '2.5'],
  ['timestamp', 'float64', NOW, 2.5],
  ['vector(2)', 'string', [1, 2], 'y'],
] as const) {
  test(`a view is filled over a field that was ${was} and is ${is}`, async () => {
    const of = (type: string): FieldSpec => ({
      ...added('thing', type as FieldSpec['type']),
      ...(type === 'timestamp' && { format: 'ms' as const }),
    })
    const before = new Plan(definitionsOf([lifetimeView], withField(of(was))))
    const after = new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late' }], withField(of(is))))
    const { open, gap, folder } = world()
    expect(apply(open(before).shard, message(before, [text({ thing: one })], NOW)).verdicts).toBe('a')
    const { shard, log } = open(after)
    const begun = shard.beginBackfill('late')
    if ('refused' in begun) throw new Error(begun.message)
    expect(apply(shard, message(after, [text({ id: 'e1', thing: two })], NOW)).verdicts).toBe('a')
    await flush(log)
    expect(await gap(after, log)).toEqual({ rekeyed: 0, missing: [] })
    const history = await shardHistory({
      plan: after,
      view: 'late',
      logs: await openLog(folder),
      region: 'weur',
      epoch: 0,
      shard: 0,
      cut: begun.cut,
      takenOutUpTo: begun.takenOutUpTo,
      memoryMb: 256,
      threads: 1,
      temporary: folder,
    })
    const keys: string[] = []
    for await (const cells of history.pieces()) keys.push(...cells.map(({ key: k }) => k))
    history.close()
    expect(keys).toEqual(['a'])
  })
}
