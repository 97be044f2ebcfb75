/** Writers that race for a few addresses, readers beside them, and what their history must be. */
import { expect } from 'vitest'
import { type Copy, isCopy, type OnlineStore, type Version, versionText } from '../../src/online/index.ts'
import type { Random } from '../support/random.ts'
import { copyOf, entityAt, type StoreUnderTest } from './conformance.ts'

const WRITERS = 64
const CLIENTS = 8
const READERS = 4
const KEYS = ['a', 'b', 'c', 'd']

/** One operation on one address: between these two moments it saw, or brought, this version. */
interface Seen {
  readonly key: string
  readonly from: number
  readonly to: number
  /** '' for nothing. */
  readonly version: string
  /** Undefined of a read. */
  readonly outcome?: string
}

/**
 * 64 writers put what a fleet of shards might, all at once: commits in order and out of it, corrections that come late, the
 * batches of writers that slept through an epoch, everything twice. `rounds`: batches of each writer.
 */
export async function race(under: StoreUnderTest, r: Random, rounds: number): Promise<void> {
  const clients = Array.from({ length: CLIENTS }, () => under.another())
  const history: Seen[] = []
  let moment = 0
  let writing = WRITERS
  const batches = Array.from({ length: WRITERS }, () => Array.from({ length: rounds }, () => batchOf(r)))
  // Some writers put what another one has put, later and in another order.
  for (let w = 1; w < WRITERS; w += 4) batches[w] = shuffled(batches[w - 1] ?? [], r)

  await Promise.all([
    ...batches.map(async (own, w) => {
      for (const batch of own) await put(clients[w % CLIENTS] ?? under.store, batch)
      writing--
    }),
    ...Array.from({ length: READERS }, async (_, i) => {
      while (writing > 0) await read(clients[i] ?? under.store)
    }),
  ])
  await read(under.store)

  const copies = batches.flat(2)
  for (const key of KEYS) {
    const own = history.filter((seen) => seen.key === key)
    checkHistory(own)
    const greatest = copies
      .filter((copy) => copy.address.key === key)
      .reduce((a, b) => (versionText(a.version) >= versionText(b.version) ? a : b))
    expect(await under.store.get([entityAt(key)])).toEqual([greatest])
  }

  async function put(store: OnlineStore, batch: readonly Copy[]): Promise<void> {
    const from = moment++
    const outcomes = await store.put(batch)
    const to = moment++
    for (const [i, { address, version }] of batch.entries()) {
      const outcome = outcomes[i]
      // Nothing fails in this race, so an outcome is one of two words.
      if (outcome !== 'stored' && outcome !== 'older') throw new Error(`an odd outcome: ${JSON.stringify(outcome)}`)
      history.push({ key: address.key, from, to, version: versionText(version), outcome })
    }
  }

  async function read(store: OnlineStore): Promise<void> {
    const from = moment++
    const found = await store.get(KEYS.map((key) => entityAt(key)))
    const to = moment++
    for (const [i, one] of found.entries()) {
      if (one !== undefined && !isCopy(one)) throw new Error(one.passedOver)
      // The body is the version's own: no read may mix two copies.
      if (one !== undefined) expect(one).toEqual(copyOf(one.address, one.version))
      history.push({ key: KEYS[i] ?? '', from, to, version: one === undefined ? '' : versionText(one.version) })
    }
  }
}

/**
 * In real time: whatever begins after something has ended sees at least what that one has seen or brought, and a version is
 * stored once. So the value at the store only ever grew.
 */
function checkHistory(history: readonly Seen[]): void {
  const ended = history.toSorted((a, b) => a.to - b.to)
  let at = 0
  let least = ''
  for (const one of history.toSorted((a, b) => a.from - b.from)) {
    for (let next = ended[at]; next !== undefined && next.to < one.from; next = ended[++at])
      if (next.version > least) least = next.version
    if (one.outcome === undefined && one.version < least)
      throw new Error(`a read of ${one.key} went back: it saw ${one.version} although ${least} had been there`)
    if (one.outcome === 'stored' && one.version <= least)
      throw new Error(`${one.version} of ${one.key} was stored over ${least}`)
  }
  const stored = history.filter(({ outcome }) => outcome === 'stored').map(({ version }) => version)
  expect(new Set(stored).size).toBe(stored.length)
}

function batchOf(r: Random): Copy[] {
  const version = (): Version => {
    const zombie = r.chance(0.2)
    const epoch = zombie ? 0 : r.int(0, 2)
    return { epoch, mark: 1_000 * r.int(0, zombie ? 3 : 6), seq: r.int(0, 30), revision: r.int(1, 2) }
  }
  return Array.from({ length: r.int(1, 6) }, () => copyOf(entityAt(r.pick(KEYS)), version()))
}

export function shuffled<T>(items: readonly T[], r: Random): T[] {
  return items
    .map((item) => ({ item, at: r.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
