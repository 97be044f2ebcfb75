import type { FormatSpec, SourceSpec } from '../../engine/index.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import { asSent } from '../sent-fields.ts'
import { avroDecoder } from './avro.ts'
import { cloudEventsDecoder } from './cloudevents.ts'
import { debeziumDecoder } from './debezium.ts'
import type { Decoder } from './format.ts'
import { jsonDecoder } from './json.ts'
import { rawDecoder } from './raw.ts'

type DecodersOf = {
  readonly [Kind in FormatSpec['kind']]: (
    format: Extract<FormatSpec, { kind: Kind }>,
    source: SourceSpec,
    schemas: SchemaStore,
  ) => Decoder
}

/** Every format: its file, and its line here. */
const formats: DecodersOf = {
  json: () => jsonDecoder,
  raw: (_, source) => rawDecoder(source),
  cloudevents: () => cloudEventsDecoder,
  avro: avroDecoder,
  debezium: debeziumDecoder,
}

/**
 * What makes events (or, over a table, changes) of a source's records in a format.
 *
 * @param schemas the writer schemas known so far; a decoder that needs another says so, by a result of kind `schema`
 * @example
 * const decoder = decoderOf({ kind: 'json' }, source.spec, new SchemaStore())
 * const decoded = decoder.decode(record)
 * if (decoded.kind === 'event') take(decoded.text)
 */
export function decoderOf(format: FormatSpec, source: SourceSpec, schemas: SchemaStore): Decoder {
  const make = formats[format.kind] as (format: FormatSpec, source: SourceSpec, schemas: SchemaStore) => Decoder
  return make(format, asSent(source), schemas)
}
