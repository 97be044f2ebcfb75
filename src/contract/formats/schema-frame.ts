import { type Refusal, refusal } from '../refusal.ts'

/** A value behind the frame that Confluent's serializers write: which schema it was written with, and where it begins. */
export interface SchemaFrame {
  readonly id: number
  readonly payload: Uint8Array
}

const MAGIC_ID = 0
const MAGIC_GUID = 1
const FRAME_BYTES = 5

/**
 * Takes the frame off: byte 0 and a schema id of four bytes, big-endian. Refuses what has none, `bad_encoding`. Newer
 * clients may write byte 1 and a GUID, here or in a header: that is no id, and refused too.
 */
export function frameOf(value: Uint8Array): SchemaFrame | Refusal {
  if (value[0] === MAGIC_GUID) {
    return refusal(
      'bad_encoding',
      'The value is framed by a GUID; expected byte 0 and a schema id. Set the serializer to write schema ids as a prefix.',
    )
  }
  if (value[0] !== MAGIC_ID || value.length < FRAME_BYTES) {
    const came = value.length === 0 ? 'is empty' : `starts with byte ${value[0]} and has ${value.length} bytes`
    return refusal(
      'bad_encoding',
      `The value ${came}; expected byte 0, a schema id of four bytes, and Avro behind it. If it is JSON, declare json().`,
    )
  }
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return { id: view.getUint32(1), payload: value.subarray(FRAME_BYTES) }
}
