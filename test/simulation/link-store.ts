import type { Copy, CopyAddress, Found, OnlineStore, PutOutcome } from '../../src/online/index.ts'
import type { Random } from '../support/random.ts'

/** Work of a request that was given up, and may still arrive. */
export type Late = () => Promise<unknown>

/** What stands between one region and a store: cut, or lossy, slow and given to repeat itself. */
export class LinkStore implements OnlineStore {
  readonly kind
  readonly flags
  readonly operations
  private readonly store: OnlineStore
  private readonly r: Random
  private readonly isCut: () => boolean
  private readonly later: (work: Late) => void

  constructor(store: OnlineStore, r: Random, isCut: () => boolean, later: (work: Late) => void) {
    this.store = store
    this.kind = store.kind
    this.flags = store.flags
    this.operations = store.operations
    this.r = r
    this.isCut = isCut
    this.later = later
  }

  async put(copies: readonly Copy[]): Promise<readonly PutOutcome[]> {
    const { r, store } = this
    const again = copies.map((): PutOutcome => ({ again: 'the link is cut' }))
    if (this.isCut()) {
      // What was on its way may arrive after the cut, long after others have written.
      if (r.chance(0.3)) this.later(() => store.put(copies))
      return again
    }
    if (r.chance(0.1)) this.later(() => store.put(copies))
    if (r.chance(0.1)) {
      // Some of a batch, in any order; the writer does not learn what became of it.
      await store.put([...copies].reverse().filter(() => r.chance(0.5)))
      return again
    }
    return await store.put(copies)
  }

  async get(addresses: readonly CopyAddress[]): Promise<readonly Found[]> {
    if (this.isCut()) throw new Error('the link is cut')
    return await this.store.get(addresses)
  }
}
