import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openParquet } from '../../scripts/import/parquet-file.ts'
import { ShardLog } from '../../src/offline/index.ts'
import { FileObjects, ID_COLUMN, KNOWN_COLUMN, openLog, routeGap, shardHistory } from '../../src/offline/node/index.ts'
import { Plan, shardOf } from '../../src/plan/index.ts'
import { IMPORT_VERSION, MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { type Random, random } from '../support/random.ts'
import { ACTIVITY, apply, definitionsOf, eventText, lifetimeView, message, type SentEvent } from '../support/shards.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-route-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SHARDS = 3
const NOW = Date.UTC(2026, 0, 1)
const KEYS = Array.from({ length: 12 }, (_, i) => `user,${i}`)
const window = { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } as const
const { since: _, ...fresh } = lifetimeView
const late = {
  ...fresh,
  name: 'late',
  key: { user_id: 'friend' },
  features: [
    ...fresh.features,
    { name: 'hour', aggregate: 'count', window },
    { name: 'units', aggregate: 'sum', field: 'units', window: { kind: 'lifetime' } as const },
  ],
}
const BEFORE = new Plan(definitionsOf([lifetimeView]))
const AFTER = new Plan(definitionsOf([lifetimeView, late]))

/** The shards of one deployment after the other, on the same storages. */
class World {
  readonly storages = Array.from({ length: SHARDS }, () => new MemoryStorage())
  shards: { readonly shard: Shard; readonly log: ShardLog }[] = []
  plan: Plan
  clock = NOW
  readonly folder: string

  constructor(plan: Plan, own: string) {
    this.plan = plan
    this.folder = own
    mkdirSync(own, { recursive: true })
    this.deploy(plan)
  }

  deploy(plan: Plan): void {
    this.plan = plan
    this.shards = this.storages.map((storage, number) => {
      const entity = plan.entities.get('user')
      if (entity === undefined) throw new Error('no entity')
      const part = { region: 1, epoch: 0, shard: number }
      const shard = new Shard({ plan, entity, part, shards: SHARDS, storage, now: () => this.clock, isLogged: true })
      const name = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: number, shards: SHARDS }
      if (shard.log === null) throw new Error('no log')
      const log = new ShardLog({
        feed: shard.log,
        objects: new FileObjects(this.folder),
        shard: name,
        bornMs: NOW,
        previous: null,
        since: () => shard.history.since,
        pause: async () => {},
        report: () => {},
      })
      return { shard, log }
    })
  }

  /** As a router does: to the shards of the keys that the definitions of now name. */
  send(events: readonly SentEvent[]): void {
    for (const [number, { shard }] of this.shards.entries()) {
      const keysOf = ({ uid, friend }: SentEvent) => (this.plan === AFTER ? [uid, friend] : [uid])
      const own = events.filter((event) => keysOf(event).some((key) => shardOf(key, SHARDS) === number))
      if (own.length > 0) apply(shard, message(this.plan, own.map(eventText), this.clock))
    }
  }

  async flush(): Promise<void> {
    for (const { log } of this.shards) while (log.dueMs !== null) await log.send()
  }

  read(feature: string): unknown[] {
    return KEYS.map((key) => {
      const { shard } = this.shards[shardOf(key, SHARDS)] as { shard: Shard }
      const answer = shard.read({
        version: MESSAGE_VERSION,
        plan: this.plan.hash,
        t: this.clock + 1,
        keys: [key],
        run: feature,
      })
      if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
      return JSON.parse(answer.rows[0]?.values ?? '') as unknown
    })
  }
}

function events(r: Random, count: number, from: number): SentEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `e${from + i}`,
    uid: r.pick(KEYS),
    friend: r.pick(KEYS),
    // No two of one time: sent later, they have other commits.
    at: NOW - 7_000_000 + (from + i) * 1_009,
    fields: { units: r.int(-5, 50) },
  }))
}

test('a view by another key is whole once it is filled, with events that its shards have and those that they were never sent', async () => {
  let [rekeyed, sent] = [0, 0]
  for (let seed = 1; seed <= 12; seed++) {
    const r = random(seed)
    const world = new World(BEFORE, join(folder, String(seed)))
    const always = new World(AFTER, join(folder, `${seed}-always`))
    const early = events(r, r.int(5, 120), 0)
    const both = (some: readonly SentEvent[]) => {
      for (const one of [world, always]) one.send(some)
    }
    both(early.slice(0, 50))
    // What the log has had by then is under the old keys.
    if (r.chance(0.7)) await world.flush()
    both(early.slice(50))
    world.deploy(AFTER)
    both(events(r, r.int(0, 60), early.length))
    const begun = world.shards.map(({ shard }) => shard.beginBackfill('late'))
    await world.flush()
    const editor = {
      edit: async (shard: { readonly shard: number }, change: Parameters<ShardLog['edit']>[0]) =>
        (await world.shards[shard.shard]?.log.edit(change)) ?? ('no log' as const),
    }
    const at = { memoryMb: 256, now: () => NOW, folder: world.folder }
    const gap = await routeGap({
      ...at,
      ...{
        objects: new FileObjects(world.folder),
        editor,
        plan: AFTER,
        view: 'late',
        region: 'weur',
        log: world.folder,
      },
    })
    rekeyed += gap.rekeyed
    for (const { path, events: count } of gap.missing) sent += await importAll(world, path, count)
    await world.flush()
    // Once more there is nothing to mend.
    expect(
      await routeGap({
        ...at,
        objects: new FileObjects(world.folder),
        editor,
        plan: AFTER,
        view: 'late',
        region: 'weur',
        log: world.folder,
      }),
    ).toEqual({ rekeyed: 0, missing: [] })
    for (const [number, one] of begun.entries()) {
      const { shard } = world.shards[number] as { shard: Shard }
      if ('refused' in one) continue
      const { cut, takenOutUpTo } = one
      const history = await shardHistory({
        plan: AFTER,
        view: 'late',
        logs: await openLog(world.folder),
        ...{
          region: 'weur',
          epoch: 0,
          shard: number,
          cut,
          takenOutUpTo,
          memoryMb: 256,
          threads: 1,
          temporary: world.folder,
        },
      })
      let after: string | null = null
      for await (const cells of history.pieces()) {
        expect(shard.takeBackfill({ view: 'late', after, cells })).not.toHaveProperty('refused')
        after = cells.at(-1)?.key ?? null
      }
      history.close()
      shard.endBackfill('late', 0)
    }
    for (const feature of ['late.count', 'late.hour', 'late.units', 'ever.count'])
      expect(world.read(feature), `seed ${seed} ${feature}`).toEqual(always.read(feature))
  }
  expect(rekeyed).toBeGreaterThan(0)
  expect(sent).toBeGreaterThan(0)
})

/** As the import door does with `?entity=user&view=late`: to the shard of the view's key alone. */
async function importAll(world: World, path: string, count: number): Promise<number> {
  const file = { name: 'missing', path, bytes: 1, modifiedMs: 0, format: 'parquet', isGzip: false } as const
  const wanted = {
    source: ACTIVITY,
    map: new Map<string, string>(),
    rule: { kind: 'column', column: KNOWN_COLUMN } as const,
    toUtc: undefined,
    idColumn: ID_COLUMN,
  }
  const open = await openParquet(file, wanted)
  let rows = 0
  for await (const some of open.rows(0)) {
    for (const { text, knownAt } of some) {
      const { friend } = JSON.parse(text) as SentEvent
      const { shard } = world.shards[shardOf(friend, SHARDS)] as { shard: Shard }
      const imported = { ...message(AFTER, [text], world.clock), version: IMPORT_VERSION, imported: [knownAt] }
      expect(apply(shard, imported).verdicts).toBe('a')
      rows++
    }
  }
  expect(rows).toBe(count)
  return rows
}
