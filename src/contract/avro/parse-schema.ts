import { type Meaning, meaningOf, PLAIN } from '../formats/meaning.ts'
import type { AvroField, AvroRecord, AvroSchema } from './schema.ts'

/** Why a text is no Avro schema. */
export interface SchemaProblem {
  readonly problem: string
}

/** Longer than any that people write, short enough to read at once. */
const MAX_SCHEMA_UNITS = 1024 * 1024
const MAX_SCHEMA_DEPTH = 64
const MOST_FIXED_BYTES = 1024 * 1024

/**
 * Reads an Avro schema (specification 1.12): primitive and named types with namespaces, logical types, unions, and the
 * names that Kafka Connect and Debezium give their types. Unknown logical types are their plain ones, as the specification
 * wants it. Never throws.
 *
 * @param references texts of schemas whose names this one uses, each after those that it uses itself
 * @example parseAvroSchema('{"type":"record","name":"Click","fields":[{"name":"id","type":"string"}]}')
 */
export function parseAvroSchema(text: string, references: readonly string[] = []): AvroSchema | SchemaProblem {
  try {
    const names: Names = new Map()
    for (const reference of references) parseOne(reference, names)
    return parseOne(text, names)
  } catch (error) {
    if (error instanceof BadSchema) return { problem: error.message }
    throw error
  }
}

type Names = Map<string, AvroSchema>
type Json = Readonly<Record<string, unknown>>

class BadSchema extends Error {
  override readonly name = 'BadSchema'
}

function parseOne(text: string, names: Names): AvroSchema {
  if (text.length > MAX_SCHEMA_UNITS) {
    throw new BadSchema(`the schema has ${text.length} characters; at most ${MAX_SCHEMA_UNITS} are read`)
  }
  return read(jsonOf(text), '', names, 0)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadSchema('the schema is no JSON')
  }
}

function read(json: unknown, namespace: string, names: Names, depth: number): AvroSchema {
  if (depth > MAX_SCHEMA_DEPTH) throw new BadSchema(`the schema is nested deeper than ${MAX_SCHEMA_DEPTH}`)
  if (typeof json === 'string') return byName(json, namespace, names, PLAIN)
  if (Array.isArray(json)) return readUnion(json, namespace, names, depth)
  if (typeof json !== 'object' || json === null) throw new BadSchema(`${JSON.stringify(json) ?? 'nothing'} is no type`)
  const schema = json as Json
  const { type } = schema
  switch (type) {
    case 'record':
    case 'error':
      return readRecord(schema, namespace, names, depth)
    case 'enum':
      return readEnum(schema, namespace, names)
    case 'fixed':
      return readFixed(schema, namespace, names)
    case 'array':
      return { type: 'array', items: read(schema.items, namespace, names, depth + 1) }
    case 'map':
      return { type: 'map', values: read(schema.values, namespace, names, depth + 1) }
    default:
      return typeof type === 'string'
        ? byName(type, namespace, names, meaningOfPlain(type, schema))
        : read(type, namespace, names, depth + 1)
  }
}

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const

function byName(name: string, namespace: string, names: Names, meaning: Meaning): AvroSchema {
  const primitive = PRIMITIVES.find((type) => type === name)
  if (primitive !== undefined) return { type: primitive, meaning }
  const named = names.get(fullName(name, namespace)) ?? names.get(name)
  if (named === undefined) throw new BadSchema(`there is no type ${JSON.stringify(name)}`)
  return named
}

function readUnion(json: readonly unknown[], namespace: string, names: Names, depth: number): AvroSchema {
  const branches = json.map((branch) => read(branch, namespace, names, depth + 1))
  if (branches.length === 0) throw new BadSchema('a union has no branches')
  if (branches.some(({ type }) => type === 'union')) throw new BadSchema('a union stands directly in a union')
  return { type: 'union', branches }
}

function readRecord(schema: Json, namespace: string, names: Names, depth: number): AvroRecord {
  const name = nameOf(schema, namespace)
  const fields: AvroField[] = []
  const meaning = meaningOf(schema['connect.name'] ?? name, undefined)
  const record = define(names, name, { type: 'record', name, fields, meaning } as const)
  if (!Array.isArray(schema.fields)) throw new BadSchema(`record ${name} has no list of fields`)
  const within = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : ''
  const known = new Set<string>()
  for (const field of schema.fields as readonly unknown[]) {
    const { name: fieldName, type } = (typeof field === 'object' && field !== null ? field : {}) as Json
    if (typeof fieldName !== 'string') throw new BadSchema(`record ${name} has a field without a name`)
    if (known.has(fieldName)) throw new BadSchema(`record ${name} has two fields ${fieldName}`)
    known.add(fieldName)
    fields.push({ name: fieldName, schema: read(type, within, names, depth + 1) })
  }
  return record
}

function readEnum(schema: Json, namespace: string, names: Names): AvroSchema {
  const name = nameOf(schema, namespace)
  const { symbols } = schema
  if (!Array.isArray(symbols) || !symbols.every((symbol): symbol is string => typeof symbol === 'string')) {
    throw new BadSchema(`enum ${name} has no list of symbols`)
  }
  return define(names, name, { type: 'enum', name, symbols })
}

function readFixed(schema: Json, namespace: string, names: Names): AvroSchema {
  const name = nameOf(schema, namespace)
  const { size } = schema
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > MOST_FIXED_BYTES) {
    throw new BadSchema(`fixed ${name} has size ${String(size)}; expected 0 to ${MOST_FIXED_BYTES}`)
  }
  return define(names, name, { type: 'fixed', name, size, meaning: meaningOfFixed(size, schema) })
}

function define<Of extends AvroSchema>(names: Names, name: string, schema: Of): Of {
  if (names.has(name)) throw new BadSchema(`the name ${name} is defined twice`)
  names.set(name, schema)
  return schema
}

function nameOf({ name, namespace: own, type }: Json, namespace: string): string {
  if (typeof name !== 'string' || name === '') throw new BadSchema(`a type ${String(type)} has no name`)
  return fullName(name, typeof own === 'string' ? own : namespace)
}

/** A name with a point has its namespace already. */
function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

const TIMESTAMPS = new Map([
  ['timestamp-millis', 'ms'],
  ['timestamp-micros', 'us'],
  ['timestamp-nanos', 'ns'],
] as const)

function meaningOfPlain(type: string, schema: Json): Meaning {
  const { logicalType } = schema
  if (type === 'bytes' && logicalType === 'decimal') return decimal(schema)
  if (type === 'int' && logicalType === 'date') return { kind: 'time', unit: 'days' }
  if (type === 'string' && logicalType === 'uuid') return { kind: 'uuid' }
  const unit = type === 'long' ? (TIMESTAMPS as ReadonlyMap<unknown, 'ms' | 'us' | 'ns'>).get(logicalType) : undefined
  return unit === undefined ? connectMeaning(type, schema) : { kind: 'time', unit }
}

/** A name that Connect gives a type counts only where it stands on the type that it is for. */
function connectMeaning(type: string, schema: Json): Meaning {
  const meaning = meaningOf(schema['connect.name'], schema['connect.parameters'])
  const fits =
    (meaning.kind === 'time' && (type === 'int' || type === 'long')) || (meaning.kind === 'decimal' && type === 'bytes')
  return fits ? meaning : PLAIN
}

function meaningOfFixed(size: number, schema: Json): Meaning {
  if (schema.logicalType === 'decimal') return decimal(schema)
  return schema.logicalType === 'uuid' && size === 16 ? { kind: 'uuid' } : PLAIN
}

function decimal({ scale = 0 }: Json): Meaning {
  return typeof scale === 'number' && Number.isInteger(scale) && scale >= 0 ? { kind: 'decimal', scale } : PLAIN
}
