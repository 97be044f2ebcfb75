export { bodyText, MAX_BODY_BYTES, readBody, readBytes, readSmallBody } from './body.ts'
export {
  type LookupFailure,
  type LookupRequest,
  type LookupRow,
  lookup,
  MAX_ROWS,
  type RowMetadata,
  type TypedRow,
} from './lookup.ts'
export { lookupProblem, type Problem, problemResponse } from './problem.ts'
export { parseFeaturesRequest } from './request.ts'
export { typedRows, wireText } from './rows.ts'
export { Tokens } from './tokens.ts'
