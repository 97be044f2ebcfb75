export { SERVED_SHARE, ServedSample, type ServedSampleOptions } from './served-sample.ts'
export {
  definitionsKey,
  SERVED_PREFIX,
  type ServedVector,
  servedFolder,
  servedKey,
} from './served-vector.ts'
