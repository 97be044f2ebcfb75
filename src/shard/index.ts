export { type DeadLetter, deadLetter } from '../dead-letters/index.ts'
export type { AcceptedRow } from './accepted-row.ts'
export type { Backfill, BackfillPiece, NoBackfill } from './backfills.ts'
export { type ChangedKeys, ChangeList, type ChangeRow } from './changes.ts'
export { Contracts } from './contracts.ts'
export {
  type CopiesAnswer,
  type CopiesMessage,
  type CopyBytes,
  type History,
  parseCopies,
  writeCopies,
} from './copies.ts'
export type { ShardClient, ShardDirectory, TableClient, TableDirectory } from './directory.ts'
export {
  type ChildName,
  HAND_OVER_FORMAT,
  type HandedCells,
  type HandedIds,
  HandOver,
  type HandOverHead,
  type HandOverRest,
  type ParentShard,
  type RunName,
  restoredLineage,
  startLineage,
} from './hand-over.ts'
export { Heir, type HeirProgress, pauseOf, seqWhenOpened, whyNotRestorable } from './heir.ts'
export { type AcceptedRows, LogFeed, type LogSpan } from './log-feed.ts'
export { importedAt, tableSequence } from './message-events.ts'
export {
  type ApplyAnswer,
  type ApplyMessage,
  type Contributions,
  IMPORT_VERSION,
  LETTER_OF,
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
export { Outbox } from './outbox.ts'
export { Positions } from './positions.ts'
export { type BatchQuality, type ExpectationCount, judgeBatch, SourceQuality, type StoredQuality } from './quality.ts'
export { parseRead, parseReadAnswer, writeRead, writeReadAnswer } from './read-text.ts'
export { type SinceTable, VectorReader } from './reader.ts'
export type { CopiedEntity } from './reads.ts'
export { Shard, type ShardOptions } from './shard.ts'
export { type BlobKind, MemoryStorage, type OutboxStorage, type ShardStorage, type WaitingRow } from './storage.ts'
export { type Subscriber, type Subscription, Subscriptions } from './subscriptions.ts'
