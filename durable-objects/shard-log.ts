import { type R2, R2Objects, ShardLog } from '../src/offline/index.ts'
import { type Lineage, LOG_BINDING, logBucket, type Region, type ShardName } from '../src/plan/index.ts'
import { restoredLineage, type Shard, seqWhenOpened } from '../src/shard/index.ts'
import type { Alarms } from './alarms.ts'
import { Drain } from './drain.ts'
import type { SqlShardStorage } from './sql-shard-storage.ts'

/** Spans that leave in one go: each is some ten operations of an invocation. */
const MOST_SPANS = 16

export interface LoggedShardOptions {
  /** The Worker's bindings: the bucket is one of them. */
  readonly env: object
  readonly region: Region
  readonly name: ShardName
  readonly lineage: Lineage
  readonly shard: Shard
  readonly storage: SqlShardStorage
  readonly alarms: Alarms
  readonly report: (problem: string) => void
}

/** A shard's log, and what lets it leave. */
export interface LoggedShard {
  readonly log: ShardLog
  readonly drain: Drain
  /** Lets everything leave that waits, and waits for it. Throws when the bucket cannot be reached. */
  flush(): Promise<void>
}

/** Whether a region keeps a log and its Worker is bound to the bucket. */
export const isLogged = (region: Region, env: object): boolean =>
  logBucket(region) !== undefined && bucketOf(env) !== undefined

const bucketOf = (env: object): R2 | undefined => (env as Readonly<Record<string, R2 | undefined>>)[LOG_BINDING]

/** The log of a shard that {@link isLogged}; null of one that has none. */
export function loggedShard(options: LoggedShardOptions): LoggedShard | null {
  const { env, region, name, lineage, shard, storage, alarms, report } = options
  const bucket = bucketOf(env)
  if (shard.log === null || bucket === undefined) return null
  const { entity, epoch, shards, shard: number } = name
  const { bornMs } = shard.history
  const log = new ShardLog({
    feed: shard.log,
    objects: new R2Objects(bucket),
    shard: { entity, region: region.name, regionId: region.id, epoch, shard: number, shards },
    bornMs,
    previous:
      lineage.kind === 'child'
        ? {
            epoch: lineage.parent.epoch,
            shard: lineage.parent.shard,
            shards: lineage.parent.shards,
            seq: seqWhenOpened(storage),
          }
        : null,
    since: () => shard.history.since,
    lineage: restoredLineage(storage),
    ...(region.log?.flushMs !== undefined && { flushMs: region.log.flushMs }),
    pause: () => new Promise((next) => setTimeout(next, 0)),
    report,
  })
  const alarm = alarms.for('log')
  const drain = new Drain({
    storage: alarm,
    name: `${name.region}/${entity}/${epoch}/${number} to its log`,
    isEmpty: () => log.dueMs === null,
    dueMs: () => log.dueMs ?? 0,
    send: () => log.send(),
    mostSends: MOST_SPANS,
  })
  const flush = async () => {
    while (log.dueMs !== null) await log.send()
    // Nothing waits any more: it need not be woken for that.
    await alarm.deleteAlarm()
  }
  return { log, drain, flush }
}
