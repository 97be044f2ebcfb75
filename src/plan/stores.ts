import type { Region, StoreSpec } from './region.ts'

/** What people, messages and the secret CONNECTIONS call a store of a region. */
export const storeName = (region: string, { name }: Pick<StoreSpec, 'name'>): string => `${region}/${name}`

/** What a Worker's binding to the KV namespace of a store is called: `KV_`, the region and the store. */
export const kvBinding = (region: string, { name }: Pick<StoreSpec, 'name'>): string =>
  `KV_${region}_${name}`.toUpperCase().replaceAll('-', '_')

/**
 * The epochs of a region whose copies a reader may find in a store that keeps epochs apart, the newest first: the one to come,
 * whose shards may be publishing already, its own, and the one before, until its shards have published everything anew. Not
 * what is before that, nor what was left behind by a restore.
 */
export function copyEpochsOf({
  next,
  epoch,
  previous,
}: Pick<Region, 'next' | 'epoch' | 'previous'>): readonly number[] {
  const before = previous === undefined || previous.isRestored ? [] : [previous.epoch]
  return [...(next === undefined ? [] : [next.epoch]), epoch, ...before]
}
