import type { SourceSpec, Value } from '../engine/index.ts'
import type { Plan } from '../plan/index.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import type { AcceptedRow } from './accepted-row.ts'
import type { Contracts } from './contracts.ts'
import { commitsIn, JOURNAL_ROWS, type Journal, type JournalEntry, parseEntry, type RowKeeper } from './journal.ts'
import { eventsOf, forEachEvent, idOf, importedAt, rowKey, sliceAt } from './message-events.ts'
import { stampedRows } from './stamped-rows.ts'
import type { ShardStorage } from './storage.ts'
import type { Targets } from './targets.ts'

/** Accepted rows of one contract. */
export interface AcceptedRows {
  readonly contract: number
  readonly source: SourceSpec
  readonly rows: readonly AcceptedRow[]
}

/** What leaves for the log in one piece: journal rows, and the commits that they have. Once it is chosen it stays the same. */
export interface LogSpan {
  /** Journal rows `[fromRow, toRow)`. */
  readonly fromRow: number
  readonly toRow: number
  /** The first and the last commit; none where the last is less than the first. */
  readonly fromSeq: number
  readonly toSeq: number
  /** When the last batch of it was accepted, ms. */
  readonly availableAtMs: number
}

interface Cursor {
  /** The first journal row that the log has not had. */
  readonly row: number
  /** The commit before it. */
  readonly seq: number
  readonly span?: LogSpan
}

export interface LogFeedOptions {
  readonly plan: Plan
  readonly storage: ShardStorage
  readonly journal: Journal
  readonly contracts: Contracts
  readonly targets: Targets
}

const META = 'log'
const ERASED = 'erased'

/**
 * What a shard's log is written from: the journal itself, so that a batch costs no row more. A row that the ring has no place
 * for any more before the log has had it is moved aside, in the transaction of the batch that takes its place.
 */
export class LogFeed implements RowKeeper {
  private readonly options: LogFeedOptions
  private cursor: Cursor
  /** When the oldest row that waits was accepted; undefined: not looked up. */
  private oldest: number | undefined
  /** By the hash of an entity's key, the commit of its erasure: what it had before goes to no log any more. */
  private erased: Readonly<Record<string, number>>

  constructor(options: LogFeedOptions) {
    this.options = options
    const { storage, journal } = options
    this.erased = JSON.parse(storage.readMeta(ERASED) ?? '{}') as Record<string, number>
    const stored = storage.readMeta(META)
    const cursor = stored === undefined ? undefined : (JSON.parse(stored) as Cursor)
    const oldestRow = Math.max(0, journal.nextRow - JOURNAL_ROWS)
    // What came before the shard had a log is not in it.
    this.cursor = cursor ?? { row: oldestRow, seq: journal.find(oldestRow)?.seqBefore ?? 0 }
    if (cursor === undefined) storage.transaction(() => this.move(this.cursor))
    journal.keeper = this
  }

  /** @see RowKeeper */
  needs(row: number): boolean {
    return row >= this.cursor.row
  }

  keep(row: number, body: string): void {
    this.options.storage.unlogged.writeOutbox(row + 1, body)
  }

  private aside(row: number): JournalEntry | undefined {
    const [waiting] = this.options.storage.unlogged.readOutbox(1, row)
    return waiting?.id === row + 1 ? parseEntry(waiting.body) : undefined
  }

  private find(row: number): JournalEntry | undefined {
    return this.options.journal.find(row) ?? this.aside(row)
  }

  /** The log has every commit up to this one. */
  get seq(): number {
    return this.cursor.seq
  }

  get waitingRows(): number {
    return this.options.journal.nextRow - this.cursor.row
  }

  /** When the oldest batch that waits was accepted, ms; null when none waits. */
  get oldestMs(): number | null {
    if (this.waitingRows === 0) return null
    this.oldest ??= this.find(this.cursor.row)?.availableAt ?? 0
    return this.oldest
  }

  /**
   * What leaves next, noted so that it is the same if it has to be tried again; undefined when nothing waits. `mostUnits`: about how long the texts
   * of its events may be; at least one batch.
   */
  next(mostUnits: number): LogSpan | undefined {
    if (this.cursor.span !== undefined || this.waitingRows === 0) return this.cursor.span
    this.passGap()
    const { cursor } = this
    const { storage, journal } = this.options
    let { row, seq } = cursor
    let availableAtMs = 0
    for (let units = 0; row < journal.nextRow && units < mostUnits; row++) {
      const entry = this.find(row)
      // The log was off for a while: the ring has overwritten what comes here.
      if (entry === undefined) break
      units += entry.message.events.length
      seq = entry.seqBefore + commitsIn(entry.verdicts)
      availableAtMs = entry.availableAt
    }
    const span = { fromRow: cursor.row, toRow: row, fromSeq: cursor.seq + 1, toSeq: seq, availableAtMs }
    storage.transaction(() => this.move({ ...cursor, span }))
    return span
  }

  /** Goes on at the oldest row that is still there, where the log was off for longer than the journal reaches back. */
  private passGap(): void {
    const { storage, journal } = this.options
    if (this.find(this.cursor.row) !== undefined) return
    const [aside] = storage.unlogged.readOutbox(1, this.cursor.row)
    const row = aside === undefined ? Math.max(0, journal.nextRow - JOURNAL_ROWS) : aside.id - 1
    const seq = this.find(row)?.seqBefore ?? this.cursor.seq
    storage.transaction(() => this.move({ row, seq }))
    this.oldest = undefined
  }

  private entry(row: number): JournalEntry {
    const entry = this.find(row)
    if (entry === undefined) throw new Error(`journal row ${row} is missing: the log cannot go on without it`)
    return entry
  }

  private move(cursor: Cursor): void {
    this.options.storage.writeMeta(META, JSON.stringify(cursor))
    this.cursor = cursor
  }

  /** The rows of one journal row of a span, by contract; in the order of commits. */
  rows(journalRow: number): AcceptedRows[] {
    const entry = this.entry(journalRow)
    const { contracts } = this.options
    const { message, verdicts } = entry
    const { contributions } = message
    const own = contracts.asThen(entry.contract)
    if (!verdicts.includes('a') || own === undefined) return []
    const stamps = message.stamps && stampedRows(message.stamps, own.spec.enrich?.length ?? 0, own.exactNumbers)
    const found = new Map<number, AcceptedRow[]>()
    const hasErased = Object.keys(this.erased).length > 0
    let seq = entry.seqBefore
    forEachEvent(eventsOf(own.exactNumbers, message), (raw, _broken, index) => {
      if (verdicts[index] !== 'a') return
      seq++
      const contract = contributions?.contracts[index] ?? entry.contract
      const then = contracts.asThen(contract) ?? own
      const enriching = stamps?.(index) ?? []
      const event = contributions ? then.reread(raw) : then.readAgain(raw, idOf(message, index), enriching)
      if (event === undefined) return
      const { position } = message
      const offset = contributions ? undefined : position?.offsets[index]
      const known = importedAt(message, index, entry.availableAt)
      const key = contributions ? rowKey(contributions, index) : null
      const of: Omit<AcceptedRow, 'key'> = {
        seq,
        timeMs: event.timeMs,
        availableAtMs: entry.availableAt,
        sign: key?.sign ?? 1,
        id: event.id,
        row: key && { ...key.part, seq: key.seq },
        position:
          position === undefined || offset === undefined
            ? null
            : { sequence: position.sequence, incarnation: position.incarnation, offset },
        imported: known === undefined ? null : { availableAtMs: known },
        stamps: stamps ? enriching.map((row) => (Array.isArray(row) ? String(row[0]) : '')).join() : null,
        values: event.values,
      }
      const rows = found.get(contract) ?? []
      if (rows.length === 0) found.set(contract, rows)
      for (const key of this.keysOf(then.spec, event.values, entry, index)) {
        if (!hasErased || !this.isErased(key, seq)) rows.push({ key, ...of })
      }
    })
    return [...found].map(([contract, rows]) => ({
      contract,
      source: (contracts.asThen(contract) ?? own).spec,
      rows,
    }))
  }

  /** The keys of this shard that an event feeds by the definitions of now: what a restart would fold it into. */
  private keysOf(
    then: SourceSpec,
    values: readonly Value[],
    { message }: JournalEntry,
    index: number,
  ): readonly (string | null)[] {
    const source = this.options.plan.sources.get(message.source)
    if (source === undefined) return [null]
    const now = source.spec.fields.map(({ name, type }) => {
      const at = then.fields.findIndex((field) => field.name === name && field.type === type)
      return at < 0 ? null : (values[at] ?? null)
    })
    const keys = new Set(this.options.targets.find(source, now, sliceAt(message, index)).map(({ key }) => key))
    return keys.size === 0 ? [null] : [...keys]
  }

  /** What these entities had up to a commit is not told to the log any more. Inside a transaction. */
  erase(keys: readonly string[], seq: number): void {
    const waiting = Object.entries(this.erased).filter(([, at]) => at > this.cursor.seq)
    this.erased = Object.fromEntries([...waiting, ...keys.map((key) => [murmur128Hex(key), seq] as const)])
    this.options.storage.writeMeta(ERASED, JSON.stringify(this.erased))
  }

  private isErased(key: string | null, seq: number): boolean {
    const at = key === null ? undefined : this.erased[murmur128Hex(key)]
    return at !== undefined && seq <= at
  }

  /** A span is in the log: its rows are not needed any more. */
  done({ toRow, toSeq }: LogSpan): void {
    const { storage } = this.options
    storage.transaction(() => {
      this.move({ row: toRow, seq: toSeq })
      if (storage.unlogged.lastOutboxId() > 0) storage.unlogged.deleteOutbox(toRow)
    })
    this.oldest = undefined
  }
}
