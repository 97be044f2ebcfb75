import { isRefusal } from '../../src/contract/index.ts'
import type { FieldSpec, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import { type EntityRuntime, Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, type MessagePosition, Shard } from '../../src/shard/index.ts'
import { deliver, Router, requestBatch } from '../../src/source/index.ts'
import { MemoryTableStorage, TableShard } from '../../src/table/index.ts'

export const NOW = Date.UTC(2026, 0, 1)

export const field = (name: string, type: FieldSpec['type'], more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})

export const ORDERS: SourceSpec = {
  name: 'orders',
  fields: [
    field('id', 'int'),
    field('uid', 'string'),
    field('amount', 'int', { nullable: true }),
    field('note', 'string', { nullable: true, optional: true }),
    field('at', 'timestamp', { format: 'ms' }),
  ],
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 86_400_000,
  changes: { key: ['id'] },
  from: [
    { kind: 'webhook', format: { kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' } },
  ],
}

const lifetime = { kind: 'lifetime' } as const
export const VIEW: ViewSpec = {
  name: 'v',
  entity: 'user',
  source: 'orders',
  key: { user_id: 'uid' },
  changes: true,
  features: [
    { name: 'rows', aggregate: 'count', window: lifetime },
    { name: 'total', aggregate: 'sum', field: 'amount', window: lifetime },
    { name: 'noted', aggregate: 'count', field: 'note', window: lifetime },
    { name: 'note', aggregate: 'latest', field: 'note', window: { ...lifetime, tailLimit: 100 } },
  ],
  // Few rows are kept: what is taken out has long been folded.
  exactRows: 3,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}

const USER = { name: 'user', keys: [{ name: 'user_id', type: 'string' as const }] }

interface Made {
  readonly views?: readonly ViewSpec[]
  readonly source?: SourceSpec
  readonly entities?: readonly (typeof USER)[]
}

/** A table in one shard and entities in one shard, as one deploy has them; the next goes on with the same storage. */
export class Deployment {
  readonly plan: Plan
  readonly refused: string[] = []
  readonly table: TableShard
  private readonly source: SourceRuntime
  private readonly tableStorage: MemoryTableStorage
  private readonly storages: ReadonlyMap<string, MemoryStorage>
  private readonly shards: ReadonlyMap<string, Shard>

  constructor({ views = [VIEW], source = ORDERS, entities = [USER] }: Made = {}, before?: Deployment) {
    this.plan = new Plan({ entities, sources: [source], views, services: [] })
    this.source = this.plan.sources.get(source.name) as SourceRuntime
    this.tableStorage = before?.tableStorage ?? new MemoryTableStorage()
    this.storages = new Map(entities.map(({ name }) => [name, before?.storages.get(name) ?? new MemoryStorage()]))
    const part = { region: 1, epoch: 0, shard: 0 }
    const { plan } = this
    this.table = new TableShard({
      plan,
      source: this.source,
      part,
      storage: this.tableStorage,
      destinations: { shardsOf: () => 1 },
      now: () => NOW,
    })
    this.shards = new Map(
      [...plan.entities].map(([name, entity]) => [
        name,
        this.openShard(entity, this.storages.get(name) as MemoryStorage),
      ]),
    )
  }

  private openShard(entity: EntityRuntime, storage: MemoryStorage): Shard {
    const part = { region: 1, epoch: 0, shard: 0 }
    return new Shard({ plan: this.plan, entity, part, shards: 1, storage, now: () => NOW, isLogged: true })
  }

  /** The one shard of an entity. */
  shard(entity: string): Shard {
    const found = this.shards.get(entity)
    if (found === undefined) throw new Error(`no entity ${entity}`)
    return found
  }

  /** Sends changes; what they come to is told later, by `drain`. */
  async send(changes: readonly object[], position?: MessagePosition) {
    const batch = requestBatch(JSON.stringify(changes), NOW)
    if (isRefusal(batch)) throw new Error(batch.message)
    const router = new Router(this.plan.hash, this.source, () => 1)
    const tables = {
      shards: 1,
      shard: () => ({
        apply: async (message: Parameters<TableShard['apply']>[0]) => this.table.apply(message),
        rows: async (message: Parameters<TableShard['rows']>[0]) => this.table.rows(message),
      }),
    }
    const delivery = { router, directory: null as never, tables, source: this.source.spec.name, keep: async () => {} }
    const receipt = await deliver(delivery, position ? { ...batch, position } : batch)
    if (isRefusal(receipt) || 'unavailable' in receipt) throw new Error(receipt.message)
    this.refused.push(...receipt.refused.map(({ message }) => message))
    return receipt
  }

  /** The next transaction of the table's shard is rolled back. */
  failNextTransaction(): void {
    const { tableStorage } = this
    const real = tableStorage.transaction.bind(tableStorage)
    tableStorage.transaction = (work) => {
      tableStorage.transaction = real
      real(() => {
        work()
        throw new Error('disk full')
      })
    }
  }

  drain(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = this.table.work()
      while (!this.table.outbox.isEmpty) {
        const { sendings, delivered } = this.table.outbox.take(this.plan, 1)
        for (const { entity, message } of sendings) {
          const answer = (this.shards.get(entity) as Shard).apply(message)
          if ('unavailable' in answer) throw new Error(answer.message)
        }
        delivered()
        isBusy = true
      }
    }
  }

  read(entity: string, feature: string, key = 'a'): unknown {
    const shard = this.shards.get(entity) as Shard
    const t = NOW + 1
    const answer = shard.read({ version: MESSAGE_VERSION, plan: this.plan.hash, t, keys: [key], run: feature })
    if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
    return JSON.parse(answer.rows[0]?.values ?? 'null')
  }
}
