import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogShard, ShardLog } from '../../src/offline/index.ts'
import { FileObjects, type LogEditor } from '../../src/offline/node/index.ts'
import { type EntityRuntime, type Plan, shardOf } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, type RowText, Shard } from '../../src/shard/index.ts'
import type { Random } from './random.ts'
import { apply, eventText, message, type SentEvent } from './shards.ts'
import { randomFields } from './streams.ts'

/** What was served to somebody who asked now: what training must give again. */
export interface Served {
  readonly key: string
  readonly t: number
  readonly region: string
  readonly commits: readonly string[]
  readonly answer: RowText
  /** Whether t was then: what came up to it has been seen, and nothing after. */
  readonly isNow: boolean
}

interface Place {
  readonly shard: Shard
  readonly log: ShardLog
  readonly name: LogShard
}

export interface LoggedShardsOptions {
  readonly shards: number
  /** A clock that starts here, ms. */
  readonly startMs: number
  /** Default weur. */
  readonly region?: 'weur' | 'apac'
  /** Where several write to one log. */
  readonly folder?: string
}

/** The shards of entity `user` in one region, the log that they write into a folder, and what lookups saw meanwhile. */
export class LoggedShards {
  readonly plan: Plan
  readonly folder: string
  private readonly region: 'weur' | 'apac'
  readonly served: Served[] = []
  clock: number
  private readonly entity: EntityRuntime
  private readonly shards: number
  private readonly places = new Map<number, Place>()

  constructor(plan: Plan, { shards, startMs, region = 'weur', folder }: LoggedShardsOptions) {
    this.region = region
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'tidemark-test-'))
    this.plan = plan
    this.shards = shards
    this.clock = startMs
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity user')
    this.entity = entity
  }

  private place(number: number): Place {
    const known = this.places.get(number)
    if (known) return known
    const { plan, entity, shards, clock, region } = this
    const regionId = region === 'weur' ? 1 : 2
    const part = { region: regionId, epoch: 0, shard: number }
    const options = { plan, entity, part, shards, storage: new MemoryStorage(), now: () => this.clock, isLogged: true }
    const shard = new Shard(options)
    const name = { entity: 'user', region, regionId, epoch: 0, shard: number, shards }
    if (shard.log === null) throw new Error('no log')
    const log = new ShardLog({
      feed: shard.log,
      objects: new FileObjects(this.folder),
      shard: name,
      bornMs: clock,
      previous: null,
      since: () => shard.history.since,
      pause: async () => {},
      report: (problem) => {
        throw new Error(problem)
      },
    })
    const made = { shard, log, name }
    this.places.set(number, made)
    return made
  }

  private placeOf(key: string): Place {
    return this.place(shardOf(key, this.shards))
  }

  /** Sends a batch to whichever shards it concerns. */
  send(events: readonly SentEvent[]): void {
    const numbers = new Set(events.flatMap(({ uid, friend }) => [uid, friend].map((key) => shardOf(key, this.shards))))
    for (const number of numbers) {
      const own = events.filter(({ uid, friend }) => [uid, friend].some((key) => shardOf(key, this.shards) === number))
      apply(this.place(number).shard, message(this.plan, own.map(eventText), this.clock))
    }
  }

  /** Reads an entity at `t` and keeps the answer; nothing of a time that is too old. */
  read(key: string, t = this.clock): Served | undefined {
    const { shard, name } = this.placeOf(key)
    const run = this.plan.featureNames.join()
    const answer = shard.read({ version: MESSAGE_VERSION, plan: this.plan.hash, t, keys: [key], run })
    if (!('rows' in answer)) return undefined
    const commits = [`${name.region}/user/${name.epoch}/${name.shard}/${answer.seq}`]
    const served = { key, t, region: name.region, commits, answer: answer.rows[0] as RowText, isNow: t === this.clock }
    this.served.push(served)
    return served
  }

  /** Writes whatever the log has not had yet. */
  async flush(): Promise<void> {
    for (const { log } of this.places.values()) while (log.dueMs !== null) await log.send()
  }

  /** Has a shard name other files of its log, as the ingest Worker does. */
  readonly editor: LogEditor = {
    edit: async (name, change) => {
      const log = this.places.get(name.shard)?.log
      return log === undefined ? 'no log' : await log.edit(change)
    },
  }

  /** The shard of an entity forgets it: its name as an answer has it, and the commit. */
  async erase(key: string): Promise<{ readonly shard: string; readonly seq: number }> {
    const { shard, log, name } = this.placeOf(key)
    const { seq } = shard.erase([key])
    while (log.dueMs !== null) await log.send()
    return { shard: `${name.region}/${name.entity}/${name.epoch}/${name.shard}`, seq }
  }

  get names(): readonly LogShard[] {
    return [...this.places.values()].map(({ name }) => name)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Lets events come and lookups ask, at random: late events, ties, bursts, keys that were never seen. */
export async function live(r: Random, world: LoggedShards, steps: number): Promise<void> {
  const keys = ['u1', 'u2', 'u,3', '', '\u{1f600}', 'never']
  let sent = 0
  for (let step = 0; step < steps; step++) {
    world.clock += r.chance(0.3) ? 0 : r.pick([1, 50, 1_000, 60_000, 3_600_000, 86_400_000])
    const batch = Array.from({ length: r.int(0, 8) }, () => {
      const late = r.chance(0.3) ? r.pick([0, 1, 1_000, 3_600_000, 2 * 86_400_000]) : 0
      const ahead = r.chance(0.05) ? r.int(0, 300_000) : 0
      const uid = r.pick(keys.slice(0, -1))
      const friend = r.pick(keys.slice(0, -1))
      return { id: `e${++sent}`, uid, friend, at: world.clock - late + ahead, fields: randomFields(r) }
    })
    if (batch.length > 0) world.send(batch)
    if (r.chance(0.2)) await world.flush()
    // Events of this very millisecond have come: others may come after the lookup, and be seen by none at this time.
    world.clock++
    for (let i = r.int(0, 3); i > 0; i--) {
      const behind = r.chance(0.2) ? r.int(0, 10_000) : 0
      world.read(r.pick(keys), world.clock - behind)
    }
    world.clock++
  }
  await world.flush()
}
