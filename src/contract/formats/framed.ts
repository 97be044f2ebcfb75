import type { SourceSpec } from '../../engine/index.ts'
import { AvroCursor, BadAvro } from '../avro/cursor.ts'
import { parseAvroSchema } from '../avro/parse-schema.ts'
import type { AvroSchema } from '../avro/schema.ts'
import { type Refusal, refusal } from '../refusal.ts'
import type { RegisteredSchema } from '../registry/registered-schema.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import { describeVerdict, type SchemaVerdict } from '../registry/verdict.ts'
import type { Decoded, Decoder, SourceRecord } from './format.ts'
import { frameOf } from './schema-frame.ts'

/** The reading of one schema's records: first all bytes, then what they are. */
export interface RecordReader {
  read(cursor: AvroCursor): void
  result(record: SourceRecord): Decoded
}

const TOMBSTONE: Decoded = { kind: 'skipped', why: 'tombstone' }

/**
 * What reads Avro behind a registry's frame: finds the writer's schema, sees that the contract takes it, and has a reader
 * compiled for it, once a schema.
 *
 * Refuses `bad_encoding` (no frame, or bytes that are not what the schema says) and `unknown_schema` (one that is no Avro,
 * or that the contract cannot take).
 */
export function framedDecoder(
  registry: string,
  source: SourceSpec,
  schemas: SchemaStore,
  envelope: 'debezium' | undefined,
  compile: (schema: AvroSchema) => RecordReader,
): Decoder {
  const readers = new Map<number, RecordReader | Decoded>()

  const readerOf = (id: number): RecordReader | Decoded => {
    const known = readers.get(id)
    if (known !== undefined) return known
    const registered = schemas.find(registry, id)
    const verdict = schemas.verdict(source, registry, id, envelope)
    if (registered === undefined || verdict === undefined) return { kind: 'schema', registry, id }
    const schema = checkedSchema(registered, id, source, verdict)
    const reader = 'kind' in schema ? schema : compile(schema)
    readers.set(id, reader)
    return reader
  }
  return {
    decode(record) {
      if (record.value === null) return TOMBSTONE
      const frame = frameOf(record)
      if ('reason' in frame) return { kind: 'refused', why: frame }
      const reader = readerOf(frame.id)
      if ('kind' in reader) return reader
      const problem = readAll(reader, frame.payload)
      return problem === undefined ? reader.result(record) : { kind: 'refused', why: damaged(frame.id, problem) }
    },
  }
}

/** The schema of an id that the contract can take; `skipped` for one of a message that is about no row. */
function checkedSchema(
  { schemaType, schema, references }: RegisteredSchema,
  id: number,
  source: SourceSpec,
  verdict: SchemaVerdict,
): AvroSchema | Decoded {
  if (schemaType !== 'AVRO') return unknown(id, `it is ${schemaType}; expected AVRO`)
  const parsed = parseAvroSchema(schema, references)
  if ('problem' in parsed) return unknown(id, parsed.problem)
  const about = parsed.type === 'record' ? aboutNoRow(parsed.name) : undefined
  if (about !== undefined) return { kind: 'skipped', why: about }
  if (verdict.kind === 'compatible') return parsed
  const field = verdict.kind === 'incompatible' ? verdict.mismatches[0]?.field : undefined
  return {
    kind: 'refused',
    why: refusal('unknown_schema', describeVerdict({ source: source.name, id }, verdict), field),
  }
}

function unknown(id: number, problem: string): Decoded {
  return { kind: 'refused', why: refusal('unknown_schema', `Schema ${id} cannot be read: ${problem}.`) }
}

/** Why records of this name are no rows: Debezium's messages about itself. */
function aboutNoRow(name: string): string | undefined {
  if (!name.startsWith('io.debezium.connector.')) return undefined
  if (name.endsWith('.Heartbeat')) return 'heartbeat'
  if (name.endsWith('.TransactionMetadataValue')) return 'transaction'
  return name.endsWith('.SchemaChangeValue') ? 'schema_change' : undefined
}

/** Reads a value to its last byte; what is wrong with it, if anything. */
function readAll(reader: RecordReader, payload: Uint8Array): string | undefined {
  const cursor = new AvroCursor(payload)
  try {
    reader.read(cursor)
  } catch (error) {
    if (error instanceof BadAvro) return error.message
    throw error
  }
  return cursor.rest === 0 ? undefined : `${cursor.rest} bytes follow it`
}

function damaged(id: number, problem: string): Refusal {
  return refusal('bad_encoding', `The value is not what its schema ${id} says: ${problem}.`)
}
