import {
  type Aggregate,
  aggregates,
  type FeatureSpec,
  type FieldType,
  type Predicate,
  type Value,
} from '../engine/index.ts'
import { checkName, checkOptions, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { allOf, FeatureBuilder, type FeatureDraft } from './feature-builder.ts'
import { isFieldHandle } from './field-handle.ts'
import { comparable, RowPredicate } from './predicate.ts'
import { lifetime, windowSpec } from './windows.ts'

/** Checks one feature of a view and gives it as data. */
export function featureSpec(viewWhere: string, name: string, builder: unknown, allowedLatenessMs: number): FeatureSpec {
  const where = `${viewWhere}, feature ${name}`
  checkName('feature', name, where)
  if (!(builder instanceof FeatureBuilder)) {
    throw new DefinitionError(
      'wrong_type',
      where,
      `this is no feature: write an aggregate, such as count().over('5m').`,
    )
  }
  const draft: FeatureDraft = builder.draft
  const aggregate = aggregates[draft.aggregate]
  if (aggregate === undefined) {
    throw new DefinitionError('unknown_aggregate', where, `the engine has no aggregate "${draft.aggregate}".`)
  }
  const input = checkInput(where, aggregate, draft)
  const resultType = checkResultType(where, aggregate, draft)
  const filter = allOf(draft.wheres.map((predicate) => filterSpec(where, '.where()', predicate)))
  checkOptions(`${where}, ${aggregate.name}`, draft.options, aggregate.name === 'latest' ? ['nulls'] : [])
  const { nulls } = draft.options as { readonly nulls?: unknown }
  if (nulls !== undefined && nulls !== 'keep') {
    throw new DefinitionError('bad_option', where, `nulls is 'keep' or left out; got ${String(nulls)}.`)
  }
  const description = optionalText(where, 'the description', draft.description)
  return {
    name,
    aggregate: aggregate.name,
    ...input,
    ...(nulls === 'keep' && { nulls }),
    ...(filter !== undefined && { where: filter }),
    window: windowSpec(where, chosenWindow(where, name, draft), allowedLatenessMs),
    ...(draft.default !== undefined && { default: defaultValue(where, draft, resultType) }),
    ...(description !== undefined && { description }),
  }
}

function checkInput(
  where: string,
  { name, takes }: Aggregate,
  draft: FeatureDraft,
): Pick<FeatureSpec, 'field' | 'matches'> {
  if (takes === 'predicate') return { matches: filterSpec(where, `${name}()`, draft.matches) }
  if (draft.field === undefined && takes !== 'field') return {}
  if (isFieldHandle(draft.field)) return { field: draft.field.spec.name }
  throw new DefinitionError('wrong_type', where, `${name}() takes a field of the source: write ${name}(e.amount).`)
}

function checkResultType(where: string, aggregate: Aggregate, draft: FeatureDraft): FieldType {
  const resultType = aggregate.resultType(draft.field?.spec.type)
  if (typeof resultType === 'string') return resultType
  const of = draft.field === undefined ? '' : ` of "${draft.field.spec.name}"`
  throw new DefinitionError('wrong_type', where, `${aggregate.name}${of}: ${resultType.error}.`)
}

function chosenWindow(where: string, name: string, draft: FeatureDraft): unknown {
  if (draft.window !== undefined) return draft.window
  if (draft.aggregate === 'latest') return lifetime()
  const input = draft.field === undefined ? (draft.matches === undefined ? '' : '...') : `e.${draft.field.spec.name}`
  const line = `${name}: ${draft.aggregate}(${input})${draft.wheres.length > 0 ? '.where(...)' : ''}`
  throw new DefinitionError(
    'missing_window',
    where,
    `over which events? Write ${line}.over('5m') or ${line}.over(lifetime()).`,
  )
}

function filterSpec(where: string, place: string, predicate: unknown): Predicate {
  if (predicate instanceof RowPredicate) return predicate.spec
  throw new DefinitionError('wrong_type', where, `${place} takes a comparison of a field, such as e.type.eq('click').`)
}

/** A default is checked like a value of the field, when the aggregate gives values of the field; else by its type alone. */
function defaultValue(where: string, draft: FeatureDraft, type: FieldType): Exclude<Value, null> {
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
