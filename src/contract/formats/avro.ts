import type { FormatSpec, SourceSpec } from '../../engine/index.ts'
import { optionalRecord } from '../avro/consume.ts'
import type { AvroSchema } from '../avro/schema.ts'
import { refusal } from '../refusal.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import { AvroRow } from './avro-row.ts'
import { RowWriter } from './debezium-row.ts'
import type { Decoder } from './format.ts'
import { framedDecoder, type RecordReader } from './framed.ts'

/**
 * Avro behind the frame of a schema registry: the record's fields that are fields of the source are the event. Longs stay
 * exact, decimals come as texts, times as the contract wants them.
 */
export function avroDecoder(
  { registry }: Extract<FormatSpec, { kind: 'avro' }>,
  source: SourceSpec,
  schemas: SchemaStore,
): Decoder {
  const writer = new RowWriter(source)
  return framedDecoder(registry, source, schemas, undefined, (schema) => recordReader(schema, source, writer))
}

function recordReader(schema: AvroSchema, source: SourceSpec, writer: RowWriter): RecordReader {
  let row: AvroRow | undefined
  let isThere = false
  const consume = optionalRecord(schema, (record) => {
    const fields = new AvroRow(record, source)
    row = fields
    return (cursor) => {
      isThere = true
      fields.consume(cursor)
    }
  })
  return {
    read(cursor) {
      isThere = false
      consume(cursor)
    },
    result() {
      if (row !== undefined && isThere) return writer.event(row.row())
      return { kind: 'refused', why: refusal('bad_envelope', 'The value is null; expected a record.') }
    },
  }
}
