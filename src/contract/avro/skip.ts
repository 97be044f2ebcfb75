import { type AvroCursor, BadAvro } from './cursor.ts'
import type { AvroSchema } from './schema.ts'

/** Passes over a value, checked as far as finding its end needs it. */
export function skipValue(cursor: AvroCursor, schema: AvroSchema): void {
  switch (schema.type) {
    case 'null':
      break
    case 'int':
    case 'long':
    case 'enum':
      cursor.long()
      break
    case 'bytes':
    case 'string':
      cursor.skip(cursor.length())
      break
    case 'array':
      cursor.blocks(() => skipValue(cursor, schema.items))
      break
    case 'map':
      cursor.blocks(() => {
        cursor.skip(cursor.length())
        skipValue(cursor, schema.values)
      })
      break
    case 'union':
      skipValue(cursor, branchOf(cursor, schema.branches))
      break
    case 'record':
      cursor.enter()
      for (const field of schema.fields) skipValue(cursor, field.schema)
      cursor.leave()
      break
    default:
      cursor.skip(schema.type === 'fixed' ? schema.size : BYTES[schema.type])
  }
}

const BYTES = { boolean: 1, float: 4, double: 8 } as const

/** The branch of a union that the next value is of. */
export function branchOf<Of>(cursor: AvroCursor, branches: readonly Of[]): Of {
  const index = cursor.long()
  const branch = branches[Number(index)]
  if (branch === undefined) throw new BadAvro(`a union of ${branches.length} has branch ${index}`)
  return branch
}
