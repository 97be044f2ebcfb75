export {
  type At,
  LocalStore,
  type LocalStoreOptions,
  localStore,
  type ReadRequest,
  type ReadRow,
  type RowChange,
  type TrainingLabel,
  type TrainingRequest,
  type TrainingRow,
} from './local-store.ts'
