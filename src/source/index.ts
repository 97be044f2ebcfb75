export { requestBatch } from './batch.ts'
export { type Connections, parseConnections } from './connections.ts'
export { areWell, type Delivery, deliver, type Receipt, type RefusedEvent, type Undelivered } from './deliver.ts'
export { Enricher } from './enrich.ts'
export { type ExpectationStatus, expectationStatuses } from './expectations.ts'
export {
  DEFAULT_QUEUE_BYTES,
  ForwardQueue,
  type QueueAnswer,
  type QueueStatus,
  type QueueStorage,
} from './forward/queue.ts'
export { forwardedText, parseForwarded, type TakenRows, takeForwarded } from './forward/receive.ts'
export { type NewRow, parseRows, writeRows } from './forward/row.ts'
export { HeadWatch, lettersOfRow, type Stuck } from './forward/stuck.ts'
export { Homes } from './homes.ts'
export { type ImportHead, importBatch, importText } from './import/body.ts'
export { KNOWN_AT_CHOICES, type KnownAtRule, knownAtMs, parseKnownAt } from './import/known-at.ts'
export { connectKafka } from './kafka/connect.ts'
export type { KafkaHttpEnvironment } from './kafka/http-call.ts'
export type {
  KafkaConnection,
  KafkaFailure,
  KafkaHttp,
  KafkaRecord,
  OffsetRange,
  PartitionRef,
  ProducedRecord,
  ReadRequest,
  ReadResult,
  TopicInfo,
} from './kafka/kafka-http.ts'
export { Puller, type ResumeOptions } from './kafka/puller.ts'
export {
  type Barrier,
  type Halt,
  hasBegun,
  type PullerState,
  type Pulls,
  type ReadElsewhere,
} from './kafka/puller-state.ts'
export { recordAgain } from './kafka/record-again.ts'
export { SchemaLearner } from './kafka/schema-learner.ts'
export { BRIDGE_HEADERS, OUT_OF_RANGE_CODE } from './kafka/upstash.ts'
export { type EventBatch, Router } from './route.ts'
export { type Intake, takeIn } from './take-in.ts'
export { type BodyEvents, BodyReader, CLOUDEVENTS_TYPES, JSON_TYPES } from './webhook/body-events.ts'
export { type SignedHeaders, signedHeaders, type WebhookKey, WebhookVerifier } from './webhook/standard.ts'
