export {
  type LookupFailure,
  type LookupRequest,
  type LookupRow,
  lookup,
  MAX_ROWS,
  type RowMetadata,
  type TypedRow,
} from './lookup.ts'
export { typedRows, wireText } from './rows.ts'
