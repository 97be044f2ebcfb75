export { type DeadLetter, deadLetter } from '../dead-letters/index.ts'
export type { ShardClient, ShardDirectory } from './directory.ts'
export {
  type ApplyAnswer,
  type ApplyMessage,
  MESSAGE_VERSION,
  type MessagePosition,
  type ReadAnswer,
  type ReadMessage,
  type RowText,
  type ShardUnavailable,
  STATUS_OF,
} from './messages.ts'
export { parseRead, parseReadAnswer, writeRead, writeReadAnswer } from './read-text.ts'
export { Shard, type ShardOptions } from './shard.ts'
export { type BlobKind, MemoryStorage, type ShardStorage } from './storage.ts'
