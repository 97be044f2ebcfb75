import { type FeatureSpec, isScalarType } from '../engine/index.ts'
import { checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { FeatureDraft } from './feature-builder.ts'
import { type RowFields, sourceField } from './feature-input.ts'
import { isFieldHandle } from './field-handle.ts'

const DEFAULT_GROUPS = 100
const MAX_GROUPS = 10_000

/** What a feature is grouped by, or undefined when it is not; throws for more than one, or a field that makes no groups. */
export function groupSpec(
  featureWhere: string,
  source: RowFields,
  groups: NonNullable<FeatureDraft['groups']>,
): FeatureSpec['groupBy'] {
  const [group, another] = groups
  if (group === undefined) return undefined
  const where = `${featureWhere}, .by()`
  if (another !== undefined) {
    throw new DefinitionError('bad_option', where, 'a feature is grouped by one field: leave out the other .by().')
  }
  checkOptions(where, group.options, ['max'])
  if (!isFieldHandle(group.field)) {
    throw new DefinitionError('wrong_type', where, '.by() takes a field of the source: write .by(e.country).')
  }
  const { name, type } = sourceField(where, source, group.field.spec.name)
  if (!isScalarType(type) || type === 'float64') {
    const how = type === 'float64' ? 'declare it as z.int(), or send what it is a kind of' : 'group by a scalar'
    throw new DefinitionError('wrong_type', where, `"${name}" of type ${type} makes no groups: ${how}.`)
  }
  const { max = DEFAULT_GROUPS } = group.options as { readonly max?: unknown }
  if (typeof max !== 'number' || !Number.isInteger(max) || max < 1 || max > MAX_GROUPS) {
    const problem = `max (how many groups there may be) is a whole number from 1 to 10,000; got ${String(max)}.`
    throw new DefinitionError('bad_option', where, problem)
  }
  return { field: name, max }
}
