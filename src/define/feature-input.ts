import type { Aggregate, FeatureSpec, FieldSpec, Predicate } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { DefinitionError } from './definition-error.ts'
import type { FeatureDraft } from './feature-builder.ts'
import { isFieldHandle } from './field-handle.ts'
import { RowPredicate } from './predicate.ts'

/** The fields that features read: those of a source, of a union, or of a join. */
export interface RowFields {
  readonly name: string
  readonly fields: readonly FieldSpec[]
}

/** What an aggregate reads: its field, the field it orders by, or what it asks of each row. Throws when it is not that. */
export function inputFields(
  where: string,
  source: RowFields,
  { name, takes }: Aggregate,
  { field, orderBy, matches }: FeatureDraft,
): Pick<FeatureSpec, 'field' | 'orderBy' | 'matches'> {
  const nameOf = (handle: unknown) => {
    if (isFieldHandle(handle)) return sourceField(where, source, handle.spec.name).name
    const example = takes === 'field and order' ? `${name}(e.type, e.amount)` : `${name}(e.amount)`
    const what = takes === 'field and order' ? 'two fields' : 'a field'
    throw new DefinitionError('wrong_type', where, `${name}() takes ${what} of the source: write ${example}.`)
  }
  switch (takes) {
    case 'nothing':
      return {}
    case 'optional field':
      return field === undefined ? {} : { field: nameOf(field) }
    case 'field':
      return { field: nameOf(field) }
    case 'field and order':
      return { field: nameOf(field), orderBy: nameOf(orderBy) }
    case 'predicate':
      return { matches: predicateSpec(where, source, `${name}()`, matches) }
  }
}

/** All filters of a feature as one, or undefined when it has none. */
export function filterOf(where: string, source: RowFields, wheres: readonly RowPredicate[]): Predicate | undefined {
  const predicates = wheres.map((predicate) => predicateSpec(where, source, '.where()', predicate))
  return predicates.length > 1 ? { op: 'and', of: predicates } : predicates[0]
}

function predicateSpec(where: string, source: RowFields, place: string, predicate: unknown): Predicate {
  if (!(predicate instanceof RowPredicate)) {
    const how = "takes a comparison of a field, such as e.type.eq('click')"
    throw new DefinitionError('wrong_type', where, `${place} ${how}.`)
  }
  for (const field of comparedFields(predicate.spec)) sourceField(where, source, field)
  return predicate.spec
}

function comparedFields(predicate: Predicate): string[] {
  if (predicate.op === 'not') return comparedFields(predicate.of)
  return 'of' in predicate ? predicate.of.flatMap(comparedFields) : [predicate.field]
}

/** The field of a source; throws when it has none of this name, as with the handle of another view's source. */
export function sourceField(where: string, source: RowFields, name: string): FieldSpec {
  const field = source.fields.find((candidate) => candidate.name === name)
  if (field !== undefined) return field
  const known = source.fields.map((candidate) => candidate.name)
  const problem = `the source ${source.name} has no field "${name}".`
  throw new DefinitionError('unknown_field', where, `${problem}${didYouMean(name, known)}`)
}
