import type { DebeziumFormat, SourceSpec } from '../../engine/index.ts'
import { MAX_EVENT_UNITS } from '../../util/limits.ts'
import type { Refusal } from '../refusal.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import { ConnectSchemas } from './connect-schema.ts'
import { debeziumAvroDecoder } from './debezium-avro.ts'
import { type Envelope, keySpan, readEnvelope, type Span } from './debezium-envelope.ts'
import { outcomeOf } from './debezium-outcome.ts'
import { type Row, RowReader, RowWriter } from './debezium-row.ts'
import { misdeclared, tombstonesOf } from './debezium-unwrapped.ts'
import type { Decoded, Decoder, ReadBeside, SourceRecord } from './format.ts'
import { utf8Text, valueText } from './value-text.ts'

/** An envelope holds a row twice, and perhaps its schema. */
const MAX_ENVELOPE_UNITS = 4 * MAX_EVENT_UNITS

/**
 * Debezium's messages: envelopes, bare or with their schema or as CloudEvents, or (where the format says `unwrapped`) rows
 * that ExtractNewRecordState unwrapped, whose deletes are null values under their key. With a schema the types of columns are known; without, what the format declares (`decimals`, `times`) and the
 * contract's own types decide. Only columns that are fields of the source go on.
 *
 * Skips tombstones of envelopes, heartbeats, and messages about transactions, schemas and nothing. Refuses `bad_encoding`, `bad_json`,
 * `bad_envelope`, `too_large`, and values that are evidently encoded otherwise than declared.
 */
export function debeziumDecoder(format: DebeziumFormat, source: SourceSpec, schemas: SchemaStore): Decoder {
  const { value } = format
  const decoder =
    value.kind === 'avro' ? debeziumAvroDecoder(format, value.registry, source, schemas) : jsonMessages(format, source)
  return { ...decoder, beside }
}

/** The key names the row of a delete, and a header tells a change of key. */
const beside: ReadBeside = { key: true, header: (name) => name === '__debezium.oldkey' }

function jsonMessages(format: DebeziumFormat, source: SourceSpec): Decoder {
  const reader = new RowReader(source, format)
  const writer = new RowWriter(source)
  const inline = new ConnectSchemas()
  const tombstone = tombstonesOf(format, source, writer)
  const isTable = source.changes !== undefined
  const names = new Set(source.fields.map(({ name }) => name))
  const readSchema = (raw: string) => inline.read(raw)
  const isField = (name: string) => names.has(name)

  const decodeText = (text: string, record: SourceRecord): Decoded => {
    const envelope = readEnvelope(text, { start: 0, stop: text.length }, readSchema, isField)
    if ('kind' in envelope) return isTombstone(envelope) ? tombstone(record) : envelope
    const otherForm = misdeclared(envelope.form, format)
    if (otherForm !== undefined) return otherForm
    const rowAt = (span: Span | undefined): Row | Refusal | undefined =>
      span && reader.read(text, span.start, span.stop, envelope.meanings)
    return outcomeOf(
      {
        op: envelope.op,
        facts: envelope.facts,
        isKeyChange: record.headers.has('__debezium.oldkey'),
        before: () => rowAt(envelope.before) ?? keyRow(reader, record, envelope),
        after: () => rowAt(envelope.after),
      },
      writer,
      isTable,
    )
  }
  return {
    decode(record) {
      const text = valueText(record, MAX_ENVELOPE_UNITS)
      if (text === null || text === 'null') return tombstone(record)
      return typeof text === 'string' ? decodeText(text, record) : { kind: 'refused', why: text }
    },
  }
}

/** A value of which only the schema came. */
const isTombstone = (decoded: Decoded) => decoded.kind === 'skipped' && decoded.why === 'tombstone'

/** The key's columns, where a table sends nothing of a deleted row (REPLICA IDENTITY NOTHING). */
function keyRow(reader: RowReader, { key }: SourceRecord, { meanings }: Envelope): Row | Refusal | undefined {
  const text = key === null ? undefined : utf8Text(key)
  const span = text === undefined ? undefined : keySpan(text)
  return text === undefined || span === undefined ? undefined : reader.read(text, span.start, span.stop, meanings)
}
