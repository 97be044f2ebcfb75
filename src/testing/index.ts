export {
  type At,
  LocalStore,
  type LocalStoreOptions,
  localStore,
  type ReadRequest,
  type ReadRow,
} from './local-store.ts'
