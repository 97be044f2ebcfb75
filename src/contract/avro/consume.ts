import type { AvroCursor } from './cursor.ts'
import type { AvroField, AvroRecord, AvroSchema } from './schema.ts'
import { branchOf, skipValue } from './skip.ts'

/** Takes a value in, and leaves what it says with whoever made this. */
export type Consume = (cursor: AvroCursor) => void

/** Compiles a record's reading field by field; a field that `consumerOf` has nothing for is passed over. */
export function recordConsumer({ fields }: AvroRecord, consumerOf: (field: AvroField) => Consume | undefined): Consume {
  const consumers: Consume[] = fields.map((field) => consumerOf(field) ?? ((cursor) => skipValue(cursor, field.schema)))
  return (cursor) => {
    cursor.enter()
    for (const consume of consumers) consume(cursor)
    cursor.leave()
  }
}

/** Compiles the reading of a record that may be one branch of a union; other branches are passed over. */
export function optionalRecord(schema: AvroSchema, consumerOf: (record: AvroRecord) => Consume): Consume {
  if (schema.type === 'record') return consumerOf(schema)
  if (schema.type !== 'union') return (cursor) => skipValue(cursor, schema)
  const branches = schema.branches.map((branch) => optionalRecord(branch, consumerOf))
  return (cursor) => branchOf(cursor, branches)(cursor)
}
