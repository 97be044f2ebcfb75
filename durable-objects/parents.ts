import { formatShardName, type ShardName } from '../src/plan/index.ts'
import type {
  ChildName,
  HandedCells,
  HandedIds,
  HandOverHead,
  HandOverRest,
  ParentShard,
  RunName,
} from '../src/shard/index.ts'
import type { HandedRows, ParentTable, TableHead, TableRest } from '../src/table/index.ts'
import type { EpochStatus } from './opening.ts'

/** What every object has that takes over and hands over, over RPC. */
export interface EpochStub {
  prepareEpoch(): Promise<boolean>
  openEpoch(): Promise<EpochStatus>
  epochStatus(): Promise<EpochStatus>
}

/** The side of a shard that hands over, over RPC. */
export interface HandOverStub extends EpochStub {
  handOverHead(): Promise<HandOverHead>
  handOverSeal(child: ChildName): Promise<HandOverRest>
  handOverCells(child: ChildName, page: number, since: number): Promise<HandedCells>
  handOverIds(run: RunName, part: number): Promise<HandedIds | null>
}

/** The side of a table's shard that hands over, over RPC. */
export interface TableHandOverStub extends EpochStub {
  handOverHead(): Promise<TableHead>
  handOverSeal(child: ChildName): Promise<TableRest>
  handOverRows(child: ChildName, after: string | null, round: number): Promise<HandedRows>
}

/** Names alone: what is not said must not be asked over RPC. */
const nameOf = ({ epoch, shards, shard }: ChildName): ChildName => ({ epoch, shards, shard })

/** A shard of the epoch before. Stubs are made anew for each call: after a failure an old one is of no use. */
export function parentShard(
  namespace: { idFromName(name: string): DurableObjectId; get(id: DurableObjectId): HandOverStub },
  name: ShardName,
): ParentShard {
  const id = namespace.idFromName(formatShardName(name))
  return {
    head: () => namespace.get(id).handOverHead(),
    seal: (child) => namespace.get(id).handOverSeal(nameOf(child)),
    cells: (child, page, since) => namespace.get(id).handOverCells(nameOf(child), page, since),
    ids: (run, part) => namespace.get(id).handOverIds(run, part),
  }
}

/** A shard of a table of the epoch before. */
export function parentTable(namespace: { getByName(name: string): TableHandOverStub }, name: ShardName): ParentTable {
  const stub = () => namespace.getByName(formatShardName(name))
  return {
    head: () => stub().handOverHead(),
    seal: (child) => stub().handOverSeal(nameOf(child)),
    rows: (child, after, round) => stub().handOverRows(nameOf(child), after, round),
  }
}
