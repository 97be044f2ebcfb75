import { ByteReader } from '../util/byte-reader.ts'
import { Cell } from './cell.ts'
import {
  type ChildName,
  HAND_OVER_FORMAT,
  type HandOverHead,
  type HandOverRest,
  isSameRun,
  type ParentShard,
  type RunName,
} from './hand-over.ts'
import { IdRun, RUN_PARTS } from './id-run.ts'
import { Journal, type JournalEntry } from './journal.ts'
import { DEFAULT_MEMORY_BYTES, Pages, shapeOfChild } from './pages.ts'
import type { ShardStorage } from './storage.ts'
import { handedOver } from './subscriptions.ts'

/** What a shard that takes over remembers of how far it is. */
interface Taken {
  /** Of the parent's; null while what was copied of another is taken away, and before the first. */
  readonly lineage: string | null
  /** Everything of the parent up to this commit is here. */
  readonly since: number
  /** The walk under way: up to which commit, and the page to go on at. */
  readonly walk: { readonly seq: number; readonly page: number } | null
  /** Runs of ids that are here: as the parent calls them, and their number here. */
  readonly runs: readonly (readonly [name: RunName, own: number])[]
  /** The run under way, and the part to go on at. */
  readonly run: { readonly name: RunName; readonly own: number; readonly part: number } | null
  readonly nextRun: number
  /** What was copied so far, for people. */
  readonly cells: number
  readonly bytes: number
}

const NOTHING: Taken = { lineage: null, since: 0, walk: null, runs: [], run: null, nextRun: 0, cells: 0, bytes: 0 }
/** Pages that are taken away at once. */
const DROPPED_PAGES = 64
const META = 'taken over'
const OPEN = 'open'

/** What was noted before restores were told has no lineage. */
function takenFrom(text: string): Taken {
  const { lineage = '', ...taken } = JSON.parse(text) as Omit<Taken, 'lineage'> & { readonly lineage?: string | null }
  return { ...taken, lineage }
}

/** How far a shard is that takes over. */
export interface HeirProgress {
  readonly isOpen: boolean
  /** Entities and bytes that were copied so far; what has changed meanwhile is copied again. */
  readonly cells: number
  readonly bytes: number
  /** The parent's commit up to which everything is here, and the parent's own; null while that was not asked. */
  readonly seq: number
  readonly parentSeq: number | null
  /** About how many entities the parent has, for all of its children. */
  readonly parentEntities: number | null
  /** How long neither of them took anything in, ms; null before it is open. */
  readonly pauseMs: number | null
}

export interface HeirOptions {
  readonly storage: ShardStorage
  readonly child: ChildName
  /** How many children its parent has. */
  readonly siblings: number
  /** Whether the counts of expectations, which nobody can divide, are its. */
  readonly countsExpectations: boolean
  readonly parent: ParentShard
  /** ms since the epoch. */
  readonly now: () => number
  readonly memoryBytes?: number
}

/**
 * A shard that is to take over some of another's entities, before it is open. It copies while the other one serves, as often
 * as one likes; to open, it seals the other one, copies what has changed since, and takes what is left in one transaction.
 * Wherever a process ends in between, the next one goes on: what was copied is only ever copied again.
 */
export class Heir {
  private readonly options: HeirOptions
  private taken: Taken
  private pages: Pages | null = null
  private head: HandOverHead | null = null
  private opened: boolean

  constructor(options: HeirOptions) {
    this.options = options
    const text = options.storage.readMeta(META)
    this.taken = text === undefined ? NOTHING : takenFrom(text)
    this.opened = Heir.isOpen(options.storage)
  }

  /** Whether a shard has taken over, and so is one like every other. */
  static isOpen(storage: Pick<ShardStorage, 'readMeta'>): boolean {
    return storage.readMeta(OPEN) !== undefined
  }

  get progress(): HeirProgress {
    const { cells, bytes, since } = this.taken
    const { head } = this
    return {
      isOpen: this.opened,
      cells,
      bytes,
      seq: since,
      parentSeq: head?.seq ?? null,
      parentEntities: head?.entities ?? null,
      pauseMs: pauseOf(this.options.storage),
    }
  }

  /**
   * Copies what the parent has and this shard has not. Says whether all of what there was at the beginning is here, or `isLate` said
   * to stop. Throws when the parent cannot be reached: call it again.
   */
  async copy(isLate: () => boolean = () => false): Promise<boolean> {
    const head = await this.options.parent.head()
    if (head.format !== HAND_OVER_FORMAT)
      throw new Error(`the parent hands over in format ${head.format}; this code reads ${HAND_OVER_FORMAT}`)
    return await this.copyUpTo(head, isLate)
  }

  private async copyUpTo(head: HandOverHead, isLate: () => boolean): Promise<boolean> {
    this.head = head
    this.follow(head)
    return (await this.copyCells(head, isLate)) && (await this.copyRuns(isLate))
  }

  /** Seals the parent and opens. Once it resolves, with true, the storage is that of a shard. */
  async open(): Promise<boolean> {
    if (this.opened) return true
    // Most of it while the parent still serves.
    await this.copy()
    const { parent, child, storage, now } = this.options
    const sealingMs = now()
    const rest = await parent.seal(child)
    await this.copyUpTo(rest, () => false)
    storage.transaction(() => this.finish(rest, now() - sealingMs))
    this.opened = true
    return true
  }

  private save(taken: Taken): void {
    this.options.storage.writeMeta(META, JSON.stringify(taken))
    this.taken = taken
  }

  /**
   * Takes away what was copied of a parent that has been restored to a time before since: it has commits of the same numbers that are
   * others, and entities that it never had.
   */
  private follow({ lineage = '', seq }: HandOverHead): void {
    const { storage } = this.options
    const { since, walk } = this.taken
    const isOfBefore = Math.max(since, walk?.seq ?? 0) > seq
    if (this.taken.lineage === lineage && !isOfBefore) return
    // First of all it is said that nothing here counts: this may take several transactions.
    storage.transaction(() => this.save({ ...this.taken, lineage: null }))
    const count = storage.readMeta('pages') === undefined ? 0 : new Pages(storage, 0).count
    for (let from = 0; from < count; from += DROPPED_PAGES) {
      storage.transaction(() => {
        for (let id = from; id < Math.min(count, from + DROPPED_PAGES); id++) storage.deleteBlob('page', id)
      })
    }
    const { runs, run } = this.taken
    storage.transaction(() => {
      for (const [, own] of runs) deleteRun(storage, own)
      if (run !== null) deleteRun(storage, run.own)
      this.save({ ...NOTHING, lineage })
    })
    this.pages = null
  }

  private async copyCells(head: HandOverHead, isLate: () => boolean): Promise<boolean> {
    const { storage, parent, child } = this.options
    // A walk that was begun long ago has the changes of then; those since are for the next one.
    while (this.taken.walk !== null || this.taken.since < head.seq) {
      const { since } = this.taken
      const walk = this.taken.walk ?? { seq: head.seq, page: 0 }
      if (isLate()) return false
      const handed = await parent.cells(child, walk.page, since)
      storage.transaction(() => {
        const pages = this.pagesFor(head)
        const reader = new ByteReader(handed.bytes)
        for (let i = 0; i < handed.cells; i++) pages.put(Cell.decode(reader))
        // Commits here will be greater than the parent's: none of them is in these pages.
        pages.saveAll(0)
        const { next } = handed
        this.save({
          ...this.taken,
          since: next === null ? walk.seq : since,
          walk: next === null ? null : { seq: walk.seq, page: next },
          cells: this.taken.cells + handed.cells,
          bytes: this.taken.bytes + handed.bytes.length,
        })
      })
      this.pages?.shrink()
    }
    return true
  }

  private pagesFor({ pages }: HandOverHead): Pages {
    if (this.pages === null) {
      const { storage, siblings, memoryBytes } = this.options
      if (storage.readMeta('pages') === undefined) storage.writeMeta('pages', shapeOfChild(pages, siblings))
      this.pages = new Pages(storage, memoryBytes ?? DEFAULT_MEMORY_BYTES)
    }
    return this.pages
  }

  private async copyRuns(isLate: () => boolean): Promise<boolean> {
    const { parent } = this.options
    for (;;) {
      this.dropRuns()
      const wanted = this.head?.runs.find((name) => !this.taken.runs.some(([known]) => isSameRun(known, name)))
      if (wanted === undefined) return true
      if (isLate()) return false
      if (!(await this.copyRun(wanted, isLate))) this.head = await parent.head()
    }
  }

  /** Runs that the parent has no more: merged into others, or beyond the horizon. */
  private dropRuns(): void {
    const { storage } = this.options
    const listed = this.head?.runs ?? []
    const gone = this.taken.runs.filter(([name]) => !listed.some((run) => isSameRun(run, name)))
    const { run } = this.taken
    const isCutOff = run !== null && !listed.some((name) => isSameRun(name, run.name))
    if (gone.length === 0 && !isCutOff) return
    storage.transaction(() => {
      for (const [, own] of gone) deleteRun(storage, own)
      if (isCutOff) deleteRun(storage, run.own)
      this.save({
        ...this.taken,
        runs: this.taken.runs.filter((one) => !gone.includes(one)),
        run: isCutOff ? null : run,
      })
    })
  }

  /** False when the parent has it no more. */
  private async copyRun(name: RunName, isLate: () => boolean): Promise<boolean> {
    const { storage, parent } = this.options
    const begun = this.taken.run
    let at = begun !== null && isSameRun(begun.name, name) ? begun : { name, own: this.taken.nextRun, part: 0 }
    while (!isLate()) {
      const handed = await parent.ids(name, at.part)
      if (handed === null) return false
      const { own } = at
      storage.transaction(() => {
        const reader = new ByteReader(handed.bytes)
        while (reader.at < reader.end) {
          const part = reader.varint()
          const entries = reader.blob()
          if (entries.length > 0) storage.writeBlob('ids', own * RUN_PARTS + part, entries.slice())
        }
        const bytes = this.taken.bytes + handed.bytes.length
        const nextRun = Math.max(this.taken.nextRun, own + 1)
        if (handed.next === null) {
          IdRun.assembled(storage, own, name.tier, name.count, name.newestMs)
          this.save({ ...this.taken, bytes, nextRun, run: null, runs: [...this.taken.runs, [name, own]] })
        } else this.save({ ...this.taken, bytes, nextRun, run: { name, own, part: handed.next } })
      })
      if (handed.next === null) return true
      at = { name, own, part: handed.next }
    }
    return true
  }

  /** Takes what is small, and begins to count where the parent stopped. */
  private finish(rest: HandOverRest, pauseMs: number): void {
    const { storage, countsExpectations, now } = this.options
    for (const [key, text] of Object.entries(rest.meta))
      storage.writeMeta(key, key === 'topics' || key === 'stores' ? handedOver(text) : text)
    // In the parent's order: the newest last.
    const runs = rest.runs.map((name) => {
      const { tier, count, newestMs } = name
      const own = this.taken.runs.find(([known]) => isSameRun(known, name))?.[1]
      if (own === undefined) throw new Error('a run of ids of the parent is not here')
      return [own, tier, count, newestMs]
    })
    storage.writeMeta('ids', JSON.stringify(runs))
    const { seq, availableAt, mark, quality } = rest
    new Journal(storage).write(firstEntry({ seqBefore: seq, availableAt, mark }, countsExpectations ? quality : null))
    storage.writeMeta(OPEN, JSON.stringify({ seq, pauseMs, openedMs: now() }))
    this.save({ ...this.taken, since: seq })
  }
}

/** The commit of the shard before it that one which has taken over began with; 0 of one that began empty. */
export function seqWhenOpened(storage: Pick<ShardStorage, 'readMeta'>): number {
  const text = storage.readMeta(OPEN)
  return text === undefined ? 0 : (JSON.parse(text) as { readonly seq: number }).seq
}

/** Reads what a shard said of the pause when it opened. */
export function pauseOf(storage: Pick<ShardStorage, 'readMeta'>): number | null {
  const text = storage.readMeta(OPEN)
  return text === undefined ? null : (JSON.parse(text) as { readonly pauseMs: number }).pauseMs
}

/** Why a shard of this name has no state of a time: one of a later epoch began when it took over, and its parent stays sealed. */
export function whyNotRestorable(
  storage: Pick<ShardStorage, 'readMeta'>,
  isOpen: boolean,
  timeMs: number,
): string | undefined {
  if (!isOpen)
    return 'it has not taken over from the shard before it: let it by npx tidemark reshard, and restore to a time after that'
  const text = storage.readMeta(OPEN)
  const openedMs = text === undefined ? undefined : (JSON.parse(text) as { readonly openedMs?: number }).openedMs
  if (openedMs === undefined || timeMs > openedMs) return undefined
  return `it took over from the shard before it at ${new Date(openedMs).toISOString()}: restore to a time after that`
}

/** A batch of nothing, after which a shard counts on. */
function firstEntry(
  from: Pick<JournalEntry, 'seqBefore' | 'availableAt' | 'mark'>,
  quality: HandOverRest['quality'],
): JournalEntry {
  return {
    row: 0,
    ...from,
    verdicts: '',
    saved: { pages: 1, ids: 1 },
    contract: 0,
    ...(quality && { quality }),
    message: { version: 0, plan: '', source: '', arrivalMs: 0, events: '[]', fanout: '' },
  }
}

function deleteRun(storage: ShardStorage, id: number): void {
  for (let part = 0; part < RUN_PARTS; part++) storage.deleteBlob('ids', id * RUN_PARTS + part)
  storage.deleteBlob('filter', id)
}
