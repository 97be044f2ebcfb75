export type { Duration } from '../util/duration.ts'
export { avg, count, max, min, quantile, type SpreadOptions, stddev, sum, variance } from './aggregates.ts'
export { type BatchName, type BatchSourceOptions, type BatchValues, batchSource } from './batch-source.ts'
export { DefinitionError, type DefinitionErrorCode } from './definition-error.ts'
export { type Definitions, definitions } from './definitions.ts'
export { type Enrichment, type EnrichOptions, enrich } from './enrich.ts'
export { type Entity, type EntityOptions, entity, type KeyRow } from './entity.ts'
export {
  type Expectation,
  type ExpectationOptions,
  expectFresh,
  expectNulls,
  expectOneOf,
  expectRange,
  expectVolume,
  type NullsOptions,
  type RangeOptions,
} from './expectations.ts'
export type { FeatureBuilder } from './feature-builder.ts'
export {
  type FeatureService,
  type FeatureServiceOptions,
  featureService,
  type KeysOf,
  type VectorOf,
} from './feature-service.ts'
export { type FeatureTopic, type FeatureTopicOptions, featureTopic } from './feature-topic.ts'
export { type FeatureRef, type FeatureView, type FeatureViewOptions, featureView } from './feature-view.ts'
export type { FieldHandle, Handle, Handles } from './field-handle.ts'
export {
  type AvroOptions,
  avro,
  cloudEvents,
  type DebeziumOptions,
  debezium,
  type Format,
  json,
  raw,
} from './formats.ts'
export { type Intake, type KafkaOptions, kafka, type WebhookOptions, webhook } from './intakes.ts'
export { type IntervalJoin, type IntervalJoinOptions, intervalJoin, type JoinHandles } from './interval-join.ts'
export { lastN } from './last-n.ts'
export { not, type RowPredicate } from './predicate.ts'
export { all, any, argMax, argMin, first, latest, rate, timeSinceLast } from './row-aggregates.ts'
export { decimal, epochMs, int64, vector } from './scalars.ts'
export { type StreamSource, type StreamSourceOptions, streamSource } from './stream-source.ts'
export { type TableSource, type TableSourceOptions, tableSource } from './table-source.ts'
export { type Union, type UnionHandles, union } from './union.ts'
export { approxCountDistinct, bottomK, countDistinct, mostFrequent, topK } from './value-aggregates.ts'
export {
  type CalendarOptions,
  decayed,
  lifetime,
  type SessionOptions,
  type SlidingOptions,
  session,
  sliding,
  type TailOptions,
  type TumblingOptions,
  tumbling,
  type WindowChoice,
} from './windows.ts'
