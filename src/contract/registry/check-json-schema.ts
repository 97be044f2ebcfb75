import { decimalScale, elementType, type FieldSpec, type SourceSpec, vectorLength } from '../../engine/index.ts'
import { sentFields } from '../sent-fields.ts'
import { expectedOf } from './accept-avro.ts'
import { Findings, type SchemaVerdict } from './verdict.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Whether the objects that a JSON Schema describes can be taken by a source, as far as plain types go: `type`, `enum`,
 * `const`, `properties`, `required`, `items`, and `oneOf` or `anyOf` of such. What refers elsewhere or combines otherwise is
 * noted as not checked. A field that is not in `properties` may be anything, and so is not compatible with one that the
 * contract needs.
 */
export function checkJsonSchema(source: SourceSpec, text: string): SchemaVerdict {
  const schema = parse(text)
  if (schema === undefined) return { kind: 'unreadable', problem: 'it is no JSON object' }
  if (schema.type !== undefined && schema.type !== 'object') {
    return { kind: 'unreadable', problem: `its type is ${JSON.stringify(schema.type)}; expected "object"` }
  }
  const findings = new Findings()
  const properties = isObject(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required : []
  const fields = sentFields(source)
  for (const field of fields) {
    const property = Object.hasOwn(properties, field.name) ? properties[field.name] : undefined
    checkProperty(findings, field, property, required.includes(field.name))
  }
  const known = new Set(fields.map(({ name }) => name))
  const ignored = Object.keys(properties).filter((name) => !known.has(name))
  if (ignored.length > 0) findings.note(`the contract does not name ${ignored.slice(0, 12).join(', ')}: ignored`)
  return findings.verdict
}

function parse(text: string): Json | undefined {
  try {
    const schema: unknown = JSON.parse(text)
    return isObject(schema) ? schema : undefined
  } catch {
    return undefined
  }
}

function checkProperty(findings: Findings, field: FieldSpec, property: unknown, isRequired: boolean): void {
  const { name } = field
  const expected = expectedOf(field)
  if (!isObject(property)) {
    if (field.optional) findings.note(`${name} is not in the schema`)
    else findings.mismatch(name, expected, 'no such property', `Add "${name}", or declare the field .optional()`)
    return
  }
  if (!isRequired && !field.optional) {
    const mend = `Add "${name}" to required, or declare the field .optional()`
    findings.mismatch(name, `${expected}, always there`, 'a property that may be absent', mend)
    return
  }
  const alternatives = alternativesOf(property)
  if (alternatives === undefined) {
    findings.note(`${name} is not a plain type in the schema: not checked`)
    return
  }
  const found = alternatives.map(nameOf).join(' or ')
  if (!field.nullable && alternatives.some(({ type }) => type === 'null')) {
    const mend = 'Declare the field .nullable(), or take null out of the type'
    findings.mismatch(name, `${expected}, never null`, found, mend)
    return
  }
  for (const alternative of alternatives) {
    const mend = alternative.type === 'null' ? undefined : mendOf(field, alternative)
    if (mend === undefined) continue
    findings.mismatch(name, expected, found, mend)
    return
  }
}

/** One plain type of a property, with what it says of its values. */
interface Alternative {
  readonly type: string
  readonly choices: readonly unknown[] | undefined
  readonly items: unknown
}

/** The plain types of a property, or undefined when it is more than that. */
function alternativesOf(property: Json): readonly Alternative[] | undefined {
  const { type, items, $ref, allOf, not } = property
  if ($ref !== undefined || allOf !== undefined || not !== undefined) return undefined
  const either = property.oneOf ?? property.anyOf
  if (Array.isArray(either)) {
    const each = either.map((option) => (isObject(option) ? alternativesOf(option) : undefined))
    return each.every((part) => part !== undefined) ? each.flat() : undefined
  }
  const choices = property.const === undefined ? property.enum : [property.const]
  const listed = Array.isArray(choices) ? choices : undefined
  const types = type === undefined ? [...new Set(listed?.map(typeOf))] : Array.isArray(type) ? type : [type]
  if (types.length === 0 || !types.every((one) => typeof one === 'string')) return undefined
  return types.map((one: string) => ({ type: one, choices: listed?.filter((choice) => fits(choice, one)), items }))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function fits(choice: unknown, type: string): boolean {
  return typeOf(choice) === type || (type === 'number' && typeof choice === 'number')
}

/** How to mend a type that the field does not take; undefined when it does. */
function mendOf(field: FieldSpec, { type, choices, items }: Alternative): string | undefined {
  if (vectorLength(field.type) !== undefined) return type === 'array' || type === 'string' ? undefined : 'Send an array'
  const element = elementType(field.type)
  if (element === undefined) return mendOfScalar(field, type, choices)
  if (type !== 'array') return 'Send an array'
  const inner = isObject(items) ? alternativesOf(items) : undefined
  const item: FieldSpec = { ...field.items, name: field.name, type: element, nullable: false, optional: false }
  return inner
    ?.map((one) => (one.type === 'null' ? 'A list has no nulls' : mendOf(item, one)))
    .find((m) => m !== undefined)
}

function mendOfScalar(field: FieldSpec, type: string, choices: readonly unknown[] | undefined): string | undefined {
  const takes = typesOf(field)
  if (!takes.includes(type)) return `Send ${takes.map((one) => `"${one}"`).join(' or ')}`
  const unknown =
    choices?.filter((choice) => field.values !== undefined && !field.values.includes(String(choice))) ?? []
  if (unknown.length === 0) return undefined
  return `Add ${unknown.map((choice) => JSON.stringify(choice)).join(', ')} to the field's choices, or do not send it`
}

function typesOf({ type, format }: FieldSpec): readonly string[] {
  if (decimalScale(type) !== undefined) return ['string', 'number', 'integer']
  if (type === 'timestamp') return format === 'ms' ? ['integer'] : ['string']
  if (type === 'bool') return ['boolean']
  if (type === 'float64') return ['number', 'integer']
  return type === 'string' ? ['string'] : ['integer']
}

function nameOf({ type, choices }: Alternative): string {
  return choices === undefined || type === 'null' ? type : `${type} of ${choices.length} choices`
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
