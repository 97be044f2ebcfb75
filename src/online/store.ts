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
  /** The largest body that it takes, bytes; a larger one is refused. */
  readonly maxBodyBytes: number
  /** At most so many copies in one call of `put`, and addresses in one of `get`; more is a RangeError. */
  readonly maxPuts: number
  readonly maxGets: number
  /** So many addresses are read at one moment; of more some may be read later than others, in any order. */
  readonly atomicGets: number
}

/**
 * What became of a copy that was put.
 * - `stored`: it is there.
 * - `older`: the store has one of the same version or a greater one, which stays.
 * - `refused`: it will never be taken as it is (too large, or its place is taken by something that is not ours), and the store
 *   has no copy of this version: no head that is put after it may say that it has.
 * - `again`: it was not stored, or that is not known; it, or a newer one of its address, is put again later.
 */
export type PutOutcome = 'stored' | 'older' | { readonly refused: string } | { readonly again: string }

/** What lies at an address: a copy, nothing, or something that is none of ours and why it is passed over. */
export type Found = Copy | PassedOver | undefined

/** What a store was asked to do, in the units of its bill: `costOf` makes dollars of it. */
export interface StoreOperations {
  /** Of Redis commands that read, of libSQL rows, of KV keys. */
  readonly reads: number
  /** Of Redis commands that write, of libSQL rows, of KV keys. */
  readonly writes: number
  /** Requests over the network. */
  readonly requests: number
}

/** Where copies are read from: an online store, or the shards themselves. */
export interface CopyReader {
  /** In the order of the addresses. Throws an Error that names it when it cannot be reached: the next tier is asked. */
  get(addresses: readonly CopyAddress[]): Promise<readonly Found[]>
}

/** Where copies of the state are kept near those who read them. Every adapter passes `test/online/conformance.ts`. */
export interface OnlineStore extends CopyReader {
  readonly kind: StoreKind | 'memory'
  readonly flags: StoreFlags
  /**
   * Puts each copy unless there is one of its version or a greater one: then that stays. What became of each, in their order;
   * a failure of the network is an outcome too (`again`) and not thrown, for some of them may be stored.
   */
  put(copies: readonly Copy[]): Promise<readonly PutOutcome[]>
  /**
   * Of stores without `cas`: reads back what was put and has been quiet since, and puts again what is not there. To be called
   * now and then by whoever puts. How many copies still have to be read back.
   */
  settle?(): Promise<number>
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
  /** Of `kv`: the epochs of a region's shards whose copies count, the newest first. */
  readonly epochsOf: (region: string) => readonly number[]
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Makes the store of a place; opening costs nothing, and what is wrong with it shows when it is asked. */
export type StoreAdapter = (place: StorePlace) => OnlineStore

/** The kinds of stores that a deployment can open: a bundle holds only the adapters that its regions name. */
export type StoreAdapters = Partial<Readonly<Record<StoreKind, StoreAdapter>>>
