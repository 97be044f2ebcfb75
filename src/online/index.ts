export { brokenStore } from './broken.ts'
export { addressText, type Copy, type CopyAddress, isWithheld, WITHHELD } from './copy.ts'
export { COPY_FORMAT, type PassedOver, readCopy, writeCopy } from './copy-text.ts'
export { costOf, PRICES, type Prices, SHARD_PRICES } from './cost.ts'
export {
  EntityStore,
  type EntityStoreStatus,
  EntityStores,
  type EntityStoresOptions,
  type StoreTarget,
} from './entity-stores.ts'
export { type Head, headAddress, headCopy, readHead } from './head.ts'
export { MemoryStore } from './memory.ts'
export { printOf } from './print.ts'
export { missingConnection, storeProblems } from './problems.ts'
export type { CopiedShard, ShardPlace, StoreStatus } from './publisher.ts'
export { publishingTo, type ShardAnswer, type StorePublishing } from './publishing.ts'
export {
  type CopyReader,
  type Found,
  isCopy,
  type OnlineStore,
  type PutOutcome,
  type StoreAdapter,
  type StoreAdapters,
  type StoreConnection,
  type StoreFlags,
  type StoreOperations,
  type StorePlace,
} from './store.ts'
export { compareVersions, parseVersionText, VERSION_TEXT_LENGTH, type Version, versionText } from './version.ts'
