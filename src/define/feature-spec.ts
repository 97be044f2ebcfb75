import {
  aggregates,
  type Computation,
  type FeatureSpec,
  isScalarType,
  prepareFeature,
  type ResultType,
  type Scalar,
} from '../engine/index.ts'
import { aggregateOptions } from './aggregate-options.ts'
import { checkName, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { FeatureBuilder, type FeatureDraft } from './feature-builder.ts'
import { groupSpec } from './feature-group.ts'
import { filterOf, inputFields, type RowFields, sourceField } from './feature-input.ts'
import { comparable } from './predicate.ts'
import { checkRetraction } from './retraction.ts'
import { windowSpec } from './window-spec.ts'
import { checkStateBytes } from './window-tiles.ts'
import { lifetime, sliding, WindowChoice } from './windows.ts'

/** What a feature must fit to. */
export interface FeatureContext {
  /** Its view, for messages. */
  readonly where: string
  readonly source: RowFields
  /** Rows are taken back: a source is a table. */
  readonly changes: boolean
  /** Rows are joined when they are read: all that windows reach are kept. */
  readonly isJoin: boolean
  readonly allowedLatenessMs: number
}

/** Checks one feature of a view and gives it as data. */
export function featureSpec(context: FeatureContext, name: string, builder: unknown): FeatureSpec {
  const where = `${context.where}, feature ${name}`
  const { source, isJoin } = context
  checkName('feature', name, where)
  if (!(builder instanceof FeatureBuilder)) throw noFeature(where, builder)
  const draft: FeatureDraft = builder.draft
  const aggregate = aggregates[draft.aggregate]
  if (aggregate === undefined) {
    throw new DefinitionError('unknown_aggregate', where, `the engine has no aggregate "${draft.aggregate}".`)
  }
  const input = inputFields(where, source, aggregate, draft)
  const options = aggregateOptions(where, aggregate, draft.options ?? {})
  const filter = filterOf(where, source, draft.wheres ?? [])
  const groupBy = groupSpec(where, source, draft.groups ?? [])
  const description = optionalText(where, 'the description', draft.description)
  const choice = chosenWindow(where, name, draft)
  if (isJoin) checkJoinWindow(where, draft, choice)
  const spec: FeatureSpec = {
    name,
    aggregate: aggregate.name,
    ...input,
    ...(options !== undefined && { options }),
    ...(filter !== undefined && { where: filter }),
    ...(groupBy !== undefined && { groupBy }),
    window: windowSpec(where, choice, isJoin ? null : context.allowedLatenessMs),
    ...(description !== undefined && { description }),
    ...ttlSpec(where, draft, choice),
  }
  const computation = computationOf(where, source, spec)
  if (!isJoin) checkStateBytes(where, spec.window, context.allowedLatenessMs, computation)
  if (context.changes && !isJoin) checkRetraction(where, spec, computation, choice)
  if (draft.default === undefined) return spec
  return { ...spec, default: defaultValue(where, draft, computation.resultType) }
}

function noFeature(where: string, builder: unknown): DefinitionError {
  const how =
    builder instanceof WindowChoice
      ? `a window is no feature: write an aggregate over it, such as count().over(${builder.kind}(...)).`
      : `this is no feature: write an aggregate, such as count().over('5m').`
  return new DefinitionError('wrong_type', where, how)
}

function chosenWindow(where: string, name: string, draft: FeatureDraft): WindowChoice {
  const { window } = draft
  if (window instanceof WindowChoice) return window
  if (window !== undefined) return sliding(window)
  if (overLifetime.includes(draft.aggregate)) return lifetime()
  const line = `${name}: ${draft.aggregate}(${argumentsText(draft)})${draft.wheres === undefined ? '' : '.where(...)'}`
  throw new DefinitionError(
    'missing_window',
    where,
    `over which events? Write ${line}.over('5m') or ${line}.over(lifetime()).`,
  )
}

/** A value that is hidden when it is old: of the newest row of all, which nothing else ends. */
function ttlSpec(
  where: string,
  { ttl, groups = [] }: FeatureDraft,
  { kind }: WindowChoice,
): Pick<FeatureSpec, 'ttlMs'> {
  if (ttl === undefined) return {}
  if (kind !== 'lifetime') {
    const how = "leave out the ttl, or the .over(...): latest(e.type, { ttl: '2d' })"
    throw new DefinitionError(
      'bad_option',
      where,
      `a window ends by itself, and a ttl would end its value twice: ${how}.`,
    )
  }
  if (groups.length > 0) {
    const how = "write latest(...).by(...).over('2d'), whose groups end with the window"
    throw new DefinitionError('bad_option', where, `a ttl hides one value, and .by(...) makes many: ${how}.`)
  }
  return { ttlMs: durationMs(where, 'ttl', ttl) }
}

/** A join keeps the rows of both sides, and only as far back as windows reach. */
function checkJoinWindow(where: string, { aggregate }: FeatureDraft, { kind, options }: WindowChoice): void {
  if (kind === 'lifetime') {
    const problem = `a join keeps rows as far back as windows reach, and ${aggregate}() over lifetime() has no end`
    throw new DefinitionError('bad_option', where, `${problem}: write .over('30d') or .over(lastN(100)).`)
  }
  if (!('tail' in options) && !('limit' in options)) return
  const how =
    "leave out tail and limit; exactRows of the view says how many rows are kept, and the join's maxPairs how many pairs"
  throw new DefinitionError('bad_option', where, `every window over a join is computed from kept rows: ${how}.`)
}

/** Aggregates of the first or last row: without a window they mean all there is. */
const overLifetime: readonly string[] = ['latest', 'first', 'timeSinceLast']

function argumentsText({ field, orderBy, matches, options = {} }: FeatureDraft): string {
  const fields = [field, orderBy].flatMap((handle) => (handle === undefined ? [] : [`e.${handle.spec.name}`]))
  const rest = matches !== undefined || Object.keys(options).length > 0 ? ['...'] : []
  return [...fields, ...rest].join(', ')
}

/** What the engine would compute; throws with its own words when it cannot. */
function computationOf(where: string, source: RowFields, spec: FeatureSpec): Computation {
  const computation = prepareFeature(spec, (field) => sourceField(where, source, field).type)
  if (!('error' in computation)) return computation
  const of = spec.field === undefined ? '' : ` of "${spec.field}"`
  throw new DefinitionError('wrong_type', where, `${spec.aggregate}${of}: ${computation.error}.`)
}

/** A default is checked like a value of the field, when the aggregate gives values of the field; else by its type alone. */
function defaultValue(where: string, draft: FeatureDraft, type: ResultType): Scalar {
  if (!isScalarType(type)) {
    const what = type.startsWith('map') ? 'a map' : type.startsWith('list') ? 'a list' : 'a vector'
    const how = type.startsWith('vector') ? 'it is null when there is none' : 'it is empty when there is nothing'
    throw new DefinitionError('wrong_type', where, `${what} has no .default(): ${how}. Leave it out.`)
  }
  const field = draft.field?.spec
  const givesOwnValues = field !== undefined && field.type === type && type === 'string'
  const asField = givesOwnValues ? field : { name: 'default', type, nullable: false, optional: false }
  const value = comparable(where, asField, draft.default, 'its .default() is')
  if ((type === 'int' || type === 'timestamp') && !Number.isSafeInteger(value)) {
    throw new DefinitionError(
      'wrong_type',
      where,
      `.default() of this feature is a whole number below 2^53; got ${value}.`,
    )
  }
  return value
}
