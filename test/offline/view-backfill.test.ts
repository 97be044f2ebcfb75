import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { SourceSpec } from '../../src/engine/index.ts'
import { ShardLog } from '../../src/offline/index.ts'
import { FileObjects, openLog, shardHistory } from '../../src/offline/node/index.ts'
import type { Shard } from '../../src/shard/index.ts'
import { type Random, random } from '../support/random.ts'
import { Deployment, NOW, ORDERS, VIEW } from '../table/deployment.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-backfill-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SHARD = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }
const LATE = {
  ...VIEW,
  name: 'late',
  since: undefined,
  features: [
    ...VIEW.features,
    { name: 'day', aggregate: 'count', window: { kind: 'sliding', widthMs: 60_000, delayMs: 0 } as const },
  ],
}
/** The view as it is declared where `since` is left to the shard. */
const { since: _, ...late } = LATE
const DAY_MS = 86_400_000

async function writeLog(shard: Shard, to: string): Promise<void> {
  const feed = shard.log
  if (feed === null) throw new Error('no feed')
  const log = new ShardLog({
    feed,
    objects: new FileObjects(to),
    shard: SHARD,
    bornMs: NOW,
    previous: null,
    since: () => shard.history.since,
    pause: async () => {},
    report: (problem) => {
      throw new Error(problem)
    },
  })
  while (log.dueMs !== null) await log.send()
}

/** Rows of a table that come, change, move to another entity and go. */
class Orders {
  private lsn = 0
  private readonly known = new Set<number>()
  private readonly r: Random

  constructor(r: Random) {
    this.r = r
  }

  changes(count: number): object[] {
    return Array.from({ length: count }, () => {
      const { r } = this
      const lsn = String(++this.lsn)
      if (this.known.size > 0 && r.chance(0.25)) {
        const id = r.pick([...this.known])
        this.known.delete(id)
        return { $op: 'd', id, $lsn: lsn }
      }
      const id = r.int(1, 40)
      const op = this.known.has(id) ? 'u' : 'c'
      this.known.add(id)
      const note = r.pick([null, 'x', 'y', 'z'])
      return {
        $op: op,
        id,
        uid: r.pick(['a', 'b', 'ü']),
        amount: r.pick([null, r.int(-5, 90)]),
        note,
        at: NOW - r.int(0, 90_000),
        $lsn: lsn,
      }
    })
  }
}

test('a view over a table is filled with rows from before it came, less those that were taken out meanwhile', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const r = random(seed)
    const source: SourceSpec = ORDERS
    const before = new Deployment({ source })
    const always = new Deployment({ source, views: [VIEW, late] })
    const both = async (to: Deployment, changes: readonly object[]) => {
      for (const one of [to, always]) {
        await one.send(changes)
        one.drain()
      }
    }
    const orders = new Orders(r)
    await both(before, orders.changes(r.int(1, 60)))
    const after = new Deployment({ source, views: [VIEW, late] }, before)
    await both(after, orders.changes(r.int(0, 40)))
    const begun = after.shard('user').beginBackfill('late')
    if ('refused' in begun) throw new Error(begun.message)
    const changes = orders.changes(r.int(0, 40))
    const middle = r.int(0, changes.length)
    await both(after, changes.slice(0, middle))
    const own = join(folder, String(seed))
    await writeLog(after.shard('user'), own)
    await both(after, changes.slice(middle))
    const { cut, takenOutUpTo } = begun
    const history = await shardHistory({
      plan: after.plan,
      view: 'late',
      logs: await openLog(own),
      ...{ region: 'weur', epoch: 0, shard: 0, cut, takenOutUpTo },
      ...{ memoryMb: 256, threads: 1, temporary: own },
    })
    let upTo: string | null = null
    for await (const cells of history.pieces()) {
      expect(after.shard('user').takeBackfill({ view: 'late', after: upTo, cells })).not.toHaveProperty('refused')
      upTo = cells.at(-1)?.key ?? null
    }
    history.close()
    after.shard('user').endBackfill('late', history.sinceMs - DAY_MS)
    for (const key of ['a', 'b', 'ü']) {
      for (const { name } of late.features)
        expect(after.read('user', `late.${name}`, key), `seed ${seed}: ${key} ${name}`).toEqual(
          always.read('user', `late.${name}`, key),
        )
    }
    expect(after.shard('user').canonical(), `seed ${seed}`).toEqual(always.shard('user').canonical())
  }
})

test('a log that does not reach far enough is refused by name', async () => {
  const before = new Deployment()
  await before.send(new Orders(random(1)).changes(5))
  before.drain()
  const after = new Deployment({ views: [VIEW, late] }, before)
  const own = join(folder, 'short')
  const at = { region: 'weur', epoch: 0, shard: 0, takenOutUpTo: 0, memoryMb: 256, threads: 1, temporary: own }
  const ask = async (cut: number, shard = 0) =>
    await shardHistory({ plan: after.plan, view: 'late', logs: await openLog(own), ...at, shard, cut })
  await writeLog(after.shard('user'), own)
  await expect(ask(1_000)).rejects.toThrow('the log of weur/user/0/0 has commits up to')
  await expect(ask(1, 3)).rejects.toThrow('the log has no shard weur/user/0/3')
})
