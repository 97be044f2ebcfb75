export type { AccumulatorSpec, Aggregate, Column, Finalised } from './aggregate.ts'
export { aggregates } from './aggregates/index.ts'
export { comparePart, type EntityPlan, EntityState, type Part, type PartCommit } from './entity-state.ts'
export { mapValues } from './evolve.ts'
export {
  compileView,
  type FeaturePlan,
  reachOf,
  TILES_PER_WINDOW,
  tileWidth,
  UNBOUNDED,
  type ViewPlan,
} from './plan.ts'
export { emptyOf, type FeatureValue, type Status, ViewReader } from './read.ts'
export type * from './spec.ts'
export { decodeState, encodeState, type FindLayout, identityOf, layoutOf, stateBytes } from './state-codec.ts'
export { compareValues, decodeValue, encodeValue } from './values.ts'
export { oldestReadable } from './view-state.ts'
