export type {
  AccumulatorSpec,
  Aggregate,
  AggregateInput,
  Column,
  Computation,
  Finalised,
  OptionRule,
} from './aggregate.ts'
export { aggregates } from './aggregates/index.ts'
export { comparePart, type EntityPlan, EntityState, type Part, type PartCommit } from './entity-state.ts'
export { mapValues } from './evolve.ts'
export {
  type ExplainedEdge,
  type ExplainedRow,
  type ExplainedSide,
  type ExplainedTile,
  type Explanation,
  explain,
} from './explain.ts'
export { type ColumnOrigin, columnOrigin, columnTypes, INPUT, inputsOf } from './inputs.ts'
export { DELAY, LEFT, MATCHED, RIGHT } from './join-plan.ts'
export { jsonText } from './json-text.ts'
export { identityOf, layoutOf } from './layout.ts'
export { compileView, type FeaturePlan, type ViewPlan } from './plan.ts'
export { inputOf, prepareFeature } from './prepare.ts'
export { emptyOf, type FeatureValue, type Status, ViewReader } from './read.ts'
export { NUMBERS_BYTES } from './sizes.ts'
export type * from './spec.ts'
export { CHANGE_TIME } from './spec.ts'
export { decodeState, encodeState, type FindLayout, stateBytes } from './state-codec.ts'
export {
  decimalScale,
  elementType,
  isNumeric,
  isOrdered,
  isScalarType,
  mapValueType,
  vectorLength,
} from './types.ts'
export { decodeValue, encodeValue } from './value-alone.ts'
export { compareValues } from './values.ts'
export { oldestReadable } from './view-state.ts'
export { reachOf, TILES_PER_WINDOW, tilesNeeded, tileWidth, UNBOUNDED } from './windows.ts'
