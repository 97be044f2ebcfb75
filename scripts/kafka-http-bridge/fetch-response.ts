/** The answer to a Fetch request of one partition, versions 12 to 17, down to the stretch of log that it holds. */
import type { Reader } from '@platformatic/kafka'
import type { AbortedTransaction } from './record-batches.ts'

export interface FetchedPartition {
  /** Of the request, else of the partition; 0 is none. */
  readonly errorCode: number
  readonly highWatermark: number
  readonly aborted: readonly AbortedTransaction[]
  readonly log: Buffer
}

const UUID_BYTES = 16
/** From this version topics are named by id. */
export const FETCH_BY_ID = 13

/**
 * Reads the one partition of a fetch; the library's own parser would make an object of every record.
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
export function parseFetchResponse(
  _correlation: number,
  _key: number,
  version: number,
  reader: Reader,
): FetchedPartition {
  reader.skip(4) // throttle time
  const requestError = reader.readInt16()
  reader.skip(4) // session
  const topics = reader.readUnsignedVarInt() - 1
  const none = { highWatermark: -1, aborted: [], log: Buffer.alloc(0) }
  if (topics < 1) return { errorCode: requestError, ...none }
  if (version >= FETCH_BY_ID) reader.skip(UUID_BYTES)
  else reader.readString()
  if (reader.readUnsignedVarInt() - 1 < 1) return { errorCode: requestError, ...none }
  reader.skip(4) // index
  const errorCode = reader.readInt16()
  const highWatermark = Number(reader.readInt64())
  reader.skip(16) // last stable offset, log start
  const aborted = abortedTransactions(reader)
  reader.skip(4) // preferred replica
  const length = reader.readUnsignedVarInt() - 1
  const log = length > 0 ? reader.buffer.slice(reader.position, reader.position + length) : none.log
  return { errorCode: requestError !== 0 ? requestError : errorCode, highWatermark, aborted, log }
}

function abortedTransactions(reader: Reader): AbortedTransaction[] {
  const count = reader.readUnsignedVarInt() - 1
  const list: AbortedTransaction[] = []
  for (let i = 0; i < count; i++) {
    list.push({ producerId: reader.readInt64(), firstOffset: reader.readInt64() })
    reader.readTaggedFields()
  }
  return list
}
