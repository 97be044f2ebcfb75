/** A table's shard that was filled from one that is then restored to a time before. */
import { expect, test } from 'vitest'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, startLineage } from '../../src/shard/index.ts'
import { MemoryTableStorage, type ParentTable, TableHeir, TableShard } from '../../src/table/index.ts'
import { NOW, ORDERS } from './deployment.ts'

const plan = new Plan({ entities: [], sources: [ORDERS], views: [], services: [] })
const source = plan.sources.get('orders') as SourceRuntime
const about = { version: MESSAGE_VERSION, plan: plan.hash, source: 'orders', arrivalMs: NOW }

function tableOf(storage: MemoryTableStorage, epoch: number): TableShard {
  const part = { region: 1, epoch, shard: 0 }
  return new TableShard({ plan, source, part, storage, destinations: { shardsOf: () => 1 }, now: () => NOW })
}

/** A table in which each of these rows was written by itself. */
function tableWith(ids: readonly number[], lineage?: string): TableShard {
  const storage = new MemoryTableStorage()
  const table = tableOf(storage, 0)
  for (const id of ids) {
    const row = { $op: 'u', $lsn: String(id + 1), id, uid: 'a', amount: 1, at: NOW }
    table.apply({ ...about, events: JSON.stringify([row]), fanout: '1' })
  }
  if (lineage !== undefined) startLineage(storage, lineage)
  return table
}

test.each([
  ['is behind where it was', [0, 1]],
  ['has come as far again, with other rows', [0, 1, 4, 5, 6, 7]],
])('a child takes over what its parent is, not what it was, when the parent %s', async (_what, now) => {
  let table = tableWith([0, 1, 2, 3])
  const parent: ParentTable = {
    head: async () => table.handOver.head(),
    seal: async (child) => table.handOver.seal(child),
    rows: async (child, after, round) => table.handOver.rows(child, after, round),
  }
  const storage = new MemoryTableStorage()
  const child = { epoch: 1, shards: 1, shard: 0 }
  const of = { storage, child, countsExpectations: true, parent, sleep: async () => {}, now: () => NOW }
  await new TableHeir(of).copy()
  table = tableWith(now, 'restored')
  await new TableHeir(of).open()
  const keys = storage.scanRows(null, 100).map(({ key }) => key)
  expect(keys).toEqual(now.map(String))
})
