import { type ChildName, type HeirProgress, pauseOf } from '../shard/index.ts'
import { type ParentTable, TABLE_HAND_OVER_FORMAT, type TableHead, type TableRest } from './hand-over.ts'
import type { TableStorage } from './storage.ts'

/** What a table's shard that takes over remembers of how far it is. */
interface Taken {
  /** Of the parent's; null while what was copied of another is taken away, and before the first. */
  readonly lineage: string | null
  /** Every row that was written before this round is here. */
  readonly round: number
  /** The walk under way: the round that began with it, and the key to go on behind. */
  readonly walk: { readonly round: number; readonly after: string | null } | null
  readonly rows: number
  readonly units: number
  readonly seq: number
}

const NOTHING: Taken = { lineage: null, round: 0, walk: null, rows: 0, units: 0, seq: 0 }
const META = 'taken over'
const OPEN = 'open'

/** What was noted before restores were told has no lineage. */
function takenFrom(text: string): Taken {
  const { lineage = '', ...taken } = JSON.parse(text) as Omit<Taken, 'lineage'> & { readonly lineage?: string | null }
  return { ...taken, lineage }
}

/** Rows that are taken away at once. */
const DROPPED_ROWS = 2_000
/** How long to wait between two looks at whether the parent has told everything, ms. */
const DRAIN_PAUSE_MS = 100

export interface TableHeirOptions {
  readonly storage: TableStorage
  readonly child: ChildName
  /** Whether what nobody can divide is its: counts of expectations. */
  readonly countsExpectations: boolean
  readonly parent: ParentTable
  readonly sleep: (ms: number) => Promise<void>
  /** ms since the epoch. */
  readonly now: () => number
}

/**
 * A shard of a table that is to take over some of another's rows, before it is open. As `Heir` of an entity's shard; and it
 * waits until the other one has told the entities everything, for what it tells itself comes after that.
 */
export class TableHeir {
  private readonly options: TableHeirOptions
  private taken: Taken
  private head: TableHead | null = null
  private opened: boolean

  constructor(options: TableHeirOptions) {
    this.options = options
    const text = options.storage.readMeta(META)
    this.taken = text === undefined ? NOTHING : takenFrom(text)
    this.opened = TableHeir.isOpen(options.storage)
  }

  /** Whether a shard has taken over, and so is one like every other. */
  static isOpen(storage: Pick<TableStorage, 'readMeta'>): boolean {
    return storage.readMeta(OPEN) !== undefined
  }

  get progress(): HeirProgress {
    const { rows, units, seq } = this.taken
    return {
      isOpen: this.opened,
      cells: rows,
      bytes: units,
      seq,
      parentSeq: this.head?.seq ?? null,
      parentEntities: null,
      pauseMs: pauseOf(this.options.storage),
    }
  }

  /**
   * Copies what the parent has and this shard has not. Says whether all of what there was at the beginning is here, or `isLate` said
   * to stop. Throws when the parent cannot be reached: call it again.
   */
  async copy(isLate: () => boolean = () => false): Promise<boolean> {
    const head = await this.options.parent.head()
    if (head.format !== TABLE_HAND_OVER_FORMAT)
      throw new Error(`the parent hands over in format ${head.format}; this code reads ${TABLE_HAND_OVER_FORMAT}`)
    return await this.copyUpTo(head, isLate)
  }

  /**
   * Seals the parent and opens. Says whether it is open, or `isLate` said to stop while the parent, sealed by then, still tells what it
   * has to tell: call it again.
   */
  async open(isLate: () => boolean = () => false): Promise<boolean> {
    if (this.opened) return true
    const { parent, child, sleep, storage, now } = this.options
    await this.copy()
    const sealingMs = now()
    let rest = await parent.seal(child)
    while (!rest.isDrained) {
      if (isLate()) return false
      await sleep(DRAIN_PAUSE_MS)
      rest = await parent.seal(child)
    }
    // What is drained takes no row away any more: this walk is the last.
    await this.copyUpTo(rest, () => false)
    storage.transaction(() => this.finish(rest, now() - sealingMs))
    this.opened = true
    return true
  }

  private save(taken: Taken): void {
    this.options.storage.writeMeta(META, JSON.stringify(taken))
    this.taken = taken
  }

  private async copyUpTo(head: TableHead, isLate: () => boolean): Promise<boolean> {
    this.head = head
    this.follow(head)
    const { storage, parent, child } = this.options
    let isCurrent = false
    // A walk that was begun long ago leaves what was written since for the next one.
    while (this.taken.walk !== null || !isCurrent) {
      if (isLate()) return false
      isCurrent ||= this.taken.walk === null
      const { round } = this.taken
      const walk = this.taken.walk ?? { round: head.round, after: null }
      const handed = await parent.rows(child, walk.after, round)
      storage.transaction(() => {
        for (const [key, body] of JSON.parse(handed.text) as [string, string][]) storage.writeRow(key, body, 0)
        const { next } = handed
        this.save({
          ...this.taken,
          round: next === null ? walk.round : round,
          walk: next === null ? null : { round: walk.round, after: next },
          rows: this.taken.rows + handed.rows,
          units: this.taken.units + handed.text.length,
          seq: next === null ? head.seq : this.taken.seq,
        })
      })
    }
    return true
  }

  /** Takes away what was copied of a parent that has been restored to a time before since, as `Heir` does. */
  private follow({ lineage = '', round, seq }: TableHead): void {
    const { storage } = this.options
    const { taken } = this
    const isOfBefore = Math.max(taken.round, taken.walk?.round ?? 0) > round || taken.seq > seq
    if (taken.lineage === lineage && !isOfBefore) return
    storage.transaction(() => this.save({ ...taken, lineage: null }))
    for (;;) {
      const rows = storage.scanRows(null, DROPPED_ROWS)
      if (rows.length === 0) break
      storage.transaction(() => {
        for (const { key } of rows) storage.deleteRow(key)
      })
    }
    storage.transaction(() => this.save({ ...NOTHING, lineage }))
  }

  private finish({ meta, counters, seq }: TableRest, pauseMs: number): void {
    const { storage, countsExpectations, now } = this.options
    for (const [key, text] of Object.entries(meta)) storage.writeMeta(key, text)
    if (countsExpectations) for (const [key, text] of Object.entries(counters)) storage.writeMeta(key, text)
    storage.writeMeta(OPEN, JSON.stringify({ seq, pauseMs, openedMs: now() }))
    this.save({ ...this.taken, seq })
  }
}
