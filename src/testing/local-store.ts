import { CHANGE, type ChangeOp, isRefusal, keyFromJson, type Refusal } from '../contract/index.ts'
import type { Definitions, KeysOf, VectorOf } from '../define/index.ts'
import type { Explanation } from '../engine/index.ts'
import type { HeldLog } from '../offline/training/index.ts'
import { Plan, sliceShard, spreadOf, type VectorPlan } from '../plan/index.ts'
import { alone, lookup, type Reach, type RowMetadata, typedRows } from '../serve/index.ts'
import { type DeadLetter, MemoryStorage, Shard, type ShardDirectory, type TableDirectory } from '../shard/index.ts'
import {
  deliver,
  Enricher,
  type EventBatch,
  type ExpectationStatus,
  expectationStatuses,
  importBatch,
  importText,
  knownAtMs,
  parseKnownAt,
  type Receipt,
  Router,
  requestBatch,
} from '../source/index.ts'
import { MemoryTableStorage, TableShard } from '../table/index.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { LocalLog } from './local-log.ts'
import { canonicalWhole, explainWhole } from './slices.ts'
import { localTrainingSet } from './training.ts'

export interface LocalStoreOptions {
  /** The clock of arrival, ms since the epoch. Called for each batch and each read without `at`. */
  readonly now: () => number
  /** Shards an entity, at least as many as it is spread over; the answers do not depend on it. Default 1. */
  readonly shards?: number
}

/** A request time: RFC 3339 text with an offset, milliseconds since the epoch, or a Date. */
export type At = string | number | Date

export interface ReadRequest<Name extends string, Keys> {
  readonly service: Name
  /** Each row holds the keys of all entities of the service; at most 1,000. */
  readonly entities: readonly Keys[]
  /** Default: now. */
  readonly at?: At
  /** Adds status, exactness, event time and commits. Default false. */
  readonly metadata?: boolean
}

export interface ReadRow<Features> {
  readonly features: Features
  readonly metadata?: RowMetadata
}

/** What every label has besides its keys. */
export interface TrainingLabel {
  readonly at: At
  /** What a read answered (`metadata.commits`): the row is then that very vector, whatever the mode. */
  readonly commits?: readonly string[] | null
}

export interface TrainingRequest<Name extends string, Label> {
  readonly service: Name
  /** Each has the keys of all entities of the service, a time, and whatever else; they may come in any order, and twice. */
  readonly labels: readonly Label[]
  /** `as-served` (default), `lag:1h` (any duration), `ideal`. */
  readonly mode?: 'as-served' | 'ideal' | `lag:${string}`
}

export interface TrainingRow<Label, Features> {
  readonly label: Label
  readonly features: Features
  readonly status: Readonly<Record<string, string>>
}

type Services = Definitions['services']

const OPS: Readonly<Record<RowChange['op'], ChangeOp>> = { insert: 'c', update: 'u', delete: 'd', truncate: 't' }
/** Rows of a table's outbox that leave in one go. */
const OUTBOX_ROWS = 16

/** One change of a table's row, in the order in which they are given. */
export interface RowChange {
  readonly op: 'insert' | 'update' | 'delete' | 'truncate'
  /** The primary key, where neither `before` nor `after` has it. */
  readonly key?: Readonly<Record<string, unknown>>
  /** Not needed: the table knows the row that was there. */
  readonly before?: object
  /** The row as it is now; of a delete nothing. */
  readonly after?: object
  /** When it was committed, ms; default now. It says when the row counts where no column does. */
  readonly eventTimeMs?: number
}

/** How {@link LocalStore.import} takes history. */
export interface ImportOptions {
  /**
   * From when on each row could be known: `'column:NAME'` (a property of the row has the time), `'event-time+5m'`, or `'none'`, which
   * training as it was served refuses by name.
   */
  readonly knownAt: 'none' | 'event-time' | `event-time+${string}` | `column:${string}`
  /** What dead letters call the rows, with their numbers from 1; default `import`. */
  readonly name?: string
}

/**
 * The whole path in one process and in memory: contract, shards, reads, the very code that runs in the Workers. For a
 * user's own tests of features, for notebooks, for training.
 */
export class LocalStore<S extends Services> {
  /** By source and payload: the letter, and who refused it. */
  private readonly letters = new Map<string, { readonly letter: DeadLetter; readonly by: Set<string> }>()
  private readonly plan: Plan
  private readonly now: () => number
  private readonly directory: ShardDirectory
  private readonly reach: Reach
  private readonly shards = new Map<string, Shard>()
  private readonly logs = new Map<string, LocalLog>()
  private readonly routers = new Map<string, Router>()
  private readonly enrichers: ReadonlyMap<string, Enricher | undefined>
  private readonly tables = new Map<string, TableShard>()
  private readonly tableDirectory: TableDirectory
  /** Stands for the place in a database's log. */
  private changes = 0

  constructor(definitions: Definitions<S>, { now, shards = 1 }: LocalStoreOptions) {
    // Nobody takes what would be published: it would only gather.
    const { topics, ...spec } = definitions.spec
    this.plan = new Plan(spec)
    this.now = now
    this.enrichers = new Map([...this.plan.sources].map(([name, source]) => [name, Enricher.of(this.plan, source)]))
    this.directory = {
      region: 'local',
      epoch: 0,
      shardsOf: (entity) => Math.max(shards, this.spreadOf(entity)),
      shard: (entity, shard) => {
        const own = this.shard(entity, shard)
        return { apply: async (message) => own.apply(message) }
      },
    }
    this.reach = alone({
      ...this.directory,
      shard: (entity, shard) => {
        const own = this.shard(entity, shard)
        return { read: async (message) => own.read(message), copies: async (message) => own.copies(message) }
      },
    })
    this.tableDirectory = {
      shards,
      shard: (source, shard) => ({
        apply: async (message) => this.table(source, shard).apply(message),
        rows: async (message) => this.table(source, shard).rows(message),
      }),
    }
  }

  private table(source: string, shard: number): TableShard {
    const name = `${source}/${shard}`
    const known = this.tables.get(name)
    if (known) return known
    const { plan, now } = this
    const runtime = plan.sources.get(source)
    if (runtime === undefined) throw new Error(`no source ${source}`)
    const part = { region: 1, epoch: 0, shard }
    const storage = new MemoryTableStorage()
    const made = new TableShard({ plan, source: runtime, part, storage, destinations: this.directory, now })
    this.tables.set(name, made)
    return made
  }

  private spreadOf(entity: string): number {
    const runtime = this.plan.entities.get(entity)
    return runtime === undefined ? 1 : spreadOf(runtime)
  }

  /** The shards that have a slice of an entity. */
  private slicesOf(entity: string, key: string): Shard[] {
    const shards = this.directory.shardsOf(entity)
    const slices = Array.from({ length: this.spreadOf(entity) }, (_, slice) => sliceShard(key, slice, shards))
    return slices.map((shard) => this.shard(entity, shard))
  }

  private shard(entity: string, shard: number): Shard {
    const name = `${entity}/${shard}`
    const known = this.shards.get(name)
    if (known) return known
    const runtime = this.plan.entities.get(entity)
    if (runtime === undefined) throw new Error(`no entity ${entity}`)
    const { plan, now } = this
    const part = { region: 1, epoch: 0, shard }
    const shards = this.directory.shardsOf(entity)
    const storage = new MemoryStorage()
    const made = new Shard({ plan, entity: runtime, part, shards, storage, now, isLogged: true })
    this.shards.set(name, made)
    this.logs.set(name, new LocalLog(made))
    return made
  }

  /**
   * Sends events of a source, as objects (dates as their JSON has them, bigints as numbers) or as JSON text. Refused events
   * are told by index and kept in `deadLetters`.
   *
   * @example await store.send('user_activity', [{ id: 'e1', uid: 'u1', type: 'click', at: '2026-01-01T00:00:00Z' }])
   */
  async send(source: string, events: readonly object[] | string): Promise<Receipt> {
    return await this.take('send', source, typeof events === 'string' ? events : toJson(events))
  }

  /**
   * Changes rows of a table, in this order; the features over it know of them when it resolves.
   *
   * @example await store.change('orders', [{ op: 'update', after: { order_id: 7, user_id: 'u1', total: '12.50' } }])
   */
  async change(source: string, changes: readonly RowChange[]): Promise<Receipt> {
    if (this.plan.sources.get(source)?.table === null)
      throw new Error(`change('${source}'): it is no table; use send()`)
    const texts = changes.map(({ op, key, before, after, eventTimeMs }) => ({
      ...(op === 'delete' ? before : after),
      ...key,
      [CHANGE.op]: OPS[op],
      [CHANGE.lsn]: String(++this.changes),
      [CHANGE.time]: eventTimeMs ?? this.now(),
    }))
    const receipt = await this.take('change', source, toJson(texts))
    for (const table of this.tables.values()) await this.drain(table)
    return receipt
  }

  private async drain(table: TableShard): Promise<void> {
    do {
      while (!table.outbox.isEmpty) {
        const { sendings, delivered } = table.outbox.take(this.plan, OUTBOX_ROWS)
        for (const { entity, shard, message } of sendings) {
          const answer = await this.directory.shard(entity, shard).apply(message)
          if ('unavailable' in answer) throw new Error(answer.message)
        }
        delivered()
      }
    } while (table.work())
    const { letters, delivered } = table.refusals.take(Number.MAX_SAFE_INTEGER)
    this.keep(letters)
    delivered()
  }

  /**
   * Takes in history that was never in the store: through the same contract, and never too late. Rows that are refused are told by
   * index and kept in `deadLetters`, with the name of the import and their number.
   *
   * @example await store.import('user_activity', rows, { knownAt: 'event-time+5m' })
   */
  async import(source: string, rows: readonly object[], { knownAt, name = 'import' }: ImportOptions): Promise<Receipt> {
    const where = `import('${source}')`
    const spec = this.plan.sources.get(source)?.spec
    if (spec === undefined)
      throw new Error(`no source ${source}; there are: ${[...this.plan.sources.keys()].join(', ')}`)
    if (spec.changes) throw new Error(`${where}: it is a table, whose rows come as changes; use change()`)
    const rule = parseKnownAt(knownAt)
    if ('error' in rule) throw new Error(`${where}: knownAt ${rule.error}`)
    const texts = rows.map((row) => toJson([row]).slice(1, -1))
    const times = texts.map((text, index) => {
      const row = JSON.parse(text) as Readonly<Record<string, unknown>>
      const column = rule.kind === 'column' ? timeOf(row[rule.column]) : null
      const known = knownAtMs(rule, timeOf(row[spec.time]), column)
      if (known === undefined) throw new Error(`${where}: row ${index + 1} has no time in "${knownAt.slice(7)}"`)
      return known
    })
    const head = { file: name, lines: rows.map((_, index) => index + 1), knownAt: times }
    return await this.takeBatch('import', source, importBatch(importText(head, texts), spec, this.now()))
  }

  private async take(method: string, source: string, text: string): Promise<Receipt> {
    return await this.takeBatch(method, source, requestBatch(text, this.now()))
  }

  private async takeBatch(method: string, source: string, batch: EventBatch | Refusal): Promise<Receipt> {
    const router = this.routerOf(source)
    const keep = async (letters: readonly DeadLetter[]) => this.keep(letters)
    const { directory, tableDirectory: tables } = this
    const enricher = this.enrichers.get(source)
    const delivery = { router, directory, tables, source, keep, ...(enricher && { enricher }) }
    const receipt = isRefusal(batch) ? batch : await deliver(delivery, batch)
    if (isRefusal(receipt)) throw new Error(`${method}('${source}'): ${receipt.message}`)
    if ('unavailable' in receipt) throw new Error(`${method}('${source}'): ${receipt.message}`)
    for (const shard of this.shards.values()) this.collect(shard)
    return receipt
  }

  private routerOf(source: string): Router {
    const known = this.routers.get(source)
    if (known) return known
    const runtime = this.plan.sources.get(source)
    if (runtime === undefined)
      throw new Error(`no source ${source}; there are: ${[...this.plan.sources.keys()].join(', ')}`)
    const shardsOf = runtime.table === null ? this.directory.shardsOf : () => this.tableDirectory.shards
    const made = new Router(this.plan.hash, runtime, shardsOf)
    this.routers.set(source, made)
    return made
  }

  private collect(shard: Shard): void {
    const { letters, delivered } = shard.letters.take(Number.MAX_SAFE_INTEGER)
    this.keep(letters)
    delivered()
  }

  private keep(letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      const key = `${letter.source}\n${letter.payload}`
      const known = this.letters.get(key)
      if (known) known.by.add(letter.by)
      else this.letters.set(key, { letter, by: new Set([letter.by]) })
    }
  }

  /** Refused events, oldest first: what the dead letters hold in a deploy. An event is dead when all its shards refused it. */
  get deadLetters(): DeadLetter[] {
    return [...this.letters.values()]
      .filter(({ letter, by }) => by.size >= letter.fanout || letter.reason === 'conflict')
      .map(({ letter }) => letter)
  }

  /** How a source does by each of its expectations, in declared order. */
  expectations(source: string): ExpectationStatus[] {
    const runtime = this.plan.sources.get(source)
    if (runtime === undefined)
      throw new Error(`no source ${source}; there are: ${[...this.plan.sources.keys()].join(', ')}`)
    const tables = [...this.tables].filter(([name]) => name.startsWith(`${source}/`))
    const counts =
      runtime.table === null
        ? [...this.shards.values()].map((shard) => shard.expectations(source))
        : tables.map(([, table]) => table.expectations())
    return expectationStatuses(runtime.spec, counts, this.now())
  }

  /**
   * Reads a service's vectors as objects by feature name. Throws a `RangeError` for an `at` older than what is kept, and an
   * `Error` for a wrong key.
   *
   * @example const [row] = await store.read({ service: 'fraud', entities: [{ user_id: 'u1' }], at: '2026-01-01T00:00:01Z' })
   */
  async read<Name extends keyof S & string>(
    request: ReadRequest<Name, KeysOf<S[Name]>>,
  ): Promise<ReadRow<VectorOf<S[Name]>>[]> {
    const vector = this.vectorOf(request.service)
    const t = toMs(request.at ?? this.now())
    const found = await lookup(this.plan, this.reach, {
      vector,
      entities: request.entities,
      t,
      after: [],
      maxStalenessMs: 0,
    })
    if ('failure' in found) throw lookupError(found)
    return typedRows(vector, found, request.metadata ?? false) as ReadRow<VectorOf<S[Name]>>[]
  }

  /**
   * Why a feature has the value that it has: the window's bounds, the rows and tiles that it was computed from, and where an
   * edge was in doubt. Null for an entity that was never seen.
   *
   * @param feature `view.feature`
   * @example const why = store.explain('user_stats.clicks_5m', { user_id: 'u1' }, '2026-01-01T00:00:01Z')
   */
  explain(feature: string, keys: Readonly<Record<string, unknown>>, at: At = this.now()): Explanation | null {
    const vector = this.plan.vectorOf(null, [feature])
    const [found] = typeof vector === 'string' ? [] : vector.features
    if (found === undefined) throw new Error(`no feature ${feature}; there are: ${this.plan.featureNames.join(', ')}`)
    const key = keyFromJson(keys, found.entity.spec)
    if (isRefusal(key)) throw new Error(`explain('${feature}'): ${key.message}`)
    const { name } = found.entity.spec
    return explainWhole(this.slicesOf(name, key.key), found, key.key, toMs(at))
  }

  /**
   * A point-in-time training set: for each label what a read at its time gave then (`as-served`), what had happened so long
   * before (`lag:1h`), or all that had happened (`ideal`, which leaks). Throws an `Error` for a wrong key or mode.
   *
   * @example
   * const rows = await store.trainingSet({ service: 'fraud', labels: [{ user_id: 'u1', at: '2026-01-01T00:00:00Z', label: 1 }] })
   * rows[0] // { label: { user_id: 'u1', ... }, features: { clicks_5m: 3 }, status: { clicks_5m: 'present' } }
   */
  async trainingSet<Name extends keyof S & string, Label extends KeysOf<S[Name]> & TrainingLabel>({
    service,
    labels,
    mode = 'as-served',
  }: TrainingRequest<Name, Label>): Promise<TrainingRow<Label, VectorOf<S[Name]>>[]> {
    const rows = await localTrainingSet({
      plan: this.plan,
      vector: this.vectorOf(service),
      labels: labels.map((row) => ({ t: toMs(row.at), commits: row.commits ?? null, row })),
      mode,
      logs: (entity) => this.logsOf(entity),
      region: this.directory.region,
    })
    return rows.map((row, i) => ({ label: labels[i] as Label, ...row })) as TrainingRow<Label, VectorOf<S[Name]>>[]
  }

  private logsOf(entity: string): HeldLog[] {
    const { region, epoch } = this.directory
    const shards = this.directory.shardsOf(entity)
    return [...this.logs].flatMap(([name, log]) => {
      const [of, shard] = name.split('/')
      return of === entity ? [log.held({ entity, region, regionId: 1, epoch, shard: Number(shard), shards })] : []
    })
  }

  private vectorOf(service: string): VectorPlan {
    const vector = this.plan.service(service)
    if (vector === undefined)
      throw new Error(`no feature service ${service}; there are: ${this.plan.serviceNames.join(', ')}`)
    return vector
  }

  /** Canonical bytes of every entity by `entity/key`: equal for equal sets of accepted events. */
  canonical(): Map<string, Uint8Array> {
    const all = new Map<string, Uint8Array>()
    for (const [name, shard] of this.shards) {
      const [entity = ''] = name.split('/')
      const isWhole = this.spreadOf(entity) === 1
      for (const [key, own] of shard.canonical()) {
        const bytes = isWhole ? own : canonicalWhole(this.slicesOf(entity, key), key)
        if (bytes !== null) all.set(`${entity}/${key}`, bytes)
      }
    }
    return all
  }
}

/**
 * A feature store in this process.
 *
 * @example
 * const store = localStore(definitions, { now: () => Date.UTC(2026, 0, 1) })
 * await store.send('user_activity', [{ id: 'e1', uid: 'u1', type: 'click', at: '2026-01-01T00:00:00Z' }])
 */
export function localStore<S extends Services>(definitions: Definitions<S>, options: LocalStoreOptions): LocalStore<S> {
  return new LocalStore(definitions, options)
}

/** A time as JSON has it, ms; null for what is none. */
function timeOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? parseRfc3339(value) : value
  return typeof ms === 'number' && Number.isSafeInteger(ms) ? ms : null
}

/** Dates end here. */
const MAX_DATE_MS = 8.64e15

function toMs(at: At): number {
  if (typeof at !== 'string') {
    const ms = Number(at)
    if (Number.isSafeInteger(ms) && Math.abs(ms) <= MAX_DATE_MS) return ms
    throw new RangeError(`at: ${String(at)} is no time; expected milliseconds since the epoch, or a valid Date`)
  }
  const parsed = parseRfc3339(at)
  if (typeof parsed !== 'number') throw new RangeError(`at: ${JSON.stringify(at)} is no RFC 3339 time with an offset`)
  return parsed
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

function toJson(events: readonly object[]): string {
  return JSON.stringify(events, (_key, value: unknown) => {
    if (typeof value === 'bigint') return rawJson(String(value))
    return value instanceof Float32Array ? [...value] : value
  })
}

function lookupError(failure: Extract<Awaited<ReturnType<typeof lookup>>, { failure: string }>): Error {
  switch (failure.failure) {
    case 'at_too_old':
      return new RangeError(
        `at is too old for row ${failure.row}: the oldest that can be read is ${new Date(failure.oldestMs).toISOString()}`,
      )
    case 'bad_key':
      return new Error(`row ${failure.row}: ${failure.why.message}`)
    case 'too_many_rows':
      return new Error(`${failure.rows} rows; at most 1000 in one read`)
    case 'commit_not_seen':
      return new Error(`the shard is only at ${failure.commit}`)
    case 'unknown_commit':
      return new Error(`no shard ${failure.commit}`)
    case 'unavailable':
      return new Error(failure.message)
  }
}
