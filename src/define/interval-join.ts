import type { $ZodShape } from 'zod/v4/core'
import { DELAY, type FieldSpec, isScalarType, type JoinSpec, LEFT, MATCHED, RIGHT } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { fieldHandle, type Handle, type Handles, handleObject } from './field-handle.ts'
import type { Kind, KindOf } from './field-types.ts'
import { type NamedSource, namedSources } from './named-source.ts'
import type { StreamSource } from './stream-source.ts'

/** Two sources joined by time. Made by {@link intervalJoin}. */
export interface IntervalJoin<Left extends $ZodShape = $ZodShape, Right extends $ZodShape = $ZodShape> {
  /** The declaration as data. */
  readonly join: { readonly name: string; readonly inputs: readonly NamedSource[]; readonly join: JoinSpec }
  /** For the compiler only. */
  readonly '~left'?: Left
  readonly '~right'?: Right
}

/** The `e` of a view over a join. */
export interface JoinHandles<Left extends $ZodShape, Right extends $ZodShape> {
  readonly left: Handles<Left>
  /** Null where the left row has no match. */
  readonly right: Handles<Right>
  /** Whether the left row has a match. */
  readonly matched: Handle<'bool', boolean>
  /** The right row's time less the left one's, ms; null without a match. */
  readonly delay_ms: Handle<'number', number>
}

/** Kinds that can be equal to a field of this kind. */
type EqualKinds<K extends Kind> = K extends 'list' | 'vector'
  ? never
  : K extends 'string' | 'choice'
    ? 'string' | 'choice'
    : K
type FieldsEqualTo<Shape extends $ZodShape, K extends Kind> = {
  [F in keyof Shape & string]: KindOf<Shape[F]> extends EqualKinds<K> ? F : never
}[keyof Shape & string]

/** A field that both sides have, or a field of each. */
export type OnFields<Left extends $ZodShape, Right extends $ZodShape> = {
  [F in keyof Left & string]:
    | Extract<FieldsEqualTo<Right, KindOf<Left[F]>>, F>
    | { readonly left: F; readonly right: FieldsEqualTo<Right, KindOf<Left[F]>> }
}[keyof Left & string]

/** The options of {@link intervalJoin}. */
export interface IntervalJoinOptions<Left extends $ZodShape, Right extends $ZodShape> {
  /**
   * What is equal in both, besides the entity: `'impression_id'` where both call it so, `{ left: 'id', right: 'impression_id' }`,
   * or a list of such. `[]`: the entity alone. A null equals nothing.
   */
  readonly on: OnFields<Left, Right> | readonly OnFields<Left, Right>[]
  /** How far apart the two may be, whichever is first: exactly so far still is a match. */
  readonly within: Duration
  /** `'left-first'`: the right one is not before the left one. Default `'any'`. */
  readonly order?: 'any' | 'left-first'
  /**
   * How many joined rows of an entity a read goes through, 1 to 100,000; default 10,000. A window with more of them is
   * status `error`, reason `limit`.
   */
  readonly maxPairs?: number
}

/**
 * Joins two sources on one entity: a joined row is a pair of a left and a right row at most `within` apart, or a left row that has
 * no match. A pair counts at the later of its two times; a left row without a match counts at its own time + `within`, for only
 * then is that known. A row with several matches is in several pairs; what matches depends on no order of arrival.
 *
 * @throws DefinitionError that names the field or option and the way to mend it
 * @example
 * const shown = intervalJoin('shown_clicked', impressions, clicks, { on: 'impression_id', within: '30m' })
 * const adStats = featureView('ad_stats', { entity: user, source: shown, key: { user_id: { left: 'uid', right: 'user' } } }, (e) => ({
 *   ctr_1d: rate(e.matched.eq(true)).over('1d'),
 *   convert_avg_1d: avg(e.delay_ms).over('1d'),
 *   unmatched_1d: count().where(e.matched.eq(false)).over('1d'),
 * }))
 */
export function intervalJoin<Left extends $ZodShape, Right extends $ZodShape>(
  name: string,
  left: StreamSource<Left>,
  right: StreamSource<Right>,
  options: IntervalJoinOptions<Left, Right>,
): IntervalJoin<Left, Right> {
  const where = `interval join ${name}`
  checkName('interval join', name, where)
  const inputs = namedSources(where, { [LEFT]: left, [RIGHT]: right })
  checkOptions(where, options, ['on', 'within', 'order', 'maxPairs'])
  const { order = 'any', maxPairs = MAX_PAIRS } = options
  if (order !== 'any' && order !== 'left-first') {
    throw new DefinitionError('bad_option', where, `order is 'any' or 'left-first'; got ${JSON.stringify(order)}.`)
  }
  if (typeof maxPairs !== 'number' || !Number.isInteger(maxPairs) || maxPairs < 1 || maxPairs > MOST_PAIRS) {
    throw new DefinitionError(
      'bad_option',
      where,
      `maxPairs is a whole number from 1 to 100,000; got ${String(maxPairs)}.`,
    )
  }
  const on = onFields(where, inputs, options.on)
  return {
    join: { name, inputs, join: { on, withinMs: durationMs(where, 'within', options.within), order, maxPairs } },
  }
}

const MAX_PAIRS = 10_000
const MOST_PAIRS = 100_000

/** Whether `given` was made by {@link intervalJoin}. */
export function isIntervalJoin(given: unknown): given is IntervalJoin {
  return typeof given === 'object' && given !== null && 'join' in given && typeof given.join === 'object'
}

function onFields(where: string, inputs: readonly NamedSource[], given: unknown): JoinSpec['on'] {
  if (given === undefined) {
    const how = "Write on: 'id', on: { left: 'id', right: 'order_id' }, or on: [] for every pair of the entity"
    throw new DefinitionError('bad_option', where, `what is equal in both? ${how}.`)
  }
  return (Array.isArray(given) ? (given as readonly unknown[]) : [given]).map((one) => {
    const both = typeof one === 'object' && one !== null ? one : { left: one, right: one }
    checkOptions(`${where}, on`, both, [LEFT, RIGHT])
    const [left, right] = inputs.map((input) => onField(where, input, (both as Record<string, unknown>)[input.name]))
    return equalFields(where, left as FieldSpec, right as FieldSpec)
  })
}

function onField(where: string, { name: side, source }: NamedSource, name: unknown): FieldSpec {
  const field = source.fields.find((candidate) => candidate.name === name)
  if (field !== undefined) return field
  const known = source.fields.map((candidate) => candidate.name)
  const problem =
    name === undefined ? `on names no field of ${side}.` : `on: ${source.name} has no field ${JSON.stringify(name)}.`
  throw new DefinitionError('unknown_field', `${where}, ${side}`, `${problem}${didYouMean(String(name), known)}`)
}

function equalFields(where: string, left: FieldSpec, right: FieldSpec): JoinSpec['on'][number] {
  const [leftType, rightType] = [left, right].map(({ type, format }) => (format === 'uuid' ? 'uuid' : type))
  if (leftType !== rightType) {
    const problem = `on: "${left.name}" of the left is ${leftType} and "${right.name}" of the right ${rightType}`
    throw new DefinitionError('wrong_type', where, `${problem}: declare both alike.`)
  }
  if (!isScalarType(left.type) || left.type === 'float64') {
    const how = left.type === 'float64' ? 'declare it as z.int() or decimal(s)' : 'join on a scalar'
    throw new DefinitionError('wrong_type', where, `on: "${left.name}" of type ${left.type} is not joined on: ${how}.`)
  }
  return { left: left.name, right: right.name }
}

const matched: FieldSpec = { name: MATCHED, type: 'bool', nullable: false, optional: false }
const delay: FieldSpec = { name: DELAY, type: 'int', nullable: true, optional: false }

const sideFields = ({ name, source }: NamedSource): FieldSpec[] =>
  source.fields.map((field) => ({
    ...field,
    name: `${name}.${field.name}`,
    nullable: field.nullable || name === RIGHT,
  }))

/** The fields of a joined row. */
export const joinFields = (inputs: readonly NamedSource[]): FieldSpec[] => [
  ...inputs.flatMap(sideFields),
  matched,
  delay,
]

/** The handles of a joined row's fields. */
export function joinHandles(where: string, inputs: readonly NamedSource[]): unknown {
  const sides = inputs.map((input) => {
    const handles = sideFields(input).map((field, i) => {
      return [input.source.fields[i]?.name ?? '', fieldHandle(where, field)] as const
    })
    return [input.name, handleObject(where, `${input.source.name}, the ${input.name} of the join,`, handles)] as const
  })
  const own = [matched, delay].map((field) => [field.name, fieldHandle(where, field)] as const)
  return handleObject<unknown>(where, 'the join', [...sides, ...own])
}
