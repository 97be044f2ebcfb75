import {
  type ExpectationSpec,
  type FieldExpectation,
  type FieldSpec,
  isScalarType,
  type Scalar,
} from '../engine/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import type { Duration } from '../util/duration.ts'
import { checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { comparable, shownValue } from './predicate.ts'

/** What a source is expected to be like. `Field` is the field that it is about. */
export interface Expectation<Field extends string = string> {
  /** Checks it against the fields of a source, and gives it as data. */
  readonly specOf: (where: string, fields: readonly FieldSpec[]) => ExpectationSpec
  /** For the compiler only. */
  readonly '~field'?: Field
}

/** What becomes of events that are not as expected. */
export interface ExpectationOptions {
  /** `'refuse'`: a dead letter, reason `expectation`, that can be replayed. `'count'`: accepted, and counted as failed. */
  readonly action: 'refuse' | 'count'
  /** For how long before now a failure breaks the expectation, at least `'12s'`; default `'1h'`. */
  readonly over?: Duration
}

/** What a bound or a choice is written as: as filters compare, times and decimals as texts. */
export type Comparand = string | number | bigint

/** The options of {@link expectRange}. */
export interface RangeOptions extends ExpectationOptions {
  /** Inclusive. */
  readonly min?: Comparand
  /** Inclusive. */
  readonly max?: Comparand
}

/**
 * Expects the values of a field to be within bounds; a null is.
 *
 * @example expectRange('amount', { min: 0, max: 10_000, action: 'count' })
 */
export function expectRange<const Field extends string>(field: Field, options: RangeOptions): Expectation<Field> {
  const specOf: Expectation['specOf'] = (source, fields) => {
    const where = `${source}, expectRange("${field}")`
    checkOptions(where, options, ['min', 'max', 'action', 'over'])
    const of = scalarField(where, fields, field)
    if (of.type === 'bool' || of.type === 'string') {
      const how = 'write expectOneOf(...), or give the field its limits in the schema'
      throw new DefinitionError('wrong_type', where, `a field of type ${of.type} has no range: ${how}.`)
    }
    const bound = (option: 'min' | 'max'): Scalar | undefined =>
      options[option] === undefined ? undefined : comparable(where, of, options[option], `${option} is`)
    const [min, max] = [bound('min'), bound('max')]
    if (min === undefined && max === undefined) {
      throw new DefinitionError('bad_option', where, 'it has no bound: write min, max, or both.')
    }
    if (min !== undefined && max !== undefined && min > max) {
      const bounds = `min is ${shownValue(options.min)}, max is ${shownValue(options.max)}`
      throw new DefinitionError('bad_value', where, `${bounds}: nothing is between, so swap them.`)
    }
    return {
      kind: 'range',
      ...(min !== undefined && { min }),
      ...(max !== undefined && { max }),
      ...common(where, field, options),
    }
  }
  return { specOf }
}

/**
 * Expects the values of a field to be among some; a null is. Where no other may ever be accepted, write `z.enum([...])`.
 *
 * @example expectOneOf('country', ['DE', 'FR'], { action: 'refuse' })
 */
export function expectOneOf<const Field extends string>(
  field: Field,
  values: readonly (Comparand | boolean)[],
  options: ExpectationOptions,
): Expectation<Field> {
  const specOf: Expectation['specOf'] = (source, fields) => {
    const where = `${source}, expectOneOf("${field}")`
    checkOptions(where, options, ['action', 'over'])
    const of = scalarField(where, fields, field)
    if (!Array.isArray(values) || values.length === 0) {
      throw new DefinitionError('empty', where, 'it has no values: give it a list of at least one.')
    }
    const known = values.map((value) => comparable(where, of, value, 'each value is'))
    return { kind: 'oneOf', values: [...new Set(known)], ...common(where, field, options) }
  }
  return { specOf }
}

/** The options of {@link expectNulls}. */
export interface NullsOptions extends ExpectationOptions {
  /** The share of events whose field may be null or absent: from 0 to below 1. */
  readonly atMost: number
}

/**
 * Expects only a share of a field's values to be null. With `'refuse'`, events with a null are refused when they come in a
 * batch of at least 100 events in which their share is larger: a batch is what goes to one shard of an entity at once.
 *
 * @example expectNulls('amount', { atMost: 0.05, action: 'count', over: '1d' })
 */
export function expectNulls<const Field extends string>(field: Field, options: NullsOptions): Expectation<Field> {
  const specOf: Expectation['specOf'] = (source, fields) => {
    const where = `${source}, expectNulls("${field}")`
    checkOptions(where, options, ['atMost', 'action', 'over'])
    const of = knownField(where, fields, field)
    if (!of.nullable && !of.optional) {
      throw new DefinitionError('wrong_type', where, 'its schema takes no null, and so there is none: leave it out.')
    }
    if (of.enriched && options.action === 'refuse') {
      const how = "write enrich(..., { unknown: 'refuse' }), or action: 'count'"
      throw new DefinitionError('bad_option', where, `what comes from a table is not refused for being null: ${how}.`)
    }
    const { atMost } = options
    if (typeof atMost !== 'number' || !(atMost >= 0 && atMost < 1)) {
      throw new DefinitionError('bad_value', where, `atMost is a share, from 0 to below 1; got ${shownValue(atMost)}.`)
    }
    return { kind: 'nulls', atMost, ...common(where, field, options) }
  }
  return { specOf }
}

/**
 * Expects at least so many events to be accepted in each stretch of time up to now, of at least `'12s'`.
 *
 * @example expectVolume({ atLeast: 100, per: '1h' })
 */
export function expectVolume(options: { readonly atLeast: number; readonly per: Duration }): Expectation<never> {
  const specOf: Expectation['specOf'] = (source) => {
    const where = `${source}, expectVolume()`
    checkOptions(where, options, ['atLeast', 'per'])
    const { atLeast, per } = options
    if (!Number.isSafeInteger(atLeast) || atLeast < 1) {
      const got = shownValue(atLeast)
      throw new DefinitionError('bad_value', where, `atLeast is a whole number above 0; got ${got}.`)
    }
    return { kind: 'volume', atLeast, perMs: durationMs(where, 'per', per, LEAST_OVER_MS) }
  }
  return { specOf }
}

/**
 * Expects the newest accepted event to have happened no longer ago than that.
 *
 * @example expectFresh('10m')
 */
export function expectFresh(maxAge: Duration): Expectation<never> {
  return {
    specOf: (source) => ({ kind: 'fresh', maxAgeMs: durationMs(`${source}, expectFresh()`, 'its age', maxAge) }),
  }
}

/** Time is counted in twelfths of a second or more. */
const LEAST_OVER_MS = 12_000
/** Their counters are written with each batch. */
const MOST_EXPECTATIONS = 32

/** The expectations of a source as data. Throws where they do not fit its fields. */
export function expectSpecs(
  where: string,
  fields: readonly FieldSpec[],
  option: unknown,
  kind: 'stream' | 'table',
): readonly ExpectationSpec[] {
  if (!Array.isArray(option) || option.some((one) => typeof (one as Expectation | null)?.specOf !== 'function')) {
    const how = "write expect: [expectRange('amount', { min: 0, action: 'count' })]"
    throw new DefinitionError('bad_option', where, `expect is a list of expectations: ${how}.`)
  }
  if (option.length > MOST_EXPECTATIONS) {
    const problem = `there are ${option.length} expectations; a source has at most ${MOST_EXPECTATIONS}.`
    throw new DefinitionError('bad_option', where, problem)
  }
  const known = new Set<string>()
  return (option as readonly Expectation[]).map((one) => {
    const spec = one.specOf(where, fields)
    const text = canonicalJson({ ...spec, action: undefined })
    if (known.has(text)) throw new DefinitionError('duplicate', where, `an expectation is there twice: ${text}.`)
    known.add(text)
    if (kind === 'table' && spec.kind === 'nulls' && spec.action === 'refuse') {
      const why = "expectNulls() refuses no row, for its older version would stay in its place: write action: 'count'"
      throw new DefinitionError('bad_option', where, `${why}.`)
    }
    return spec
  })
}

function common(
  where: string,
  field: string,
  { action, over = '1h' }: ExpectationOptions,
): Pick<FieldExpectation, 'field' | 'action' | 'overMs'> {
  if (action !== 'refuse' && action !== 'count') {
    throw new DefinitionError('bad_option', where, `action is 'refuse' or 'count'; got ${shownValue(action)}.`)
  }
  return { field, action, overMs: durationMs(where, 'over', over, LEAST_OVER_MS) }
}

function knownField(where: string, fields: readonly FieldSpec[], name: unknown): FieldSpec {
  const field = fields.find((candidate) => candidate.name === name)
  if (field !== undefined) return field
  const known = fields.map((candidate) => candidate.name)
  const problem = `there is no field "${String(name)}".`
  throw new DefinitionError('unknown_field', where, `${problem}${didYouMean(String(name), known)}`)
}

function scalarField(where: string, fields: readonly FieldSpec[], name: unknown): FieldSpec {
  const field = knownField(where, fields, name)
  if (isScalarType(field.type)) return field
  const how = 'only single values are compared; write expectNulls(...) for what is absent'
  throw new DefinitionError('wrong_type', where, `"${field.name}" is of type ${field.type}: ${how}.`)
}
