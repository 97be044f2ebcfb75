import {
  type ExpectationSpec,
  type FieldExpectation,
  type FieldSpec,
  jsonText,
  type Scalar,
  type SourceSpec,
  type Value,
} from '../engine/index.ts'
import { formatDuration } from '../util/duration.ts'
import { type Refusal, refusal, shown } from './refusal.ts'

/** The check of one field against one expectation, compiled. */
export interface FieldCheck {
  readonly spec: FieldExpectation
  /** Its place among the source's fields. */
  readonly field: number
  fails(value: Value): boolean
  /** A value as a person reads it, cut short. */
  shown(value: Value): string
  refuse(value: Value): Refusal
}

/** The expectations of a source's fields, in declared order; none for most sources. */
export function compileChecks({ fields, expect = [] }: SourceSpec): readonly FieldCheck[] {
  return expect.filter(isOfField).map((spec): FieldCheck => {
    const place = fields.findIndex(({ name }) => name === spec.field)
    const field = fields[place] as FieldSpec
    return {
      spec,
      field: place,
      fails: failureOf(spec),
      shown: (value) => shownValue(field, value),
      refuse: (value) => refusal('expectation', `"${spec.field}" is ${refusedText(spec, field, value)}.`, spec.field),
    }
  })
}

/** Tells what is expected of a field from what is expected of a source as a whole. */
export const isOfField = (spec: ExpectationSpec): spec is FieldExpectation => 'field' in spec

function failureOf(spec: FieldExpectation): FieldCheck['fails'] {
  if (spec.kind === 'nulls') return (value) => value === null
  if (spec.kind === 'oneOf') {
    const known = new Set<Value>(spec.values)
    return (value) => value !== null && !known.has(value)
  }
  const { min, max } = spec
  return (value) => {
    if (value === null) return false
    // Both are of the field's type: the definition was checked for it.
    const scalar = value as Scalar
    return (min !== undefined && scalar < min) || (max !== undefined && scalar > max)
  }
}

/**
 * What is expected, for a person.
 *
 * @example describeExpectation({ kind: 'volume', atLeast: 100, perMs: 3_600_000 }, source) // 'at least 100 in 1h'
 */
export function describeExpectation(spec: ExpectationSpec, { fields }: SourceSpec): string {
  if (spec.kind === 'volume') return `at least ${spec.atLeast} in ${formatDuration(spec.perMs)}`
  if (spec.kind === 'fresh') return `the newest at most ${formatDuration(spec.maxAgeMs)} old`
  const field = fields.find(({ name }) => name === spec.field) as FieldSpec
  return spec.kind === 'nulls' ? expectedText(spec, field) : `${spec.field} ${expectedText(spec, field)}`
}

function refusedText(spec: FieldExpectation, field: FieldSpec, value: Value): string {
  if (spec.kind === 'nulls') {
    const how = 'send it right, or replay these letters, which are taken as they are'
    return `null, as in more than ${percent(spec.atMost)} of its batch: ${how}`
  }
  const how = 'send it right, or change the expectation and replay this letter'
  return `${shownValue(field, value)}; its source expects ${expectedText(spec, field)}: ${how}`
}

/** Values that a message lists. */
const LISTED = 12

function expectedText(spec: FieldExpectation, field: FieldSpec): string {
  if (spec.kind === 'nulls') return `${spec.field} null in at most ${percent(spec.atMost)}`
  if (spec.kind === 'oneOf') {
    const listed = spec.values.slice(0, LISTED).map((value) => shownValue(field, value))
    return `one of ${listed.join(', ')}${spec.values.length > LISTED ? ', ...' : ''}`
  }
  const bounds = [
    spec.min === undefined ? '' : `>= ${shownValue(field, spec.min)}`,
    spec.max === undefined ? '' : `<= ${shownValue(field, spec.max)}`,
  ]
  return bounds.filter(Boolean).join(' and ')
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(12))} %`

/** In the form that events are sent in: decimals with their point, times in RFC 3339. */
function shownValue({ type }: FieldSpec, value: Value): string {
  if (value === null || typeof value === 'string' || typeof value === 'object') return shown(value)
  // Dates end at +-8.64e15 ms; what is beyond is shown as its number.
  if (type === 'timestamp' && Math.abs(Number(value)) <= 8.64e15) return new Date(Number(value)).toISOString()
  return jsonText(value, type).replaceAll('"', '')
}
