export { addressText, type Copy, type CopyAddress, isWithheld, WITHHELD } from './copy.ts'
export { COPY_FORMAT, type PassedOver, readCopy, writeCopy } from './copy-text.ts'
export { EntityStore, EntityStores, type EntityStoresOptions, type StoreTarget } from './entity-stores.ts'
export { type Head, headAddress, headCopy, readHead } from './head.ts'
export { MemoryStore } from './memory.ts'
export { printOf } from './print.ts'
export type { CopiedShard, ShardPlace, StoreStatus } from './publisher.ts'
export {
  type CopyReader,
  type Found,
  isCopy,
  type OnlineStore,
  type PutOutcome,
  type StoreAdapters,
  type StoreConnection,
  type StoreFlags,
  type StoreOperations,
  type StorePlace,
} from './store.ts'
export { compareVersions, parseVersionText, VERSION_TEXT_LENGTH, type Version, versionText } from './version.ts'
