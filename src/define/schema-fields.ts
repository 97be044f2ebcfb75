import type { $ZodType } from 'zod/v4/core'
import type { FieldSpec, ScalarType, ValueLimits } from '../engine/index.ts'
import { DefinitionError } from './definition-error.ts'
import { DECIMAL_SCALE, EPOCH_MS, VECTOR_LENGTH } from './scalars.ts'
import {
  applyListCheck,
  applyNumberCheck,
  applyTextCheck,
  type CheckDef,
  type Limits,
  type ListLimits,
  unsupported,
} from './schema-limits.ts'

/** The part of zod's own description of a schema that we read; the same for zod and zod/mini. */
interface SchemaDef {
  readonly type: string
  readonly format?: string
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDef } }[]
  readonly [option: string]: unknown
}

/** What a schema accepts, as the plain description of one field. Throws a DefinitionError that names what is not supported. */
export function readField(where: string, name: string, schema: unknown): FieldSpec {
  let inner = schema
  let optional = false
  let nullable = false
  for (;;) {
    const def = defOf(where, inner)
    if (def.type === 'optional') optional = true
    else if (def.type === 'nullable') nullable = true
    else return { name, ...readValue(where, def), nullable, optional }
    inner = def.innerType
  }
}

/** The fields of an object schema in declared order; refuses strict, loose, catchall and refined objects by name. */
export function objectShape(where: string, schema: unknown): Readonly<Record<string, $ZodType>> {
  const def = defOf(where, schema)
  const usual = 'an event is a plain z.object({ ... }); unknown keys of an event are ignored'
  if (def.type !== 'object') throw unsupported(where, `${def.type} schema`, usual)
  if (def.catchall !== undefined) throw unsupported(where, 'strict, loose or catchall object', usual)
  if (def.checks?.length) {
    throw unsupported(where, '.refine() or .check() on the object', 'check single fields, or filter rows with .where()')
  }
  return def.shape as Readonly<Record<string, $ZodType>>
}

/** What a field's schema says of its values when they are there. */
type ValueSpec = Omit<FieldSpec, 'name' | 'nullable' | 'optional'>

function readValue(where: string, def: SchemaDef): ValueSpec {
  if (def.type !== 'array') return readScalar(where, def)
  const length = def[VECTOR_LENGTH]
  if (typeof length !== 'number') return readList(where, def)
  noChecks(where, def)
  return { type: `vector(${length})` }
}

function readList(where: string, def: SchemaDef): ValueSpec {
  const element = defOf(where, def.element)
  if (element.type === 'optional' || element.type === 'nullable') {
    const how = 'a list has no nulls: leave .optional(), .nullable() or .nullish() to the list itself'
    throw unsupported(where, 'z.array() of elements that may be null or absent', how)
  }
  if (!scalarSchemas.includes(element.type)) {
    const how = 'a list holds texts, numbers, bools or times: send one event an element'
    throw unsupported(where, `z.array() of ${constructs[element.type]?.[0] ?? `a ${element.type} schema`}`, how)
  }
  const limits: ListLimits = {}
  for (const check of def.checks ?? []) applyListCheck(where, check._zod.def, limits)
  const { type, ...items } = readScalar(`${where}, its elements`, element)
  return { type: `list(${type})`, ...(Object.keys(items).length > 0 && { items }), ...limits }
}

const scalarSchemas = ['string', 'number', 'bigint', 'boolean', 'enum', 'literal']

interface Scalar extends ValueLimits {
  readonly type: ScalarType
}

function readScalar(where: string, def: SchemaDef): Scalar {
  if (def.coerce === true) {
    throw unsupported(where, `z.coerce.${def.type}()`, `send the right type and write z.${def.type}()`)
  }
  const scale = def[DECIMAL_SCALE]
  if (typeof scale === 'number') {
    noChecks(where, def)
    return { type: `decimal(${scale})` }
  }
  switch (def.type) {
    case 'string':
      return readText(where, def)
    case 'number':
      return readNumber(where, def)
    case 'bigint':
      if (def.format !== 'int64') throw unsupported(where, 'z.bigint()', 'write int64(), which says how wide it is')
      noChecks(where, def)
      return { type: 'int64' }
    case 'boolean':
      noChecks(where, def)
      return { type: 'bool' }
    case 'enum':
      noChecks(where, def)
      return { type: 'string', values: textValues(where, 'z.enum', Object.values(def.entries as object)) }
    case 'literal':
      noChecks(where, def)
      return { type: 'string', values: textValues(where, 'z.literal', def.values as unknown[]) }
    default:
      throw unsupported(
        where,
        constructs[def.type]?.[0] ?? `a ${def.type} schema`,
        constructs[def.type]?.[1] ?? fieldsAre,
      )
  }
}

function readText(where: string, def: SchemaDef): Scalar {
  if (def.format === 'uuid' && def.version === undefined) {
    noChecks(where, def)
    return { type: 'string', format: 'uuid' }
  }
  if (def.format === 'uuid') throw unsupported(where, `z.uuid${String(def.version)}()`, 'write z.uuid()')
  if (def.format === 'datetime') {
    noChecks(where, def)
    const isPlain = def.offset === true && def.local !== true && (def.precision ?? null) === null
    if (isPlain) return { type: 'timestamp', format: 'iso' }
    const how = 'write z.iso.datetime({ offset: true }): a time needs its offset (Z is one) to be a point in time'
    throw unsupported(where, 'z.iso.datetime() without offset, or with local or precision', how)
  }
  if (def.format !== undefined) throw unsupported(where, `the string format ${def.format}`, 'write z.string()')
  const limits: Limits = {}
  for (const check of def.checks ?? []) applyTextCheck(where, check._zod.def, limits)
  return { type: 'string', ...limits }
}

function readNumber(where: string, def: SchemaDef): Scalar {
  const limits: Limits = {}
  const found = { isInt: false }
  if (def.check === 'number_format') applyNumberCheck(where, def as unknown as CheckDef, limits, found)
  for (const check of def.checks ?? []) applyNumberCheck(where, check._zod.def, limits, found)
  if (def[EPOCH_MS] === true) {
    noChecks(where, def)
    return { type: 'timestamp', format: 'ms' }
  }
  return { type: found.isInt ? 'int' : 'float64', ...limits }
}

function textValues(where: string, what: string, values: readonly unknown[]): readonly string[] {
  for (const value of values) {
    if (typeof value !== 'string') throw unsupported(where, `${what} with ${typeof value} values`, 'use strings only')
    if (!value.isWellFormed()) throw new DefinitionError('bad_value', where, `${what}: a value has a lone surrogate.`)
  }
  if (values.length === 0) throw new DefinitionError('empty', where, `${what} has no values: name at least one.`)
  return [...new Set(values as readonly string[])]
}

function noChecks(where: string, def: SchemaDef): void {
  const check = def.checks?.[0]?._zod.def
  if (check === undefined) return
  if (check.check === 'custom') throw unsupported(where, '.refine() or .check()', 'filter rows with .where() in a view')
  throw unsupported(where, `the check ${check.format ?? check.check} on this type`, 'remove it')
}

function defOf(where: string, schema: unknown): SchemaDef {
  const internals = (schema as { readonly _zod?: { readonly def?: SchemaDef } } | null | undefined)?._zod
  if (internals?.def !== undefined) return internals.def
  throw unsupported(where, schema === undefined ? 'undefined' : 'a value that is no zod 4 schema', fieldsAre)
}

const fieldsAre =
  'a field is z.string(), z.enum(), z.literal(), z.number(), z.int(), int64(), decimal(2), z.boolean(), z.uuid(), ' +
  'z.iso.datetime({ offset: true }), epochMs(), z.array() of one of these, or vector(384), each also .optional(), .nullable() or .nullish()'

const flat = 'send the parts as fields of their own at the top level of the event'
const plain = 'declare the plain type of what is sent'
const constructs: Readonly<Record<string, readonly [what: string, how: string]>> = {
  object: ['a nested z.object()', flat],
  array: ['z.array()', 'send one event an element'],
  tuple: ['z.tuple()', `${flat}, or write z.array()`],
  record: ['z.record()', flat],
  map: ['z.map()', flat],
  set: ['z.set()', 'JSON has no sets: write z.array()'],
  union: ['z.union()', 'use z.enum() for a choice of texts, .nullable() for null, else one source a kind of event'],
  intersection: ['z.intersection()', 'write one z.object() with all fields'],
  pipe: ['.transform(), .pipe(), z.preprocess() or z.stringbool()', plain],
  transform: ['z.transform()', plain],
  default: ['.default()', 'write .optional(), and give defaults to features with .default(value)'],
  prefault: ['.prefault()', 'write .optional(), and give defaults to features with .default(value)'],
  catch: ['.catch()', 'a wrong value is refused and kept as a dead letter, never replaced; write the plain type'],
  readonly: ['.readonly()', 'leave it out: events are never changed'],
  nonoptional: ['z.nonoptional()', 'write the inner type without .optional()'],
  lazy: ['z.lazy()', flat],
  date: ['z.date()', 'JSON has no dates: write z.iso.datetime({ offset: true }) or epochMs()'],
  null: ['z.null()', 'leave the field out'],
  any: ['z.any()', fieldsAre],
  unknown: ['z.unknown()', fieldsAre],
  custom: ['z.custom()', fieldsAre],
  template_literal: ['z.templateLiteral()', 'write z.string()'],
}
