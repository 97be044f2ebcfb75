import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { SourceSpec } from '../../src/engine/index.ts'
import { ShardLog } from '../../src/offline/index.ts'
import { FileObjects, openLog, routeGap, shardHistory } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { ACTIVITY, apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-gap-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const NOW = Date.UTC(2026, 0, 1)
const { since: _, ...fresh } = lifetimeView
let worlds = 0

function world(before: Plan, after: Plan) {
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
  const gap = (log: ShardLog) =>
    routeGap({
      memoryMb: 256,
      now: () => NOW,
      folder,
      objects: new FileObjects(folder),
      plan: after,
      view: 'late',
      region: 'weur',
      log: folder,
      editor: { edit: (_shard, change) => log.edit(change) },
    })
  return { folder, open, gap, before, after }
}

const flush = async (log: ShardLog) => {
  while (log.dueMs !== null) await log.send()
}

test('a view by the same key over a source without ids lacks no event', async () => {
  const { id: _id, ...rest } = ACTIVITY
  const source: SourceSpec = { ...rest, idempotency: 'none' }
  const [before, after] = [
    new Plan(definitionsOf([lifetimeView], source)),
    new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late' }], source)),
  ]
  const { open, gap } = world(before, after)
  const first = open(before)
  apply(
    first.shard,
    message(
      before,
      ['a', 'b', 'c'].map((key, i) => eventText(plainEvent(`e${i}`, key, NOW))),
      NOW,
    ),
  )
  const now = open(after)
  now.shard.beginBackfill('late')
  await flush(now.log)
  expect(await gap(now.log)).toEqual({ rekeyed: 0, missing: [] })
})

test('a key field that was a text before and is a number now does not break the backfill', async () => {
  const retyped = (type: 'string' | 'int64'): SourceSpec => ({
    ...ACTIVITY,
    fields: ACTIVITY.fields.map((field) => (field.name === 'friend' ? { ...field, type } : field)),
  })
  const entity = (type: 'string' | 'int64') => [{ name: 'user', keys: [{ name: 'user_id', type }] }]
  const early = { ...lifetimeView }
  const mk = (type: 'string' | 'int64', views: Parameters<typeof definitionsOf>[0]) => {
    const spec = definitionsOf(views, retyped(type))
    return { ...spec, entities: [...spec.entities, { name: 'number', keys: entity(type).flatMap(({ keys }) => keys) }] }
  }
  const other = { ...fresh, name: 'numbers', entity: 'number', key: { user_id: 'friend' } }
  const before = new Plan(mk('string', [early]))
  const after = new Plan(mk('int64', [early, { ...other, name: 'late' }]))
  const { open, folder } = world(before, after)
  const first = open(before)
  apply(first.shard, message(before, [eventText({ ...plainEvent('e0', 'a', NOW), friend: 'abc' })], NOW))
  await flush(first.log)
  // Entity number has a log of its own with the new type.
  const storage = new MemoryStorage()
  const numbers = after.entities.get('number')
  if (numbers === undefined) throw new Error('no entity')
  const shard = new Shard({
    plan: after,
    entity: numbers,
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
    since: () => ({}),
    shard: { entity: 'number', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 },
    pause: async () => {},
    report: () => {},
  })
  apply(shard, message(after, [`{"id":"e1","uid":"a","friend":7,"at":${NOW}}`], NOW))
  await flush(log)
  const got = await routeGap({
    memoryMb: 256,
    now: () => NOW,
    folder,
    objects: new FileObjects(folder),
    plan: after,
    view: 'late',
    region: 'weur',
    log: folder,
    editor: { edit: (_s, change) => log.edit(change) },
  })
  expect(got).toEqual({ rekeyed: 0, missing: [] })
})

test('a key with a zero character is filled like any other', async () => {
  const [before, after] = [
    new Plan(definitionsOf([lifetimeView])),
    new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late' }])),
  ]
  const { open, gap, folder } = world(before, after)
  const first = open(before)
  apply(
    first.shard,
    message(
      before,
      ['a\u0000b', 'c'].map((key, i) => eventText(plainEvent(`e${i}`, key, NOW))),
      NOW,
    ),
  )
  const now = open(after)
  const begun = now.shard.beginBackfill('late')
  if ('refused' in begun) throw new Error(begun.message)
  await flush(now.log)
  expect(await gap(now.log)).toEqual({ rekeyed: 0, missing: [] })
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
  for await (const cells of history.pieces()) keys.push(...cells.map(({ key }) => key))
  history.close()
  expect(keys.sort()).toEqual(['a\u0000b', 'c'])
})
