export type { Duration } from '../util/duration.ts'
export { avg, count, latest, max, min, rate, sum } from './aggregates.ts'
export { DefinitionError, type DefinitionErrorCode } from './definition-error.ts'
export { type Definitions, definitions } from './definitions.ts'
export { type Entity, entity, type KeyRow } from './entity.ts'
export type { FeatureBuilder } from './feature-builder.ts'
export {
  type FeatureService,
  type FeatureServiceOptions,
  featureService,
  type KeysOf,
  type VectorOf,
} from './feature-service.ts'
export { type FeatureRef, type FeatureView, type FeatureViewOptions, featureView } from './feature-view.ts'
export type { FieldHandle, Handle, Handles } from './field-handle.ts'
export { not, type RowPredicate } from './predicate.ts'
export { epochMs, int64 } from './scalars.ts'
export { type Intake, type StreamSource, type StreamSourceOptions, streamSource, webhook } from './stream-source.ts'
export { lifetime, sliding, type WindowChoice } from './windows.ts'
