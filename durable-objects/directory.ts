import type { LogEdit, ShardLogStatus } from '../src/offline/index.ts'
import type { EntityStoreStatus } from '../src/online/index.ts'
import {
  formatShardName,
  oldestEpochOf,
  type Region,
  regionNamed,
  type SourceRuntime,
  shardCount,
  tableShardCount,
} from '../src/plan/index.ts'
import type { RegionShards, ShardReads } from '../src/serve/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type Backfill,
  type BackfillPiece,
  type ExpectationCount,
  type NoBackfill,
  parseCopies,
  parseReadAnswer,
  type RowsAnswer,
  type RowsMessage,
  type ShardClient,
  type ShardDirectory,
  type ShardUnavailable,
  type TableDirectory,
  writeRead,
} from '../src/shard/index.ts'
import type { EpochStatus } from './opening.ts'
import type { HandOverStub, TableHandOverStub } from './parents.ts'
import type { HeldStub, RestorableStub } from './restore.ts'
import type { StoreOrder } from './shard-stores.ts'

/** What a deployment wants to know of a shard. */
export interface ShardAbout {
  /** The hash of the definitions that it runs. */
  readonly plan: string
  /** The hash of definitions, regions and routing. */
  readonly deployment: string
  /** `copying`: it has not taken over yet from the shard before it. */
  readonly state: EpochStatus['state']
  /** Its last commit; of a table its last contribution. */
  readonly seq: number
}

/** A shard as its Durable Object offers it over RPC. */
interface ShardStub extends HandOverStub, RestorableStub {
  apply(message: ApplyMessage): Promise<ApplyAnswer | ShardUnavailable>
  read(message: string): Promise<string>
  copies(message: string): Promise<Uint8Array>
  storeStatus(): Promise<readonly EntityStoreStatus[]>
  logStatus(): Promise<ShardLogStatus | null>
  flushLog(): Promise<ShardLogStatus | null>
  editLog(change: LogEdit): Promise<'edited' | 'changed' | 'no log'>
  erase(keys: readonly string[]): Promise<{ readonly seq: number; readonly found: number }>
  beginBackfill(view: string): Promise<Backfill | NoBackfill>
  takeBackfill(piece: BackfillPiece): Promise<Backfill | NoBackfill>
  endBackfill(view: string, sinceMs: number): Promise<Backfill | NoBackfill>
  orderStore(store: string, order: StoreOrder): Promise<boolean>
  expectations(source: string): Promise<ExpectationCount[]>
  about(): Promise<ShardAbout>
}

/** The shards' namespace as a Worker is bound to it. */
export interface ShardNamespace {
  idFromName(name: string): DurableObjectId
  get(id: DurableObjectId): ShardStub
}

/** The shards of the Worker's own region, to write to and to read. */
export interface OwnShards extends RegionShards, ShardDirectory {
  shard(entity: string, shard: number): ShardClient & ShardReads
}

/**
 * The shards of a region as Durable Objects. Made once an isolate: an id is a cryptographic hash of a name, and a read is
 * short enough for that to show. Stubs are made anew for each call: after a failure an old one is of no use.
 */
export function shardDirectory(region: Region, namespace: ShardNamespace): OwnShards {
  const { name, epoch } = region
  const ids = new Map<string, DurableObjectId[]>()
  const shardsOf = (entity: string) => shardCount(region, entity)
  const idsOf = (entity: string): DurableObjectId[] => {
    let known = ids.get(entity)
    if (known === undefined) {
      const shards = shardsOf(entity)
      known = Array.from({ length: shards }, (_, shard) =>
        namespace.idFromName(formatShardName({ region: name, entity, epoch, shards, shard })),
      )
      ids.set(entity, known)
    }
    return known
  }
  return {
    region: name,
    epoch,
    oldestEpoch: oldestEpochOf(region),
    shardsOf,
    shard: (entity, shard) => {
      const stub = namespace.get(idsOf(entity)[shard] as DurableObjectId)
      return {
        apply: (message) => stub.apply(message),
        read: async (message) => parseReadAnswer(await stub.read(writeRead(message))),
        copies: async (message) => parseCopies(await stub.copies(JSON.stringify(message))),
      }
    },
  }
}

/** A shard of a table as its Durable Object offers it over RPC. */
export interface TableNamespace {
  getByName(name: string): TableHandOverStub &
    HeldStub & {
      apply(message: ApplyMessage): Promise<ApplyAnswer | ShardUnavailable>
      rows(message: RowsMessage): Promise<RowsAnswer | ShardUnavailable>
      expectations(): Promise<ExpectationCount[]>
      about(): Promise<ShardAbout>
    }
}

/** For each shard that counts the events of a source, what it has counted for each of its expectations. */
export async function expectationCounts(
  region: Region,
  { spec, routes, table }: SourceRuntime,
  { shards, tables }: { readonly shards: ShardNamespace; readonly tables: TableNamespace },
): Promise<ExpectationCount[][]> {
  const { name, epoch } = region
  const entity = table === null ? routes[0]?.entity.spec.name : spec.name
  if (spec.expect === undefined || entity === undefined) return []
  const count = table === null ? shardCount(region, entity) : tableShardCount(region)
  const names = Array.from({ length: count }, (_, shard) =>
    formatShardName({ region: name, entity, epoch, shards: count, shard }),
  )
  return await Promise.all(
    names.map((shard) =>
      table === null
        ? shards.get(shards.idFromName(shard)).expectations(spec.name)
        : tables.getByName(shard).expectations(),
    ),
  )
}

/** The tables of a region as Durable Objects. */
export function tableDirectory(region: Region, namespace: TableNamespace): TableDirectory {
  const { name, epoch } = region
  const shards = tableShardCount(region)
  return {
    shards,
    shard: (source, shard) =>
      namespace.getByName(formatShardName({ region: name, entity: source, epoch, shards, shard })),
  }
}

const directories = new WeakMap<ShardNamespace, OwnShards>()

/** The directory of a Worker's binding: a binding belongs to one region. */
export function directoryOf(regions: readonly Region[], region: string, namespace: ShardNamespace): OwnShards {
  let directory = directories.get(namespace)
  if (directory?.region !== region) {
    directory = shardDirectory(regionNamed(regions, region), namespace)
    directories.set(namespace, directory)
  }
  return directory
}
