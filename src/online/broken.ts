import type { OnlineStore } from './store.ts'

/** A store that cannot be had: it fails at everything and says why. Reads go on to the next tier, and what is put waits. */
export function brokenStore(kind: OnlineStore['kind'], problem: string): OnlineStore {
  return {
    kind,
    flags: {
      cas: false,
      staleMs: 0,
      readable: false,
      maxBodyBytes: 16 * 1024 * 1024,
      maxPuts: 1_000,
      maxGets: 1_000,
      atomicGets: 1_000,
    },
    operations: { reads: 0, writes: 0, requests: 0 },
    get: async () => {
      throw new Error(problem)
    },
    put: async (copies) => copies.map(() => ({ again: problem })),
  }
}
