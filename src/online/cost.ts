import type { StoreKind } from '../plan/index.ts'
import type { StoreOperations } from './store.ts'

/** Dollars for a million. */
export interface Prices {
  readonly reads: number
  readonly writes: number
}

/**
 * What vendors ask for a million operations, as `StoreOperations` counts them, in November 2026, beyond what a plan includes:
 * - `redis`: Upstash, pay as you go, $0.20 per 100,000 commands, whatever they do. A script counts as one command (assumed: the
 *   price list names no other way), so does an `MGET` of many keys. Storage and bandwidth are not in it.
 * - `libsql`: Turso's overage, $1 per billion rows read and $1 per million rows written. A put writes a row and its entry in the
 *   index of the key (assumed also when it replaces one, where the index does not change: an upper bound).
 * - `kv`: Workers KV, $0.50 per million keys read and $5.00 per million written; a bulk read counts every key.
 */
export const PRICES: Readonly<Record<StoreKind, Prices>> = {
  redis: { reads: 2, writes: 2 },
  libsql: { reads: 0.001, writes: 1 },
  kv: { reads: 0.5, writes: 5 },
}

/** What a shard costs beside them, for a million, in November 2026: requests of a Durable Object, and rows that it writes. */
export const SHARD_PRICES = { requests: 0.15, rowsWritten: 1 } as const

/**
 * What operations cost, in dollars. A store in memory costs nothing.
 *
 * @example costOf('kv', { reads: 2_000_000, writes: 100_000, requests: 0 }) // 1.5
 */
export function costOf(kind: StoreKind | 'memory', { reads, writes }: StoreOperations): number {
  if (kind === 'memory') return 0
  const price = PRICES[kind]
  return (reads * price.reads + writes * price.writes) / 1_000_000
}
