import type { FormatSpec, SourceSpec } from '../../engine/index.ts'
import type { SchemaStore } from '../registry/schema-store.ts'
import type { Decoder } from './format.ts'
import { frameOf } from './schema-frame.ts'

/** Avro behind the frame of a schema registry. */
export function avroDecoder(
  format: Extract<FormatSpec, { kind: 'avro' }>,
  _source: SourceSpec,
  _schemas: SchemaStore,
): Decoder {
  return {
    decode({ value }) {
      if (value === null) return { kind: 'skipped', why: 'tombstone' }
      const frame = frameOf(value)
      return 'reason' in frame
        ? { kind: 'refused', why: frame }
        : { kind: 'schema', registry: format.registry, id: frame.id }
    },
  }
}
