import { elementType, type FieldSpec, type SourceSpec, vectorLength } from '../../engine/index.ts'
import { type AvroRecord, type AvroSchema, avroTypeName } from '../avro/schema.ts'
import { sentFields } from '../sent-fields.ts'
import { Accepted, acceptAvro, expectedOf, type Scalar } from './accept-avro.ts'
import { Findings, type SchemaVerdict } from './verdict.ts'

/**
 * Whether the records of a writer's Avro schema can be taken by a source, before any of them is: decided by types. A field
 * that the contract needs must be there, null only where the contract takes it, and each type one whose values the field
 * takes as a rule; that single values may still break its limits (a number beyond 2^53 for `int`, a text that is not among
 * the choices) is a note, and each such value is refused alone when it comes. Fields that the contract does not name are
 * ignored.
 *
 * @param envelope `debezium`: the record is an envelope whose row is in `after`, or the row itself
 */
export function checkWriterSchema(source: SourceSpec, schema: AvroSchema, envelope?: 'debezium'): SchemaVerdict {
  const record = envelope === undefined ? recordOf(schema) : rowRecord(schema)
  if (record === undefined) {
    return { kind: 'unreadable', problem: `it is ${avroTypeName(schema)}; expected a record` }
  }
  const findings = new Findings()
  const fields = sentFields(source)
  for (const field of fields) checkField(findings, field, record)
  const known = new Set(fields.map(({ name }) => name))
  const ignored = record.fields.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (ignored.length > 0) findings.note(`the contract does not name ${listed(ignored)}: ignored`)
  return findings.verdict
}

/** The record of a row: in the `after` of an envelope, which also has `op` and `source`, or the whole. */
export function rowRecord(schema: AvroSchema): AvroRecord | undefined {
  const whole = recordOf(schema)
  if (whole === undefined || !isEnvelope(whole)) return whole
  const after = whole.fields.find(({ name }) => name === 'after')
  return after && recordOf(after.schema)
}

/** Tells an envelope from a row that was unwrapped. */
export function isEnvelope({ fields }: AvroRecord): boolean {
  return ['op', 'source', 'after'].every((name) => fields.some((field) => field.name === name))
}

/** The record that a schema is, alone or beside null. */
function recordOf(schema: AvroSchema): AvroRecord | undefined {
  if (schema.type === 'record') return schema
  if (schema.type !== 'union') return undefined
  const records = schema.branches.filter((branch) => branch.type === 'record')
  const others = schema.branches.filter(({ type }) => type !== 'record' && type !== 'null')
  return records.length === 1 && others.length === 0 ? records[0] : undefined
}

function checkField(findings: Findings, field: FieldSpec, record: AvroRecord): void {
  const written = record.fields.find(({ name }) => name === field.name)
  if (written === undefined) {
    if (field.optional) findings.note(`${field.name} is not in the schema: absent from every event`)
    else {
      const mend = `Keep "${field.name}" in the writer's schema, or declare the field .optional()`
      findings.mismatch(field.name, expectedOf(field), 'no such field', mend)
    }
    return
  }
  const branches = branchesOf(written.schema)
  if (!field.nullable && branches.some(({ type }) => type === 'null')) {
    const mend = 'Declare the field .nullable(), or take null out of the union'
    findings.mismatch(field.name, `${expectedOf(field)}, never null`, avroTypeName(written.schema), mend)
    return
  }
  for (const branch of branches) {
    if (branch.type === 'null') continue
    const answer = acceptField(field, branch)
    if (answer.mend !== undefined) {
      findings.mismatch(field.name, expectedOf(field), avroTypeName(written.schema), answer.mend)
      return
    }
    if (answer.note !== undefined) findings.note(`${field.name}: ${answer.note}`)
  }
}

function acceptField(field: FieldSpec, schema: AvroSchema): Accepted {
  const length = vectorLength(field.type)
  if (length !== undefined) return acceptVector(length, schema)
  const element = elementType(field.type)
  if (element === undefined) return acceptAvro(field as Scalar, schema)
  if (schema.type !== 'array') return Accepted.no('Write an array')
  const items = branchesOf(schema.items)
  if (items.some(({ type }) => type === 'null')) return Accepted.no('A list has no nulls: take null out of its items')
  const answers = items.map((item) => acceptAvro({ ...field.items, type: element }, item))
  return (
    answers.find(({ mend }) => mend !== undefined) ?? answers.find(({ note }) => note !== undefined) ?? Accepted.yes()
  )
}

const FLOAT_BYTES = 4
const NUMBERS: readonly string[] = ['int', 'long', 'float', 'double']

function acceptVector(length: number, schema: AvroSchema): Accepted {
  if (schema.type === 'array') {
    const areNumbers = branchesOf(schema.items).every(({ type }) => NUMBERS.includes(type))
    return areNumbers ? Accepted.yes(`each event must have ${length} numbers`) : Accepted.no('Write an array of floats')
  }
  const bytes = `${length * FLOAT_BYTES} bytes, little-endian float32`
  if (schema.type === 'bytes') return Accepted.yes(`each event must have ${bytes}`)
  if (schema.type === 'fixed' && schema.size === length * FLOAT_BYTES) return Accepted.yes(`taken for ${bytes}`)
  return Accepted.no(`Write an array of floats, or ${bytes}`)
}

function branchesOf(schema: AvroSchema): readonly AvroSchema[] {
  return schema.type === 'union' ? schema.branches : [schema]
}

function listed(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ')
}
