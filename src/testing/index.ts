export {
  type At,
  LocalStore,
  type LocalStoreOptions,
  localStore,
  type ReadRequest,
  type ReadRow,
  type RowChange,
} from './local-store.ts'
