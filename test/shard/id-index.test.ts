import { expect, test } from 'vitest'
import { IdIndex } from '../../src/shard/id-index.ts'
import { IdRun, writeRun } from '../../src/shard/id-run.ts'
import { IdTable } from '../../src/shard/id-table.ts'
import { type BlobKind, MemoryStorage } from '../../src/shard/index.ts'
import { murmur128 } from '../../src/util/murmur3.ts'
import { forSeeds, type Random, random } from '../support/random.ts'

const SIZES = { tableIds: 16, mergeRuns: 4 }

const hashOf = (text: string): Uint32Array => {
  const words = new Uint32Array(4)
  murmur128(text, words)
  return words
}

interface Known {
  readonly payload: number
  readonly arrivalMs: number
  /** The batch it came in: the row of the journal that has it. */
  readonly row: number
}

/** An index, and beside it a plain map of what it must know. */
class Model {
  readonly known = new Map<string, Known>()
  readonly storage = new MemoryStorage()
  index: IdIndex
  row = 0
  nowMs = 1_000
  private readonly horizonMs: number

  constructor(horizonMs: number) {
    this.horizonMs = horizonMs
    this.index = new IdIndex(this.storage, horizonMs, SIZES)
  }

  add(text: string, payload: number): void {
    this.known.set(text, { payload, arrivalMs: this.nowMs, row: this.row })
    this.index.add(hashOf(text), payload, this.nowMs, this.row)
  }

  /** The end of a batch, as the shard has it. */
  commit(): void {
    this.storage.transaction(() => {
      if (this.index.isFull) this.index.save(this.nowMs)
      else this.index.step(0)
    })
    this.row++
  }

  /** A new process: what no run has comes again from the journal, and more of it than needed. */
  restart(r: Random): void {
    const since = Math.max(0, (this.index.oldestUnsaved ?? this.row) - r.int(0, 3))
    this.index = new IdIndex(this.storage, this.horizonMs, SIZES)
    for (const [text, { payload, arrivalMs, row }] of this.known) {
      if (row < since) continue
      const hash = hashOf(text)
      if (this.index.check(hash, payload) === 'new') this.index.add(hash, payload, arrivalMs, row)
    }
  }
}

test('ids are new, duplicate or in conflict as a plain map says, across tables, runs, merges and restarts', () => {
  forSeeds(60, (r) => {
    const model = new Model(Number.POSITIVE_INFINITY)
    for (let batch = 0; batch < 300; batch++) {
      for (let i = r.int(0, 12); i > 0; i--) {
        const text = `id-${r.int(0, 2_000)}`
        const payload = r.int(0, 1)
        const known = model.known.get(text)
        const verdict = model.index.check(hashOf(text), payload)
        expect(verdict).toBe(known === undefined ? 'new' : known.payload === payload ? 'duplicate' : 'conflict')
        if (verdict === 'new') model.add(text, payload)
      }
      model.commit()
      if (r.chance(0.02)) model.restart(r)
    }
    expect(model.index.size).toBe(model.known.size)
    for (const [text, { payload }] of model.known) {
      expect(model.index.check(hashOf(text), payload)).toBe('duplicate')
      expect(model.index.check(hashOf(text), payload + 1)).toBe('conflict')
    }
  })
})

test('an id is remembered for the horizon, and forgotten with its run once all of the run is older', () => {
  forSeeds(30, (r) => {
    const horizonMs = 10_000
    const model = new Model(horizonMs)
    for (let batch = 0; batch < 600; batch++) {
      model.nowMs += r.int(0, 200)
      for (let i = r.int(0, 10); i > 0; i--) model.add(`id-${model.known.size}`, 7)
      model.commit()
      if (r.chance(0.02)) model.restart(r)
    }
    let forgotten = 0
    for (const [text, { arrivalMs }] of model.known) {
      const verdict = model.index.check(hashOf(text), 7)
      if (arrivalMs >= model.nowMs - horizonMs) expect(verdict).toBe('duplicate')
      else if (verdict === 'new') forgotten++
    }
    // The oldest in a merged run of 16 tables waits for the newest in it.
    expect(forgotten).toBeGreaterThan(model.known.size / 2)
  })
})

test('merges that restarts cut off leave no blob behind', () => {
  forSeeds(20, (r) => {
    const model = new Model(Number.POSITIVE_INFINITY)
    for (let batch = 0; batch < 1_000; batch++) {
      for (let i = r.int(0, 8); i > 0; i--) model.add(`id-${model.known.size}`, 7)
      model.commit()
      if (r.chance(0.03)) model.restart(r)
    }
    // Merges under way are done by now, and what is listed is all that is stored.
    for (let i = 0; i < 100; i++) model.commit()
    const listed = new Set(
      (JSON.parse(model.storage.readMeta('ids') ?? '[]') as number[][]).map(([id]) => id as number),
    )
    const stored = Array.from({ length: 2_000 }, (_, id) => id).filter((id) =>
      Array.from({ length: 64 }, (_, part) => model.storage.readBlob('ids', id * 64 + part)).some(Boolean),
    )
    expect(stored.filter((id) => !listed.has(id)).length).toBeLessThanOrEqual(1)
  })
})

test('a table finds what it holds under collisions, sorts by hash, and refuses to grow past its bound', () => {
  const table = new IdTable(8)
  // All share the first word, so all fall on one slot; and differ in one of the others, also in its top bit.
  const ids = Array.from({ length: 16 }, (_, i) => Uint32Array.of(5, i % 2 ? 0xffff_ffff : 1, i, 0x8000_0000 + i))
  ids.forEach((id, i) => table.add(id, i, 100 - i))
  ids.forEach((id, i) => expect(table.find(id)).toBe(i))
  expect(table.find(Uint32Array.of(5, 1, 1, 0))).toBeUndefined()
  expect(table.newestMs).toBe(100)
  const sorted = table.sorted()
  const rows = Array.from({ length: 16 }, (_, i) => [...sorted.slice(i * 5, i * 5 + 4)])
  expect(rows).toEqual([...rows].sort((a, b) => a.map((word, i) => word - (b[i] as number)).find((d) => d !== 0) ?? 0))
  expect(table.isCrowded).toBe(true)
  expect(() => table.add(Uint32Array.of(1, 1, 1, 1), 0, 0)).toThrow('over its bound')
})

/** Counts what is read. */
class CountingStorage extends MemoryStorage {
  reads = 0
  override readBlob(kind: BlobKind, id: number): Uint8Array | undefined {
    this.reads++
    return super.readBlob(kind, id)
  }
}

test('a run has all of its ids after a reopening, and its filter lets about 1 new id in 25,000 through', () => {
  const r = random(9)
  const storage = new CountingStorage()
  const table = new IdTable(16_384)
  const salt = r.int(0, 1e9)
  for (let i = 0; i < 16_384; i++) table.add(hashOf(`${salt}-${i}`), i, 1)
  writeRun(storage, 3, 0, table.sorted(), 1)
  const run = IdRun.open(storage, 3, 0, 16_384, 1)
  for (let i = 0; i < 16_384; i++) expect(run.find(hashOf(`${salt}-${i}`))).toBe(i)
  storage.reads = 0
  const asked = 400_000
  for (let i = 0; i < asked; i++) expect(run.find(hashOf(`new-${salt}-${i}`))).toBeUndefined()
  // 16 are expected of 24 bits and 8 probes; five standard deviations either way, and the seed is fixed.
  expect(storage.reads).toBeGreaterThan(0)
  expect(storage.reads).toBeLessThan(36)
  run.delete()
  expect(() => IdRun.open(storage, 3, 0, 16_384, 1)).toThrow('filter of id run 3 is missing')
})
