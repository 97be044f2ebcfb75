import { expect } from 'vitest'
import { type Copy, type CopyAddress, isCopy, type OnlineStore, type Version } from '../../src/online/index.ts'
import { checksum32 } from '../../src/util/checksum.ts'
import type { Random } from '../support/random.ts'

/** A store to be tested, empty, and what can be done to it from outside. */
export interface StoreUnderTest {
  readonly store: OnlineStore
  /** Another client of the same data: another process, another isolate. */
  another(): OnlineStore
  /** Lets time pass for a store that paces its writes or answers from caches. */
  later(ms: number): void
  /** Puts something at the place of a copy that the store would not put there. */
  plant(what: Plant, copy: Copy): Promise<void>
}

/**
 * `foreign`: what another tool might have written. `newer`: the copy, in a format that comes after ours. `corrupt`: one byte of
 * its body is another. `misplaced`: a copy of another address. `otherType`: no text at all, where a store has types.
 */
export type Plant = 'foreign' | 'newer' | 'corrupt' | 'misplaced' | 'otherType'

export type StoreCase = readonly [behaviour: string, check: (under: StoreUnderTest, r: Random) => Promise<void>]

export const entityAt = (key: string, rest: Partial<CopyAddress> = {}): CopyAddress => ({
  kind: 'entity',
  entity: 'user',
  region: 'east',
  place: 0,
  key,
  ...rest,
})

const FIRST: Version = { epoch: 0, mark: 1_000, seq: 5, revision: 1 }

/** A copy whose body says its version, so that a body that is another's is noticed. */
export function copyOf(address: CopyAddress, version: Partial<Version> = {}, length = 40): Copy {
  const whole = { ...FIRST, ...version }
  const text = `${whole.epoch} ${whole.mark} ${whole.seq} ${whole.revision} ${address.key}`
  const body = new Uint8Array(length).map((_, i) => text.charCodeAt(i % text.length) + i)
  return { address, version: whole, atMs: 1_700_000_000_000 + (whole.seq % 1_000), body }
}

const HARD_KEYS = [
  '',
  ' ',
  'u1',
  'U1',
  'u1 ',
  '.',
  '..',
  'a/b',
  'a/b/c',
  '#',
  '#u1',
  'a\u0000b',
  'a\u0000c',
  'line\nline',
  '"quoted\' `key`',
  '100% \\ & ?x=1',
  'constructor',
  '__proto__',
  'k\u00e9y',
  'ke\u0301y',
  '\u{1f600}\u{1f601}',
  '\ud800',
  '\udfff',
  '\u6570\u636e',
  'x'.repeat(127),
  'x'.repeat(128),
  'x'.repeat(129),
  `${'x'.repeat(511)}y`,
  `${'x'.repeat(511)}z`,
  '\u20ac'.repeat(128),
  '\u20ac'.repeat(512),
  '\u{1f600}'.repeat(256),
]

/** Pairs of versions, the lesser one first, and what each is in the life of an entity. */
const ORDERED: readonly (readonly [what: string, lesser: Partial<Version>, greater: Partial<Version>])[] = [
  ['the next commit', { mark: 1_000, seq: 5 }, { mark: 2_000, seq: 6 }],
  ['a late correction: the mark stays, seq rises', { mark: 2_000, seq: 6 }, { mark: 2_000, seq: 7 }],
  ['a newer definition of the same commit', { seq: 7, revision: 1 }, { seq: 7, revision: 2 }],
  ['a writer that slept: its mark is behind, whatever its revision', { mark: 10, revision: 9 }, { mark: 11 }],
  ['a restore: a new epoch, with less in it', { epoch: 0, mark: 9_000, seq: 90 }, { epoch: 1, mark: 5, seq: 1 }],
  ['marks and commits beyond 32 bits', { mark: 2 ** 52, seq: 2 ** 52 }, { mark: 2 ** 52, seq: 2 ** 53 - 1 }],
  ['digits of different length', { mark: 9 }, { mark: 10 }],
]

/** What every online store does. */
export const storeConformance: readonly StoreCase[] = [
  [
    'what was put is read as it was, and nothing where nothing is',
    async ({ store }, r) => {
      const bytes = (length: number) => Uint8Array.from({ length }, () => r.int(0, 255))
      const copies = [0, 1, 2, 3, 1_000, 20_000].map((length, i) => ({
        ...copyOf(entityAt(`k${i}`, { place: i })),
        body: bytes(length),
      }))
      const head: Copy = { ...copyOf(entityAt('', { kind: 'head', place: 3 })), body: bytes(300) }
      expect(await store.put([...copies, head])).toEqual([...copies, head].map(() => 'stored'))
      expect(await store.get([...copies, head].map(({ address }) => address))).toEqual([...copies, head])
      expect(await store.get([entityAt('nobody')])).toEqual([undefined])
      expect(await store.get([])).toEqual([])
      expect(await store.put([])).toEqual([])
    },
  ],
  [
    'answers are in the order of what was asked, also for one address twice',
    async ({ store, another }) => {
      const copies = Array.from({ length: 250 }, (_, i) => copyOf(entityAt(`k${i}`), { seq: i }))
      await store.put(copies)
      const asked = [...copies.toReversed(), ...copies.slice(0, 3)]
      expect(await another().get(asked.map(({ address }) => address))).toEqual(asked)
    },
  ],
  ...ORDERED.map(
    ([what, lesser, greater]): StoreCase => [
      `the greater version stays: ${what}`,
      async (under) => {
        const [older, newer] = [copyOf(entityAt('k'), lesser), copyOf(entityAt('k'), greater)]
        expect(await under.store.put([older])).toEqual(['stored'])
        under.later(1_000)
        expect(await under.store.put([newer])).toEqual(['stored'])
        under.later(1_000)
        if (older.version.epoch === newer.version.epoch || under.store.flags.cas)
          expect(await under.store.put([older, newer])).toEqual(['older', 'older'])
        under.later(under.store.flags.staleMs)
        expect(await under.another().get([older.address])).toEqual([newer])
      },
    ],
  ),
  [
    'of several copies of one address in a call the greatest stays',
    async ({ store }, r) => {
      const seqs = [3, 9, 1, 9, 4].map((seq) => ({ seq, at: r.next() }))
      await store.put(seqs.toSorted((a, b) => a.at - b.at).map(({ seq }) => copyOf(entityAt('k'), { seq })))
      expect(await store.get([entityAt('k')])).toEqual([copyOf(entityAt('k'), { seq: 9 })])
    },
  ],
  [
    'an erasure is a copy without a body, which stays',
    async (under) => {
      const lived = copyOf(entityAt('k'), { seq: 5 })
      const erased = { ...copyOf(entityAt('k'), { seq: 6 }), body: new Uint8Array() }
      await under.store.put([lived])
      under.later(1_000)
      expect(await under.store.put([erased])).toEqual(['stored'])
      expect(await under.store.put([lived])).toEqual(['older'])
      under.later(under.store.flags.staleMs)
      expect(await under.store.get([erased.address])).toEqual([erased])
    },
  ],
  [
    'every part of an address counts',
    async ({ store }) => {
      const addresses = [
        entityAt('k'),
        entityAt('k', { kind: 'head' }),
        entityAt('k', { entity: 'user2' }),
        entityAt('k', { region: 'west' }),
        entityAt('k', { place: 1 }),
        entityAt('0/k', { region: 'east/0' }),
      ]
      const copies = addresses.map((address, i) => copyOf(address, { seq: i + 1 }))
      expect(await store.put(copies)).toEqual(copies.map(() => 'stored'))
      expect(await store.get(addresses)).toEqual(copies)
    },
  ],
  [
    'any text is a key, and no two are one',
    async ({ store, another }) => {
      const copies = HARD_KEYS.map((key, i) => copyOf(entityAt(key), { seq: i + 1 }))
      expect(await store.put(copies)).toEqual(copies.map(() => 'stored'))
      expect(await another().get(copies.map(({ address }) => address))).toEqual(copies)
    },
  ],
  [
    'a body that is too large is refused, and the others are stored',
    async ({ store }) => {
      const { maxBodyBytes } = store.flags
      const large = { ...copyOf(entityAt('large')), body: new Uint8Array(maxBodyBytes + 1) }
      const [first, refused, last] = await store.put([copyOf(entityAt('a')), large, copyOf(entityAt('b'))])
      expect([first, last]).toEqual(['stored', 'stored'])
      expect(refused).toEqual({ refused: expect.stringContaining(String(maxBodyBytes)) })
      expect(await store.get([large.address])).toEqual([undefined])
    },
  ],
  [
    'bodies of a megabyte are taken, several in one call',
    async ({ store }) => {
      const copies = ['a', 'b', 'c'].map((key) => copyOf(entityAt(key), {}, 1_000_000))
      expect(await store.put(copies)).toEqual(['stored', 'stored', 'stored'])
      const read = await store.get(copies.map(({ address }) => address))
      // By checksum: vitest takes seconds to compare a megabyte by its elements.
      expect(read.map((one) => isCopy(one) && checksum32(one.body))).toEqual(copies.map(({ body }) => checksum32(body)))
    },
  ],
  [
    'a call of the greatest size is taken, and one more is a RangeError',
    async ({ store }) => {
      const count = Math.min(store.flags.maxPuts, 1_000)
      const copies = Array.from({ length: count }, (_, i) => copyOf(entityAt(`k${i}`), { seq: i }, 4))
      expect(await store.put(copies)).toEqual(copies.map(() => 'stored'))
      const { maxPuts, maxGets } = store.flags
      await expect(store.put(Array.from({ length: maxPuts + 1 }, () => copyOf(entityAt('k'))))).rejects.toThrow(
        RangeError,
      )
      await expect(store.get(Array.from({ length: maxGets + 1 }, () => entityAt('k')))).rejects.toThrow(RangeError)
    },
  ],
  ...(['foreign', 'newer', 'corrupt', 'misplaced'] as const).map(
    (what): StoreCase => [
      `what is ${what} is passed over by name, and the rest is read`,
      async ({ store, plant }) => {
        const [odd, right] = [copyOf(entityAt('odd')), copyOf(entityAt('right'))]
        await store.put([right])
        await plant(what, odd)
        const [passed, read] = await store.get([odd.address, right.address])
        expect(read).toEqual(right)
        expect(passed).toEqual({ passedOver: expect.stringContaining('entity/user/east/0/odd') })
      },
    ],
  ),
  [
    'what it was asked is counted',
    async ({ store }) => {
      const before = { ...store.operations }
      await store.put([copyOf(entityAt('a')), copyOf(entityAt('b'))])
      await store.get([entityAt('a'), entityAt('b')])
      expect(store.operations.writes).toBeGreaterThan(before.writes)
      expect(store.operations.reads).toBeGreaterThan(before.reads)
      expect(store.operations.requests - before.requests).toBeGreaterThanOrEqual(2)
    },
  ],
]

/** What stores with the flag `cas` do besides. */
export const casConformance: readonly StoreCase[] = [
  [
    'of two clients with shuffled copies the greatest stay',
    async ({ store, another }, r) => {
      const other = another()
      const copies = Array.from({ length: 60 }, (_, i) => copyOf(entityAt(`k${i % 6}`), { seq: r.int(0, 20) }))
      await Promise.all(copies.map((copy) => (r.chance(0.5) ? store : other).put([copy])))
      for (let k = 0; k < 6; k++) {
        const seq = Math.max(...copies.filter(({ address }) => address.key === `k${k}`).map((copy) => copy.version.seq))
        expect(await store.get([entityAt(`k${k}`)])).toEqual([copyOf(entityAt(`k${k}`), { seq })])
      }
    },
  ],
  ...(['foreign', 'otherType'] as const).map(
    (what): StoreCase => [
      `what is ${what} is not written over: refused by name, and the rest is stored`,
      async ({ store, plant }) => {
        const [odd, right] = [copyOf(entityAt('odd')), copyOf(entityAt('right'))]
        await plant(what, odd)
        const [refused, stored] = await store.put([odd, right])
        expect(stored).toBe('stored')
        expect(refused).toEqual({ refused: expect.stringContaining('entity/user/east/0/odd') })
        const [found] = await store.get([odd.address])
        expect(isCopy(found)).toBe(false)
      },
    ],
  ),
  [
    'a copy that is damaged is replaced by a greater one',
    async ({ store, plant }) => {
      await plant('corrupt', copyOf(entityAt('k'), { seq: 5 }))
      expect(await store.put([copyOf(entityAt('k'), { seq: 6 })])).toEqual(['stored'])
      expect(await store.get([entityAt('k')])).toEqual([copyOf(entityAt('k'), { seq: 6 })])
    },
  ],
]
