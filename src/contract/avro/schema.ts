import type { Meaning } from '../formats/meaning.ts'

/** A parsed Avro schema. Named types are shared objects: a recursive one holds itself. */
export type AvroSchema = AvroPlain | AvroRecord | AvroEnum | AvroFixed | AvroArray | AvroMap | AvroUnion

export interface AvroPlain {
  readonly type: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'
  readonly meaning: Meaning
}

export interface AvroRecord {
  readonly type: 'record'
  /** With its namespace. */
  readonly name: string
  readonly meaning: Meaning
  readonly fields: readonly AvroField[]
}

export interface AvroField {
  readonly name: string
  readonly schema: AvroSchema
}

export interface AvroEnum {
  readonly type: 'enum'
  readonly name: string
  readonly symbols: readonly string[]
}

export interface AvroFixed {
  readonly type: 'fixed'
  readonly name: string
  readonly size: number
  readonly meaning: Meaning
}

export interface AvroArray {
  readonly type: 'array'
  readonly items: AvroSchema
}

export interface AvroMap {
  readonly type: 'map'
  readonly values: AvroSchema
}

export interface AvroUnion {
  readonly type: 'union'
  readonly branches: readonly AvroSchema[]
}

/** What a schema is in words: `long`, `decimal of scale 2`, `null or string`. */
export function avroTypeName(schema: AvroSchema): string {
  switch (schema.type) {
    case 'union':
      return schema.branches.map(avroTypeName).join(' or ')
    case 'array':
      return `array of ${avroTypeName(schema.items)}`
    case 'map':
      return `map of ${avroTypeName(schema.values)}`
    case 'enum':
      return `enum ${schema.name}`
    default:
      return meaningName(schema.meaning) ?? ('name' in schema ? `${schema.type} ${schema.name}` : schema.type)
  }
}

function meaningName(meaning: Meaning): string | undefined {
  if (meaning.kind === 'decimal') return `decimal of scale ${meaning.scale}`
  if (meaning.kind === 'variable_decimal') return 'decimal of any scale'
  if (meaning.kind === 'time') return meaning.unit === 'days' ? 'date' : `timestamp in ${meaning.unit}`
  return meaning.kind === 'uuid' ? 'uuid' : undefined
}
