import { expect, test } from 'vitest'
import { type LogShard, type Manifest, MemoryObjects, ShardLog } from '../../src/offline/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MemoryStorage, restoredLineage, Shard, startLineage } from '../../src/shard/index.ts'
import { manifestOf, rowsOf } from '../support/log.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const NAME: LogShard = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }
const plan = new Plan(definitionsOf([lifetimeView]))

test('what a restored shard accepts before the epoch is raised is in the log that its heirs go by', async () => {
  const objects = new MemoryObjects()
  const storage = new MemoryStorage()
  const open = (of: MemoryStorage) => {
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity')
    const shard = new Shard({
      plan,
      entity,
      part: { region: 1, epoch: 0, shard: 0 },
      shards: 1,
      storage: of,
      now: () => NOW,
      isLogged: true,
    })
    if (shard.log === null) throw new Error('no feed')
    const log = new ShardLog({
      feed: shard.log,
      objects,
      shard: NAME,
      bornMs: NOW,
      previous: null,
      since: () => ({}),
      pause: async () => {},
      lineage: restoredLineage(of),
      report: () => {},
    })
    return { shard, log }
  }
  const send = ({ shard }: { shard: Shard }, ids: readonly string[]) =>
    apply(
      shard,
      message(
        plan,
        ids.map((id) => eventText(plainEvent(id, 'u', NOW))),
        NOW,
      ),
    )
  const live = open(storage)
  send(live, ['a', 'b'])
  const then = new MemoryStorage() // the moment that it is taken back to: the very same state
  send(open(then), ['a', 'b'])
  send(live, ['lost1', 'lost2', 'lost3'])
  while (live.log.dueMs !== null) await live.log.send()
  startLineage(then, 'restored')
  const restored = open(then)
  send(restored, ['c', 'd']) // pullers go on at once
  while (restored.log.dueMs !== null) await restored.log.send()
  const { seq } = restored.shard.stats // `previous.seq` of the next epoch
  const manifest = (await manifestOf(objects, NAME)) as Manifest
  const rows = (await rowsOf(objects, manifest)).filter((row) => row.seq <= seq).map(({ id }) => id)
  expect(rows).toEqual(['a', 'b', 'c', 'd'])
})
