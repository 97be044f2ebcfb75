import { expect } from 'vitest'
import type { ObjectStore } from '../../src/offline/index.ts'
import type { Random } from '../support/random.ts'

/** A store of objects to be tested, empty, and another client of the same objects. */
export interface ObjectsUnderTest {
  readonly store: ObjectStore
  readonly another: ObjectStore
}

export type ObjectsCase = readonly [
  behaviour: string,
  check: (under: ObjectsUnderTest, r: Random) => void | Promise<void>,
]

const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes)
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const randomBytes = (r: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => r.int(0, 255))

/** As a log names its files. */
const HARD_KEYS = [
  'log/v1/source=clicks/entity=user/region=weur/day=2026-11-21/1-2.parquet',
  'a/with space/percent%25/plus+and&/question?hash#',
  'umlaut-ä/日本/😀',
  'quote\'and"double',
  'name.with.dots..parquet',
  'a/b',
  'a/b.c',
  'a/b0',
  'a-b',
  'A/B-upper',
]

/** What every store of objects does. */
export const objectsCases: readonly ObjectsCase[] = [
  [
    'what is put is read, byte for byte, also by another client, under names of all kinds',
    async ({ store, another }, r) => {
      for (const key of HARD_KEYS) {
        if (HARD_KEYS.some((other) => key.startsWith(`${other}/`))) continue
        const bytes = randomBytes(r, r.int(0, 2_000))
        expect(await store.put(key, bytes)).toBe(true)
        const found = await another.get(key)
        expect(found && Buffer.from(found.bytes).equals(Buffer.from(bytes)), key).toBe(true)
      }
      const listed = await another.list('')
      expect(listed.map(({ key }) => key)).toEqual(HARD_KEYS.toSorted((a, b) => (a < b ? -1 : 1)))
    },
  ],
  [
    'an empty object is one, with no bytes',
    async ({ store }) => {
      await store.put('empty', new Uint8Array())
      expect((await store.get('empty'))?.bytes.length).toBe(0)
      expect(await store.list('')).toMatchObject([{ key: 'empty', bytes: 0 }])
    },
  ],
  [
    'all 256 bytes come back as they were, and so do 3 MB',
    async ({ store }, r) => {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      await store.put('all', all)
      expect((await store.get('all'))?.bytes).toEqual(all)
      const pattern = randomBytes(r, 4093)
      const large = Uint8Array.from({ length: 3_000_000 }, (_, i) => pattern[i % pattern.length] ?? 0)
      await store.put('large', large)
      const found = (await store.get('large'))?.bytes ?? new Uint8Array()
      expect(Buffer.from(found).equals(Buffer.from(large))).toBe(true)
    },
  ],
  [
    'of what is not there nothing is read, listed or deleted, and a folder is no object',
    async ({ store }) => {
      expect(await store.get('none')).toBeUndefined()
      expect(await store.get('none/of/these')).toBeUndefined()
      expect(await store.list('none')).toEqual([])
      await store.delete(['none', 'none/of/these'])
      await store.delete([])
      await store.put('folder/file', bytesOf('1'))
      expect(await store.get('folder')).toBeUndefined()
      await store.delete(['folder'])
      expect(textOf((await store.get('folder/file'))?.bytes)).toBe('1')
    },
  ],
  [
    'the etag changes with the object, and is the same for the same read',
    async ({ store, another }) => {
      await store.put('k', bytesOf('one'))
      const first = await store.get('k')
      expect((await another.get('k'))?.etag).toBe(first?.etag)
      await another.put('k', bytesOf('two'))
      expect((await store.get('k'))?.etag).not.toBe(first?.etag)
    },
  ],
  [
    'a put that expects nothing makes the object, and refuses one that is there',
    async ({ store, another }) => {
      expect(await store.put('deep/er/k', bytesOf('one'), { etag: null })).toBe(true)
      expect(await another.put('deep/er/k', bytesOf('two'), { etag: null })).toBe(false)
      expect(textOf((await store.get('deep/er/k'))?.bytes)).toBe('one')
      await store.delete(['deep/er/k'])
      expect(await another.put('deep/er/k', bytesOf('three'), { etag: null })).toBe(true)
    },
  ],
  [
    'a put over what was read is taken once: not over a newer one, not over none',
    async ({ store, another }) => {
      await store.put('k', bytesOf('one'))
      const etag = (await another.get('k'))?.etag ?? ''
      expect(await store.put('k', bytesOf('two'), { etag })).toBe(true)
      expect(await another.put('k', bytesOf('lost'), { etag })).toBe(false)
      expect(textOf((await store.get('k'))?.bytes)).toBe('two')
      const current = (await store.get('k'))?.etag ?? ''
      await store.delete(['k'])
      expect(await store.put('k', bytesOf('zombie'), { etag: current })).toBe(false)
      expect(await store.get('k')).toBeUndefined()
    },
  ],
  [
    'of many that add to one object at once, none is lost',
    async ({ store, another }) => {
      const writers = 8
      const adds = 3
      const add = async (mine: ObjectStore, what: string): Promise<void> => {
        for (;;) {
          const found = await mine.get('list')
          const next = [...(found ? (textOf(found.bytes) ?? '').split(',') : []), what].join(',')
          if (await mine.put('list', bytesOf(next), { etag: found?.etag ?? null })) return
        }
      }
      await Promise.all(
        Array.from({ length: writers }, async (_, w) => {
          for (let i = 0; i < adds; i++) await add(w % 2 === 0 ? store : another, `${w}.${i}`)
        }),
      )
      const all = (textOf((await store.get('list'))?.bytes) ?? '').split(',')
      expect(all.length).toBe(writers * adds)
      expect(new Set(all).size).toBe(writers * adds)
    },
  ],
  [
    'of many that make one object at once, one does',
    async ({ store, another }) => {
      const made = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 2 === 0 ? store : another).put('one', bytesOf(String(i)), { etag: null }),
        ),
      )
      expect(made.filter(Boolean).length).toBe(1)
      expect(textOf((await store.get('one'))?.bytes)).toBe(String(made.indexOf(true)))
    },
  ],
  [
    'a reader sees the one object or the other, whole, while they are written over each other',
    async ({ store, another }) => {
      const sizes = [400_000, 900_000]
      const bodies = sizes.map((length, i) => new Uint8Array(length).fill(i + 1))
      await store.put('torn', bodies[0] ?? new Uint8Array())
      let isOver = false
      const writing = (async () => {
        for (let i = 1; i <= 12; i++) await store.put('torn', bodies[i % 2] ?? new Uint8Array())
        isOver = true
      })()
      while (!isOver) {
        const bytes = (await another.get('torn'))?.bytes ?? new Uint8Array()
        const kind = (bytes[0] ?? 0) - 1
        expect(bytes.length).toBe(sizes[kind])
        expect(bytes.every((byte) => byte === kind + 1)).toBe(true)
        expect((await another.list('torn')).map(({ key }) => key)).toEqual(['torn'])
      }
      await writing
    },
  ],
  [
    'a prefix lists what begins with it, in order, beyond 1,000 keys and over folders, and many are deleted at once',
    async ({ store, another }) => {
      const keys = Array.from({ length: 1_050 }, (_, i) => `p/day=${i % 7}/${String(i).padStart(4, '0')}.parquet`)
      for (let at = 0; at < keys.length; at += 50)
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, bytesOf(key))))
      await store.put('p/day=1.json', bytesOf('x'))
      await store.put('q/other', bytesOf('x'))
      const all = [...keys, 'p/day=1.json'].sort()
      const listed = await another.list('p/')
      expect(listed.map(({ key }) => key)).toEqual(all)
      expect(listed.every(({ key, bytes }) => key === 'p/day=1.json' || bytes === key.length)).toBe(true)
      const part = await another.list('p/day=1')
      expect(part.map(({ key }) => key)).toEqual(all.filter((key) => key.startsWith('p/day=1')))
      expect((await another.list('p/day=3/00')).map(({ key }) => key)).toEqual(
        all.filter((key) => key.startsWith('p/day=3/00')),
      )
      await another.delete([...keys, 'not/there'])
      expect((await store.list('')).map(({ key }) => key)).toEqual(['p/day=1.json', 'q/other'])
    },
  ],
  [
    'what was put stays as it was when the bytes that were handed over change',
    async ({ store }) => {
      const bytes = bytesOf('mine')
      await store.put('k', bytes)
      bytes.fill(0)
      expect(textOf((await store.get('k'))?.bytes)).toBe('mine')
    },
  ],
]
