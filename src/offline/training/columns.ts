import type { ResultType } from '../../engine/index.ts'
import type { VectorPlan } from '../../plan/index.ts'

/** One column of a set that a feature fills. */
export interface FeatureColumn {
  /** `view__feature`: without a dot, so that it needs no quotes in SQL and is an attribute in pandas. */
  readonly name: string
  /** `view.feature` */
  readonly feature: string
  readonly type: ResultType
}

/** What the column of a feature's status is called. */
export const statusColumn = (name: string): string => `${name}__status`

/** The columns of a vector, in its order. Two features of one column's name are an error. */
export function featureColumns({ features }: VectorPlan): FeatureColumn[] | { readonly error: string } {
  const columns = features.map(({ name, feature }) => ({
    name: name.replace('.', '__'),
    feature: name,
    type: feature.resultType,
  }))
  const known = new Map<string, string>()
  for (const { name, feature } of columns) {
    const other = known.get(name)
    if (other !== undefined && other !== feature)
      return { error: `features ${other} and ${feature} would both be column ${name}: rename one of them` }
    if (other !== undefined) return { error: `feature ${feature} is twice in this service` }
    known.set(name, feature)
  }
  return columns
}
