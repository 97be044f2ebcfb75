export { bodyText, MAX_BODY_BYTES, readBody, readBytes, readSmallBody } from './body.ts'
export { Breaker } from './breaker.ts'
export {
  type LookupFailure,
  type LookupRequest,
  type LookupRow,
  lookup,
  MAX_ROWS,
  type RowMetadata,
  type TypedRow,
} from './lookup.ts'
export { mergedSince } from './merge.ts'
export { DEFAULT_CACHE_BYTES, PartCache } from './part-cache.ts'
export { nearestFirst, placeOf } from './places.ts'
export { lookupProblem, type Problem, problemResponse } from './problem.ts'
export { alone, type NearStore, type Reach, type RegionShards, type ShardReads } from './reach.ts'
export { parseFeaturesRequest } from './request.ts'
export { rowText, typedRows, wireText } from './rows.ts'
export type { PartAge } from './run.ts'
export { Tokens } from './tokens.ts'
