import { type Refusal, refusal } from '../refusal.ts'
import type { SourceRecord } from './format.ts'

/** A value without the frame that a registry's serializers write: which schema it was written with, and its bytes. */
export interface SchemaFrame {
  readonly id: number
  readonly payload: Uint8Array
}

const MAGIC_ID = 0
const MAGIC_GUID = 1
const FRAME_BYTES = 5
/** Where newer serializers put the GUID of a schema instead. */
const GUID_HEADER = '__value_schema_id'

/**
 * Takes the frame off: byte 0 and a schema id of four bytes, big-endian. Refuses what has none, `bad_encoding`; so it does
 * with the GUIDs that newer clients may write instead, in front of the value or in a header.
 */
export function frameOf({ value, headers }: SourceRecord): SchemaFrame | Refusal {
  const bytes = value ?? new Uint8Array(0)
  if (bytes[0] === MAGIC_ID && bytes.length >= FRAME_BYTES) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return { id: view.getUint32(1), payload: bytes.subarray(FRAME_BYTES) }
  }
  if (headers.has(GUID_HEADER) || bytes[0] === MAGIC_GUID) {
    return refusal(
      'bad_encoding',
      'The schema is named by a GUID; expected byte 0 and a schema id before the value. Set the serializer to schema ids as a prefix.',
    )
  }
  const came = bytes.length === 0 ? 'is empty' : `starts with byte ${bytes[0]} and has ${bytes.length} bytes`
  return refusal(
    'bad_encoding',
    `The value ${came}; expected byte 0, a schema id of four bytes, and Avro behind it. If it is JSON, declare json().`,
  )
}
