import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogShard, ShardLog } from '../../src/offline/index.ts'
import { checkParity, FileObjects, openDuck, openLog, type ParityReport } from '../../src/offline/node/index.ts'
import { ServedSample } from '../../src/offline/served/index.ts'
import type { Plan } from '../../src/plan/index.ts'
import type { LookupRow } from '../../src/serve/index.ts'
import { Shard } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import type { Random } from '../support/random.ts'
import { apply, eventText, message, type SentEvent } from '../support/shards.ts'

export const SHARD: LogShard = { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }
export const NOW = Date.UTC(2026, 0, 1)

/** A shard, its log in a folder, and a sample of what it serves: all of it can die. */
export class ParityWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidemark-parity-'))
  readonly objects = new FileObjects(this.folder)
  readonly storage = new CrashingStorage()
  plan: Plan
  shard: Shard
  log: ShardLog
  clock = NOW
  /** How often a batch meets its death. */
  deaths = 0.1
  private sample: ServedSample
  private readonly r: Random

  constructor(plan: Plan, r: Random) {
    this.plan = plan
    this.r = r
    this.shard = this.openShard()
    this.log = this.openLog()
    this.sample = this.openSample()
  }

  private openShard(): Shard {
    const entity = this.plan.entities.get('user')
    if (entity === undefined) throw new Error('no entity')
    const { plan, storage } = this
    const part = { region: 1, epoch: 0, shard: 0 }
    return new Shard({ plan, entity, part, shards: 1, storage, now: () => this.clock, isLogged: true })
  }

  private openLog(): ShardLog {
    const { shard } = this
    if (shard.log === null) throw new Error('no feed')
    return new ShardLog({
      feed: shard.log,
      objects: this.objects,
      shard: SHARD,
      bornMs: NOW,
      previous: null,
      since: () => shard.history.since,
      pause: async () => {},
      report: (problem) => {
        throw new Error(problem)
      },
    })
  }

  private openSample(): ServedSample {
    const { plan, objects, r } = this
    const report = (problem: string) => {
      throw new Error(problem)
    }
    return new ServedSample({ region: SHARD.region, plan, share: 1, objects, random: r.next, report })
  }

  /** Dies, and is there again, perhaps with other definitions. */
  restart(plan = this.plan): void {
    this.plan = plan
    this.shard = this.openShard()
    this.log = this.openLog()
    this.sample = this.openSample()
  }

  /** Sends a batch until it is acknowledged. */
  send(batch: readonly SentEvent[]): void {
    for (;;) {
      this.storage.next = this.r.chance(this.deaths) ? this.r.pick(['lose', 'keep'] as const) : null
      try {
        apply(this.shard, message(this.plan, batch.map(eventText), this.clock))
        this.storage.next = null
        return
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        this.restart()
      }
    }
  }

  /** Serves vectors, as a lookup would; how many could be answered. */
  async serve(names: readonly string[], keys: readonly string[], t: number): Promise<number> {
    const vector = this.plan.vectorOf(null, names)
    if (typeof vector === 'string') throw new Error(vector)
    let served = 0
    for (const key of keys) {
      const { plan } = this
      const answer = this.shard.read({ version: 1, plan: plan.hash, t, keys: [key], run: names.join() })
      if (!('rows' in answer)) continue
      const row: LookupRow = {
        texts: answer.rows,
        commits: [`weur/user/0/0/${answer.seq}`],
        parts: [{ region: 'weur', ageMs: 0, tier: 'shard' }],
      }
      this.sample.take({ vector, entities: [{ user_id: key }], t, after: [], maxStalenessMs: 0 }, [row], this.clock)
      served++
    }
    return served
  }

  async keepServed(): Promise<void> {
    await this.sample.flush(this.clock)
  }

  async flushLog(): Promise<void> {
    while (this.log.dueMs !== null) await this.log.send()
  }

  async check(more: { readonly sample?: number; readonly service?: string } = {}): Promise<ParityReport> {
    const temporary = mkdtempSync(join(tmpdir(), 'tidemark-duck-'))
    const { connection, instance } = await openDuck({ threads: 1, memoryMb: 500, temporary })
    try {
      return await checkParity({
        stores: [this.objects],
        logsOf: (entities) => openLog(this.folder, { entities }),
        instance,
        fromMs: NOW - 86_400_000,
        toMs: this.clock + 86_400_000,
        nowMs: this.clock,
        sample: 1_000_000,
        random: this.r.next,
        ...more,
      })
    } finally {
      connection.closeSync()
      instance.closeSync()
      rmSync(temporary, { recursive: true, force: true })
    }
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
