import type { SourceSpec } from '../../engine/index.ts'
import { parseAvroSchema } from '../avro/parse-schema.ts'
import { checkWriterSchema } from './check-avro.ts'
import { checkJsonSchema } from './check-json-schema.ts'
import type { RegisteredSchema } from './registered-schema.ts'
import type { SchemaVerdict } from './verdict.ts'

/** The verdict on a schema as a registry holds it, of whichever type: Avro, or the plain types of JSON Schema. */
export function checkRegistered(
  source: SourceSpec,
  { schemaType, schema, references }: RegisteredSchema,
  envelope?: 'debezium',
): SchemaVerdict {
  if (schemaType === 'JSON') return checkJsonSchema(source, schema)
  if (schemaType !== 'AVRO') return { kind: 'unreadable', problem: `it is ${schemaType}; expected AVRO or JSON` }
  const parsed = parseAvroSchema(schema, references)
  if ('problem' in parsed) return { kind: 'unreadable', problem: parsed.problem }
  return checkWriterSchema(source, parsed, envelope)
}
