// Generated from regions.ts by `npm run generate`. Do not edit.
import type { StoreAdapters } from '../src/online/index.ts'

/** The adapters of the kinds of online stores that regions.ts names. */
export const stores: StoreAdapters = {}
