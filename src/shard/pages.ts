import { hashKey } from '../plan/index.ts'
import { ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import { avalanche32 } from '../util/murmur3.ts'
import { Cell } from './cell.ts'
import type { ShardStorage } from './storage.ts'

const PAGE_VERSION = 1
/** A page that grew beyond this makes the table of pages grow by one: small pages are cheap to save. */
const SPLIT_BYTES = 32 * 1024
/** With more pages than this they are let grow in proportion, since every page is saved once a turn of the journal's ring. */
const CHEAP_PAGES = 512
const INITIAL_BITS = 4
/**
 * Pages in memory beyond this are let go, least recently used first. 128 MB is the limit of an isolate, which may hold several
 * shards: decoded states (12 MB), Bloom filters, ids (1 MB) and the batch at hand come on top of this.
 */
export const DEFAULT_MEMORY_BYTES = 48 * 1024 * 1024
/** A cell's object, its two array views and its place in the map, measured; the payload comes on top. */
const CELL_OVERHEAD_BYTES = 600
const CHECK_BYTES = 4
const SAMPLED_PAGES = 16
const writer = new ByteWriter()

interface Page {
  readonly id: number
  readonly cells: Map<string, Cell>
  /** Commits up to this one are in what the storage has. */
  savedSeq: number
  /** The last commit that changed it, as far as this process knows. */
  changedSeq: number
  /** The journal row of the first change since it was saved, or -1. */
  dirtySince: number
  size: number
  /** The time of its last use, in uses. */
  used: number
}

/** How many pages a shard begins with that takes over one in so many of another's entities: it need not grow to that one by one. */
export function shapeOfChild(pages: number, children: number): string {
  const bits = Math.max(INITIAL_BITS, Math.floor(Math.log2(Math.max(1, pages / children))))
  return `${bits}/0`
}

/**
 * The cells of a shard, in pages by hash of the entity key. The number of pages grows one by one as they fill (linear
 * hashing: Litwin, "Linear Hashing: A New Tool for File and Table Addressing", VLDB 1980), so that neither a growing shard
 * nor a checkpoint ever stops to rewrite everything, and no index row is needed.
 */
export class Pages {
  private readonly storage: ShardStorage
  private readonly memoryBytes: number
  private readonly loaded = new Map<number, Page>()
  /** In the order in which they became dirty. */
  private readonly dirty = new Set<Page>()
  private bits: number
  private split: number
  private usedBytes = 0
  private uses = 0
  /** `changedSeq` of pages that are not in memory. */
  private readonly changed = new Map<number, number>()
  /** What was changed up to this commit is not known page by page. */
  private openedAt = 0

  constructor(storage: ShardStorage, memoryBytes: number) {
    this.storage = storage
    this.memoryBytes = memoryBytes
    const [bits, split] = (storage.readMeta('pages') ?? `${INITIAL_BITS}/0`).split('/').map(Number)
    this.bits = bits ?? INITIAL_BITS
    this.split = split ?? 0
  }

  get count(): number {
    return 2 ** this.bits + this.split
  }

  get bytesInMemory(): number {
    return this.usedBytes
  }

  get dirtyCount(): number {
    return this.dirty.size
  }

  private pageOf(keyHash: number): number {
    // Shards are the low bits of the same hash, so it is mixed again: else a shard would use few of its pages.
    const hash = avalanche32(keyHash ^ 0x5bd1e995) >>> 0
    const narrow = hash % 2 ** this.bits
    return narrow < this.split ? hash % 2 ** (this.bits + 1) : narrow
  }

  /** The cell of an entity, or undefined if there is none. `keyHash` is `hashKey(key)`. */
  find(key: string, keyHash: number): Cell | undefined {
    return this.load(this.pageOf(keyHash)).cells.get(key)
  }

  /**
   * Changes the cell of an entity, made if there is none, and marks its page as dirty since this journal row. Does nothing
   * when the saved page already has commit `seq` (a journal row done again).
   */
  change(key: string, keyHash: number, seq: number, journalRow: number, change: (cell: Cell) => void): void {
    const page = this.load(this.pageOf(keyHash))
    if (seq <= page.savedSeq) return
    page.changedSeq = seq
    if (page.dirtySince < 0) {
      page.dirtySince = journalRow
      this.dirty.add(page)
    }
    let cell = page.cells.get(key)
    const before = cell?.size ?? -CELL_OVERHEAD_BYTES
    if (cell === undefined) {
      cell = Cell.empty(key)
      page.cells.set(key, cell)
    }
    change(cell)
    this.resize(page, cell.size - before)
  }

  private resize(page: Page, bytes: number): void {
    page.size += bytes
    this.usedBytes += bytes
  }

  private load(id: number): Page {
    const known = this.loaded.get(id)
    if (known) {
      known.used = ++this.uses
      return known
    }
    const bytes = this.storage.readBlob('page', id)
    const page = bytes ? decodePage(id, bytes) : emptyPage(id)
    page.changedSeq = this.changed.get(id) ?? 0
    page.used = ++this.uses
    this.loaded.set(id, page)
    this.usedBytes += page.size
    return page
  }

  /** The journal row that the oldest unsaved change is in, or undefined when everything is saved. */
  get oldestDirty(): number | undefined {
    for (const page of this.dirty) return page.dirtySince
    return undefined
  }

  /** Saves the page that has been dirty longest. Inside a transaction. `seq`: the last commit that the pages hold. */
  saveOldest(seq: number): void {
    for (const page of this.dirty) {
      const size = this.save(page, seq)
      if (size > SPLIT_BYTES * Math.ceil(this.count / CHEAP_PAGES)) this.grow(seq)
      return
    }
  }

  private save(page: Page, seq: number): number {
    writer.reset()
    writer.u8(PAGE_VERSION)
    writer.varint(seq)
    writer.varint(page.cells.size)
    const starts: number[] = []
    for (const cell of page.cells.values()) {
      starts.push(writer.length)
      cell.encode(writer)
    }
    starts.push(writer.length)
    writer.u32(checksum(writer.peek()))
    const bytes = writer.finish()
    let at = 0
    let size = 0
    for (const cell of page.cells.values()) {
      cell.wasSaved(bytes.subarray(starts[at], starts[++at]))
      size += cell.size + CELL_OVERHEAD_BYTES
    }
    this.resize(page, size - page.size)
    this.storage.writeBlob('page', page.id, bytes)
    page.savedSeq = seq
    page.dirtySince = -1
    this.dirty.delete(page)
    return bytes.length
  }

  /** Adds one page: moves about half of the cells of the next page in turn. Both are saved with the new count, or none. */
  private grow(seq: number): void {
    const from = this.load(this.split)
    this.split++
    if (this.split === 2 ** this.bits) {
      this.bits++
      this.split = 0
    }
    const to = this.load(this.count - 1)
    to.changedSeq = from.changedSeq
    for (const [key, cell] of from.cells) {
      if (this.pageOf(hashKey(key)) === from.id) continue
      from.cells.delete(key)
      to.cells.set(key, cell)
      this.resize(from, -(cell.size + CELL_OVERHEAD_BYTES))
      this.resize(to, cell.size + CELL_OVERHEAD_BYTES)
    }
    this.save(from, seq)
    this.save(to, seq)
    this.storage.writeMeta('pages', `${this.bits}/${this.split}`)
  }

  /** Lets go of saved pages until the budget is kept; dirty ones stay until they are saved. */
  shrink(): void {
    if (this.usedBytes <= this.memoryBytes) return
    const clean = [...this.loaded.values()].filter((page) => page.dirtySince < 0).sort((a, b) => a.used - b.used)
    for (const page of clean) {
      this.unload(page)
      if (this.usedBytes <= this.memoryBytes) return
    }
  }

  /**
   * Keeps the budget where most pages are dirty: what cannot be let go is saved first, oldest first. Inside a transaction.
   * A batch that touches entities all over a shard larger than memory costs about a page an entity, and never the object.
   */
  relieve(seq: number): void {
    this.shrink()
    for (const page of this.dirty) {
      if (this.usedBytes <= this.memoryBytes) return
      this.saveOldest(seq)
      if (page.dirtySince < 0 && this.loaded.has(page.id)) this.unload(page)
    }
  }

  private unload(page: Page): void {
    this.loaded.delete(page.id)
    this.usedBytes -= page.size
    if (page.changedSeq > 0) this.changed.set(page.id, page.changedSeq)
  }

  /** Told once everything that was accepted before this process is here. */
  opened(seq: number): void {
    this.openedAt = seq
  }

  /** The cells of one page, for whoever copies what has changed since a commit; none when the page has not. */
  changedCells(id: number, since: number): Iterable<Cell> {
    const known = this.loaded.get(id)?.changedSeq ?? this.changed.get(id) ?? 0
    return since >= this.openedAt && known <= since ? [] : this.load(id).cells.values()
  }

  /** Takes in the cell of another shard, in place of what it handed over before. Inside a transaction that ends with `saveAll`. */
  put(cell: Cell): void {
    const page = this.load(this.pageOf(hashKey(cell.key)))
    if (page.dirtySince < 0) {
      page.dirtySince = 0
      this.dirty.add(page)
    }
    const before = page.cells.get(cell.key)
    page.cells.set(cell.key, cell)
    this.resize(page, cell.size - (before?.size ?? -CELL_OVERHEAD_BYTES))
  }

  /** Saves every page that this commit changed: nothing else has what it did. Inside a transaction. */
  saveChangedBy(seq: number): void {
    for (const page of [...this.dirty]) {
      if (page.changedSeq !== seq || page.dirtySince < 0) continue
      const size = this.save(page, seq)
      if (size > SPLIT_BYTES * Math.ceil(this.count / CHEAP_PAGES)) this.grow(seq)
    }
  }

  /** Saves every page that is dirty. Inside a transaction. */
  saveAll(seq: number): void {
    while (this.dirty.size > 0) this.saveOldest(seq)
  }

  /** How many cells there are, about: from a few pages. */
  get roughCells(): number {
    const step = Math.max(1, Math.floor(this.count / SAMPLED_PAGES))
    let cells = 0
    let pages = 0
    for (let id = 0; id < this.count; id += step, pages++) cells += this.load(id).cells.size
    this.shrink()
    return Math.round((cells / pages) * this.count)
  }

  /**
   * The keys of one page, undefined behind the last one. Pages only grow in number, and what moves goes to the newest: a walk
   * from 0 until there are no more misses no key.
   */
  keysOf(id: number): readonly string[] | undefined {
    if (id >= this.count) return undefined
    const keys = [...this.load(id).cells.keys()]
    this.shrink()
    return keys
  }

  /** Every cell, page by page, for a full walk (tests, exports). */
  *cells(): IterableIterator<Cell> {
    for (let id = 0; id < this.count; id++) yield* this.load(id).cells.values()
  }
}

const emptyPage = (id: number): Page => ({
  id,
  cells: new Map(),
  savedSeq: 0,
  changedSeq: 0,
  dirtySince: -1,
  size: 0,
  used: 0,
})

function decodePage(id: number, bytes: Uint8Array): Page {
  const body = bytes.subarray(0, bytes.length - CHECK_BYTES)
  const stored = bytes.length > CHECK_BYTES ? new ByteReader(bytes, body.length).u32() : -1
  if (stored !== checksum(body))
    throw new CorruptBytes(`page ${id}: its checksum does not fit: the stored bytes are damaged`)
  const reader = new ByteReader(body)
  const version = reader.u8()
  if (version !== PAGE_VERSION)
    throw new CorruptBytes(`page ${id}: version ${version}; this code reads ${PAGE_VERSION}`)
  const page: Page = { ...emptyPage(id), savedSeq: reader.varint() }
  const count = reader.varint()
  for (let i = 0; i < count; i++) {
    const cell = Cell.decode(reader)
    page.cells.set(cell.key, cell)
    page.size += cell.size + CELL_OVERHEAD_BYTES
  }
  return page
}

/** A word-wise multiplicative hash: finds cut, flipped and swapped bytes at a few GB/s; nothing adversarial. */
export function checksum(bytes: Uint8Array): number {
  let hash = bytes.length | 0
  const whole = bytes.length & ~3
  for (let i = 0; i < whole; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (let i = whole; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x9e3779b1)
  return avalanche32(hash) >>> 0
}
