import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SourceSpec } from '../../src/engine/index.ts'
import { entityHistory, eraseLog, FileObjects, findPerson, openLog } from '../../src/offline/node/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { LoggedShards } from '../support/logged-shards.ts'
import { ACTIVITY, definitionsOf, lifetimeView, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const { id: _, ...noId } = ACTIVITY

function worldOf(source: SourceSpec = ACTIVITY) {
  const friends = { ...lifetimeView, name: 'friends', key: { user_id: 'friend' } }
  const plan = new Plan(definitionsOf([lifetimeView, friends], source))
  const world = new LoggedShards(plan, { shards: 1, startMs: NOW })
  world.send([{ ...plainEvent('e1', 'a', NOW), friend: 'b' }, plainEvent('e2', 'b', NOW)])
  return { plan, world }
}

const lackingOf = async (plan: Plan, folder: string) =>
  await entityHistory({
    source: plan.sources.get('activity') as SourceRuntime,
    entity: 'team',
    logs: await openLog(folder),
    known: join(folder, 'known.parquet'),
    unknown: join(folder, 'unknown.parquet'),
    memoryMb: 200,
    threads: 1,
    temporary: folder,
  })

test('an entity that came later is filled with what an erasure left whole', async () => {
  const { plan, world } = worldOf()
  await world.flush()
  expect(await lackingOf(plan, world.folder)).toEqual({ known: 2, unknown: 0 })
  const { folder } = world
  const upkeep = {
    objects: new FileObjects(folder),
    editor: world.editor,
    folder,
    memoryMb: 200,
    now: () => world.clock,
  }
  const person = await findPerson(upkeep, plan, { entity: 'user', key: 'a' })
  const { shard, seq } = await world.erase('a')
  const erased = await eraseLog(upkeep, person, { atMs: world.clock, commits: new Map([[`${shard} a`, seq]]) })
  expect(erased.rowsBlanked).toBeGreaterThan(0)
  expect(await lackingOf(plan, folder)).toEqual({ known: 1, unknown: 0 })
  world.remove()
})

test('an entity that came later is not filled with events that nothing tells apart', async () => {
  const { plan, world } = worldOf({ ...noId, idempotency: 'none' })
  await world.flush()
  await expect(lackingOf(plan, world.folder)).rejects.toThrow('2 events that nothing tells from each other')
  world.remove()
})
