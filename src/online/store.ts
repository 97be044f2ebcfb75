import type { StoreKind, StoreSpec } from '../plan/index.ts'
import type { Copy, CopyAddress } from './copy.ts'
import type { PassedOver } from './copy-text.ts'

/** What a store can and cannot do. The conformance suite checks each flag, and skips what a flag rules out. */
export interface StoreFlags {
  /** It replaces a copy only by a greater version, atomically, whoever writes. Without it each address has one writer. */
  readonly cas: boolean
  /** How old what it answers may be although something newer was put, ms; 0 when a read sees every put before it. */
  readonly staleMs: number
  /** It keeps the plain values of `Copy.readable`, for readers of its own. */
  readonly readable: boolean
  /** The largest body that it takes, bytes. */
  readonly maxBodyBytes: number
  /** At most so many copies in one call of `put`, and addresses in one of `get`. */
  readonly maxPuts: number
  readonly maxGets: number
}

/** What became of a copy that was put. `older`: the store has one of the same version or a greater one, which stays. */
export type PutOutcome = 'stored' | 'older' | { readonly refused: string }

/** What lies at an address: a copy, nothing, or something that is none of ours and why it is passed over. */
export type Found = Copy | PassedOver | undefined

/** What a store was asked to do, in the units of its bill. */
export interface StoreOperations {
  readonly reads: number
  readonly writes: number
  /** Requests over the network. */
  readonly requests: number
}

/** Where copies are read from: an online store, or the shards themselves. */
export interface CopyReader {
  /** In the order of the addresses. Throws when it cannot be reached: the next tier is asked. */
  get(addresses: readonly CopyAddress[]): Promise<readonly Found[]>
}

/** Where copies of the state are kept near those who read them. Every adapter passes `test/online/conformance.ts`. */
export interface OnlineStore extends CopyReader {
  readonly kind: StoreKind | 'memory'
  readonly flags: StoreFlags
  /**
   * Puts each copy unless there is one of its version or a greater one: then that stays. In the order of the copies. Throws when it
   * is not known what became of them: put them again.
   */
  put(copies: readonly Copy[]): Promise<readonly PutOutcome[]>
  /** What it was asked since it was made. */
  readonly operations: StoreOperations
}

export const isCopy = (found: Found): found is Copy => found !== undefined && 'version' in found

/** How a store is reached, from the secret CONNECTIONS. */
export interface StoreConnection {
  readonly url: string
  readonly token?: string
}

/** One store of one region, as an adapter is told of it. */
export interface StorePlace {
  readonly region: string
  readonly spec: StoreSpec
  /** Of `redis` and `libsql`. */
  readonly connection?: StoreConnection
  /** Of `kv`: the namespace that the Worker is bound to. */
  readonly namespace?: unknown
}

/** The kinds of stores that a deployment can open: a bundle holds only the adapters that its regions name. */
export type StoreAdapters = Partial<Readonly<Record<StoreKind, (place: StorePlace) => OnlineStore>>>
