export { parseAvroSchema } from './avro/parse-schema.ts'
export { type CheckedEvent, type Contract, compileContract, MIN_EVENT_TIME_MS } from './contract.ts'
export type { EnrichingRows } from './enrichment.ts'
export { decodeKey, type EntityKey, encodeKey, keyFromJson } from './entity-key.ts'
export type { ExactNumbers } from './exact-number.ts'
export { describeExpectation, type FieldCheck, isOfField } from './expectations.ts'
export { type FieldScan, fieldScanner } from './field-scanner.ts'
export { CHANGE, type ChangeOp, type Decoded, type Decoder, type SourceRecord } from './formats/format.ts'
export { decoderOf } from './formats/index.ts'
export { type ParsedEvents, parseEvents } from './parse-events.ts'
export { contentId, payloadHasher } from './payload-hash.ts'
export { isRefusal, type Refusal, type RefusalReason, refusal, shown } from './refusal.ts'
export { checkWriterSchema } from './registry/check-avro.ts'
export { checkRegistered } from './registry/check-registered.ts'
export type { RegisteredSchema } from './registry/registered-schema.ts'
export {
  RegistryClient,
  type RegistryConnection,
  type RegistryFailure,
  type SchemaAnswer,
  type VersionAnswer,
} from './registry/registry-client.ts'
export { SchemaStore } from './registry/schema-store.ts'
export { describeVerdict, type SchemaMismatch, type SchemaVerdict, type VerdictSubject } from './registry/verdict.ts'
export { type EventSpans, splitEvents } from './split-events.ts'
