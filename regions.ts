/**
 * The one truth of what is deployed where. `npm run generate` turns it into the Wrangler configs, which are committed.
 */
import type { Region, Routing } from './src/plan/index.ts'

/** The regions, the first one is where a single-region deploy lives. `local` is what `npm start` runs. */
export const regions: readonly Region[] = [
  // Each vector is kept for `tidemark parity`: with real traffic leave servedShare out, and it is one of a thousand.
  { name: 'local', id: 1, epoch: 0, shards: { default: 4 }, log: { servedShare: 1 } },
]

/** Where the events of each source are kept; a stream that is not named here: in the region that gets them. */
export const routing: Routing = {}
