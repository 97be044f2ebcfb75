import { checksum32 } from '../util/checksum.ts'
import { compareIds, ENTRY_WORDS } from './id-table.ts'
import type { ShardStorage } from './storage.ts'

/** A run is cut into this many blobs by the first bits of the id, so that a lookup or a merge step reads one of them. */
export const RUN_PARTS = 64
const PART_SHIFT = 32 - Math.log2(RUN_PARTS)
/** Bits of Bloom filter an id, and probes: one new id in 25,000 a run costs a read of a blob, and a shard has dozens of runs. */
const FILTER_BITS = 24
const FILTER_PROBES = 8
const NO_BYTES = new Uint8Array(0)

/** Ids sorted by hash, on disk; its Bloom filter in memory. */
export class IdRun {
  private readonly storage: ShardStorage
  readonly id: number
  /** 0 when written from the table; a merge of runs is one higher. */
  readonly tier: number
  readonly count: number
  /** Arrival of its newest id, ms: the run is forgotten when that is beyond the horizon. */
  readonly newestMs: number
  private readonly filter: Uint32Array
  private knownSum: number | undefined

  constructor(storage: ShardStorage, id: number, tier: number, count: number, newestMs: number, filter: Uint32Array) {
    this.storage = storage
    this.id = id
    this.tier = tier
    this.count = count
    this.newestMs = newestMs
    this.filter = filter
  }

  static open(storage: ShardStorage, id: number, tier: number, count: number, newestMs: number): IdRun {
    const bytes = storage.readBlob('filter', id)
    if (bytes === undefined) throw new Error(`the filter of id run ${id} is missing`)
    return new IdRun(storage, id, tier, count, newestMs, toWords(bytes))
  }

  /** A run whose parts were written one by one, with its filter made anew from them. */
  static assembled(storage: ShardStorage, id: number, tier: number, count: number, newestMs: number): IdRun {
    const run = new IdRun(storage, id, tier, count, newestMs, newFilter(count))
    for (let part = 0; part < RUN_PARTS; part++) {
      const entries = run.readPart(part)
      for (let at = 0; at < entries.length; at += ENTRY_WORDS) insert(run.filter, entries, at)
    }
    run.saveFilter()
    return run
  }

  /** Tells its content from that of another run which had its number before. */
  get sum(): number {
    this.knownSum ??= checksum32(toBytes(this.filter))
    return this.knownSum
  }

  /** The bytes of one part, for another shard that takes the run over. */
  partBytes(part: number): Uint8Array {
    return this.storage.readBlob('ids', this.id * RUN_PARTS + part) ?? NO_BYTES
  }

  /** A run, empty so far, with room for all ids of others. */
  static merged(storage: ShardStorage, id: number, tier: number, from: readonly IdRun[]): IdRun {
    const count = from.reduce((sum, run) => sum + run.count, 0)
    return new IdRun(storage, id, tier, count, Math.max(...from.map((run) => run.newestMs)), newFilter(count))
  }

  /** The payload hash of an id, or undefined. */
  find(id: Uint32Array): number | undefined {
    if (!mayContain(this.filter, id, 0)) return undefined
    const entries = this.readPart((id[0] as number) >>> PART_SHIFT)
    let low = 0
    let high = entries.length / ENTRY_WORDS
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareIds(entries, middle * ENTRY_WORDS, id, 0)
      if (order === 0) return entries[middle * ENTRY_WORDS + 4]
      if (order < 0) low = middle + 1
      else high = middle
    }
    return undefined
  }

  readPart(part: number): Uint32Array {
    const bytes = this.storage.readBlob('ids', this.id * RUN_PARTS + part)
    return bytes === undefined ? new Uint32Array(0) : toWords(bytes)
  }

  writePart(part: number, entries: Uint32Array): void {
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) insert(this.filter, entries, at)
    const blob = this.id * RUN_PARTS + part
    // A merge that a crash cut off may have left a blob of this number.
    if (entries.length === 0) this.storage.deleteBlob('ids', blob)
    else this.storage.writeBlob('ids', blob, toBytes(entries))
  }

  saveFilter(): void {
    this.storage.writeBlob('filter', this.id, toBytes(this.filter))
  }

  delete(): void {
    for (let part = 0; part < RUN_PARTS; part++) this.storage.deleteBlob('ids', this.id * RUN_PARTS + part)
    this.storage.deleteBlob('filter', this.id)
  }
}

/** Writes sorted entries as a run. */
export function writeRun(
  storage: ShardStorage,
  id: number,
  tier: number,
  sorted: Uint32Array,
  newestMs: number,
): IdRun {
  const count = sorted.length / ENTRY_WORDS
  const run = new IdRun(storage, id, tier, count, newestMs, newFilter(count))
  let from = 0
  for (let part = 0; part < RUN_PARTS; part++) {
    let to = from
    while (to < count && (sorted[to * ENTRY_WORDS] as number) >>> PART_SHIFT === part) to++
    run.writePart(part, sorted.slice(from * ENTRY_WORDS, to * ENTRY_WORDS))
    from = to
  }
  run.saveFilter()
  return run
}

/** Merges one part of several runs into a part of another. */
export function mergeRuns(from: readonly IdRun[], into: IdRun, part: number): void {
  const lists = from.map((run) => run.readPart(part)).filter((entries) => entries.length > 0)
  const places = lists.map(() => 0)
  const out = new Uint32Array(lists.reduce((sum, entries) => sum + entries.length, 0))
  for (let at = 0; at < out.length; at += ENTRY_WORDS) {
    let least = -1
    for (let i = 0; i < lists.length; i++) {
      if ((places[i] as number) >= (lists[i] as Uint32Array).length) continue
      if (
        least < 0 ||
        compareIds(lists[i] as Uint32Array, places[i] as number, lists[least] as Uint32Array, places[least] as number) <
          0
      )
        least = i
    }
    const place = places[least] as number
    out.set((lists[least] as Uint32Array).subarray(place, place + ENTRY_WORDS), at)
    places[least] = place + ENTRY_WORDS
  }
  into.writePart(part, out)
}

function newFilter(count: number): Uint32Array {
  return new Uint32Array(Math.max(1, Math.ceil((count * FILTER_BITS) / 32)))
}

/** The id is itself a good hash: its words give the probes (Kirsch and Mitzenmacher, "Less Hashing, Same Performance"). */
function insert(filter: Uint32Array, entries: Uint32Array, at: number): void {
  const bits = filter.length * 32
  let hash = entries[at + 1] as number
  for (let i = 0; i < FILTER_PROBES; i++) {
    const bit = hash % bits
    const word = bit >>> 5
    filter[word] = (filter[word] as number) | (1 << (bit & 31))
    hash = (hash + (entries[at + 2] as number)) >>> 0
  }
}

function mayContain(filter: Uint32Array, id: Uint32Array, at: number): boolean {
  const bits = filter.length * 32
  let hash = id[at + 1] as number
  for (let i = 0; i < FILTER_PROBES; i++) {
    const bit = hash % bits
    if (((filter[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
    hash = (hash + (id[at + 2] as number)) >>> 0
  }
  return true
}

/** Little-endian on every host that runs this; a copy, since stored bytes may not be aligned. */
function toWords(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer)
}

function toBytes(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
