export { type DeadLetter, deadLetter } from '../dead-letters/index.ts'
export { Contracts } from './contracts.ts'
export type { ShardClient, ShardDirectory, TableClient, TableDirectory } from './directory.ts'
export {
  type ApplyAnswer,
  type ApplyMessage,
  type Contributions,
  MESSAGE_VERSION,
  type MessagePosition,
  type ReadAnswer,
  type ReadMessage,
  type RowsAnswer,
  type RowsMessage,
  type RowText,
  type ShardRefusal,
  type ShardUnavailable,
  STATUS_OF,
  type Stamps,
} from './messages.ts'
export { Outbox, type OutboxStorage } from './outbox.ts'
export { Positions } from './positions.ts'
export { type BatchQuality, type ExpectationCount, judgeBatch, SourceQuality, type StoredQuality } from './quality.ts'
export { parseRead, parseReadAnswer, writeRead, writeReadAnswer } from './read-text.ts'
export { Shard, type ShardOptions } from './shard.ts'
export { type BlobKind, MemoryStorage, type ShardStorage } from './storage.ts'
