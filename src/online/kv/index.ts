import type { StoreAdapter } from '../store.ts'
import { KvStore } from './kv-store.ts'
import type { KvNamespace } from './namespace.ts'

export { KV_PREFIX, KvStore, type KvStoreOptions } from './kv-store.ts'
export type { KvNamespace } from './namespace.ts'

/** Opens the KV namespace of a place; throws when the place has none. */
export const openKv: StoreAdapter = ({ region, spec, namespace, epochsOf, now }) => {
  if (!isNamespace(namespace)) throw new Error(`The store ${region}/${spec.name} has no KV namespace.`)
  return new KvStore(namespace, { name: `${region}/${spec.name}`, epochsOf, now })
}

const isNamespace = (value: unknown): value is KvNamespace =>
  typeof value === 'object' &&
  value !== null &&
  'get' in value &&
  typeof value.get === 'function' &&
  'put' in value &&
  typeof value.put === 'function'
