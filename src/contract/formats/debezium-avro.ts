import type { DebeziumFormat, SourceSpec } from '../../engine/index.ts'
import { type Consume, optionalRecord, recordConsumer } from '../avro/consume.ts'
import type { AvroCursor } from '../avro/cursor.ts'
import { jsonReader } from '../avro/read-json.ts'
import type { AvroField, AvroRecord, AvroSchema } from '../avro/schema.ts'
import { isEnvelope } from '../registry/check-avro.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import { AvroRow } from './avro-row.ts'
import type { Form } from './debezium-envelope.ts'
import { outcomeOf, type RowMessage } from './debezium-outcome.ts'
import { type Row, RowWriter } from './debezium-row.ts'
import { misdeclared, tombstonesOf } from './debezium-unwrapped.ts'
import { isUnavailable } from './debezium-values.ts'
import type { Decoded, Decoder, SourceRecord } from './format.ts'
import { framedDecoder, type RecordReader } from './framed.ts'
import { textOf } from './json-members.ts'

/**
 * Debezium's messages in Avro: envelopes, or rows that ExtractNewRecordState unwrapped. The writer's schema tells every
 * type; what the format declares of encodings is not needed. Skips and refuses what the decoder of JSON does; a delete
 * needs its row before (an unwrapped one, which is a null value, a key in JSON).
 */
export function debeziumAvroDecoder(
  format: DebeziumFormat,
  registry: string,
  source: SourceSpec,
  schemas: SchemaStore,
): Decoder {
  const writer = new RowWriter(source)
  const isTable = source.changes !== undefined
  const tombstone = tombstonesOf(format, source, writer)
  const framed = framedDecoder(registry, source, schemas, 'debezium', (schema) => {
    const envelope = new EnvelopeReader(schema, source)
    const reader = envelope.reader(writer, isTable)
    const otherForm = misdeclared(envelope.form, format)
    return otherForm === undefined ? reader : { ...reader, result: () => otherForm }
  })
  return { decode: (record) => (record.value === null ? tombstone(record) : framed.decode(record)) }
}

/** What a message says beside its rows; JSON texts of values. */
interface Told {
  op?: string | undefined
  deleted?: string | undefined
  lsn?: string | undefined
  order?: string | undefined
  sourceTime?: string | undefined
  time?: string | undefined
}

class EnvelopeReader {
  /** What the schema is of. */
  form: Form = 'row'
  private readonly source: SourceSpec
  private readonly consume: Consume
  private told: Told = {}
  private readonly images: { before: AvroRow | undefined; after: AvroRow | undefined } = {
    before: undefined,
    after: undefined,
  }

  constructor(schema: AvroSchema, source: SourceSpec) {
    this.source = source
    this.consume = optionalRecord(schema, (record) => {
      this.form = isEnvelope(record) ? 'envelope' : 'row'
      return this.form === 'envelope' ? this.envelope(record) : this.row(record)
    })
  }

  reader(writer: RowWriter, isTable: boolean): RecordReader {
    return {
      read: (cursor: AvroCursor) => {
        this.told = {}
        this.images.before = undefined
        this.images.after = undefined
        this.consume(cursor)
      },
      result: (record: SourceRecord): Decoded => outcomeOf(this.message(record), writer, isTable),
    }
  }

  private message({ headers }: SourceRecord): RowMessage {
    const { op, deleted, lsn, order, sourceTime, time } = this.told
    const { before, after } = this.images
    return {
      op: deleted === '"true"' ? 'd' : op === undefined ? undefined : textOf(op),
      facts: { lsn: digits(lsn), order: digits(order), time: digits(sourceTime) ?? digits(time) },
      isKeyChange: headers.has('__debezium.oldkey'),
      before: () => before && sent(before.row()),
      after: () => after && sent(after.row()),
    }
  }

  private envelope(record: AvroRecord): Consume {
    return recordConsumer(record, (field) => {
      switch (field.name) {
        case 'before':
        case 'after':
          return this.image(field.schema, field.name)
        case 'source':
          return this.parts(field.schema, { lsn: 'lsn', ts_ms: 'sourceTime' })
        case 'transaction':
          return this.parts(field.schema, { total_order: 'order' })
        case 'op':
          return this.part(field, 'op')
        default:
          return field.name === 'ts_ms' ? this.part(field, 'time') : undefined
      }
    })
  }

  private image(schema: AvroSchema, which: 'before' | 'after'): Consume {
    return optionalRecord(schema, (record) => {
      const row = new AvroRow(record, this.source)
      return (cursor) => {
        this.images[which] = row
        row.consume(cursor)
      }
    })
  }

  private parts(schema: AvroSchema, names: Readonly<Record<string, keyof Told>>): Consume {
    return optionalRecord(schema, (record) =>
      recordConsumer(record, (field) => {
        const what = Object.hasOwn(names, field.name) ? names[field.name] : undefined
        return what && this.part(field, what)
      }),
    )
  }

  private part({ schema }: AvroField, what: keyof Told): Consume {
    const read = jsonReader(schema)
    return (cursor) => {
      this.told[what] = read(cursor)
    }
  }

  private row(record: AvroRecord): Consume {
    const row = new AvroRow(record, this.source, (name) => {
      const what = Object.hasOwn(added, name) ? added[name] : undefined
      return what && ((json) => (this.told[what] = json))
    })
    return (cursor) => {
      this.images.before = row
      this.images.after = row
      row.consume(cursor)
    }
  }
}

/** What ExtractNewRecordState may add to a row. */
const added: Readonly<Record<string, keyof Told>> = {
  __op: 'op',
  __deleted: 'deleted',
  __source_lsn: 'lsn',
  __lsn: 'lsn',
  __transaction_total_order: 'order',
  __source_ts_ms: 'sourceTime',
  __ts_ms: 'time',
}

function digits(json: string | undefined): string | undefined {
  return json !== undefined && /^\d+$/.test(json) ? json : undefined
}

/** The row without what the database did not send. */
function sent({ values }: Row): Row {
  const unchanged: number[] = []
  const kept = values.map((json, place) => {
    if (json === undefined || !isUnavailable(json)) return json
    unchanged.push(place)
    return undefined
  })
  return { values: kept, unchanged }
}
