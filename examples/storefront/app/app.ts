import type { Region } from '../../../src/plan/index.ts'
import { definitions } from './definitions.ts'

/** Every vector is kept for parity, since this is an example: with real traffic one of a thousand is enough. */
export const regions: readonly Region[] = [
  { name: 'local', id: 1, epoch: 0, shards: { default: 2 }, log: { servedShare: 1 } },
]
export const app = { definitions, regions }
