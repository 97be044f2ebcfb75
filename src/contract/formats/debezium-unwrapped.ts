import type { DebeziumFormat, SourceSpec } from '../../engine/index.ts'
import { isRefusal, refusal } from '../refusal.ts'
import { ConnectSchemas } from './connect-schema.ts'
import { type Form, readKey } from './debezium-envelope.ts'
import { RowReader, type RowWriter } from './debezium-row.ts'
import type { Decoded, SourceRecord } from './format.ts'
import { utf8Text } from './value-text.ts'

const TOMBSTONE: Decoded = { kind: 'skipped', why: 'tombstone' }

/** What a record without value is to a source. */
export type Tombstones = (record: SourceRecord) => Decoded

/**
 * What records without value are in a format. Behind an envelope with a delete one says nothing more. Where rows were
 * unwrapped it is the delete itself: to a table of the row of its key, which must be JSON, bare or with its schema; to a
 * stream nothing.
 *
 * Refuses `bad_envelope` for a delete whose key is none or no JSON object.
 */
export function tombstonesOf(format: DebeziumFormat, source: SourceSpec, writer: RowWriter): Tombstones {
  if (format.unwrapped !== true || source.changes === undefined) return () => TOMBSTONE
  const reader = new RowReader(source, format)
  const schemas = new ConnectSchemas()
  return ({ key }) => {
    if (key === null) return refused(`The record has neither value nor key, so it deletes no row. ${mendKeyless}`)
    const text = utf8Text(key)
    const found = text === undefined ? undefined : readKey(text, (raw) => schemas.read(raw))
    if (text === undefined || found === undefined) {
      return refused(
        `The record has no value, so it deletes the row of its key, and the key is no JSON object. ${mendKey}`,
      )
    }
    const { start, stop } = found.span
    const row = reader.read(text, start, stop, found.meanings)
    return isRefusal(row) ? { kind: 'refused', why: row } : writer.change(row, { op: 'd' })
  }
}

const mendKeyless = 'Give the table a primary key, or name its columns in message.key.columns.'
const mendKey =
  'Set key.converter to org.apache.kafka.connect.json.JsonConverter, or have ExtractNewRecordState rewrite deletes (delete.tombstone.handling.mode=rewrite).'

/** The refusal of a message in another form than the format declares, if it is. */
export function misdeclared(form: Form, { unwrapped }: DebeziumFormat): Decoded | undefined {
  if (form === 'row' && unwrapped !== true) {
    return refused(
      'The value is a row without its envelope. If ExtractNewRecordState unwraps it, declare debezium({ unwrapped: true }).',
    )
  }
  if (form === 'envelope' && unwrapped === true) {
    return refused(
      'The value is an envelope, and unwrapped rows are declared. Leave out "unwrapped" of debezium(), or have ExtractNewRecordState unwrap it.',
    )
  }
  return undefined
}

function refused(message: string): Decoded {
  return { kind: 'refused', why: refusal('bad_envelope', message) }
}
