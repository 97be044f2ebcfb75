import type { ApplyMessage } from './messages.ts'
import type { StoredQuality } from './quality.ts'
import type { ShardStorage } from './storage.ts'

/**
 * Journal rows that are kept: a ring, so that a batch costs one row written and nothing is ever deleted. Pages are saved
 * long before a row comes round again, unless batches are tiny.
 */
export const JOURNAL_ROWS = 2_048

/** What a journal row says of a batch: enough to do it again after a crash, without judging it again. */
export interface JournalEntry {
  /** Counts batches; the row's slot is this modulo the ring. */
  readonly row: number
  /** The commit number before the batch. */
  readonly seqBefore: number
  readonly availableAt: number
  /** The greatest mark of any entity here, ms. */
  readonly mark: number
  readonly verdicts: string
  /** Rows before these have nothing that the pages, or the id runs, do not hold: recovery passes over them. */
  readonly saved: { readonly pages: number; readonly ids: number }
  /** The contract that the batch was checked by. */
  readonly contract: number
  /** Counters of expectations after the batch, by source; absent where nothing is expected. */
  readonly quality?: Readonly<Record<string, StoredQuality>>
  readonly message: ApplyMessage
}

/** Keeps rows for longer than the ring does. Both are called inside the transaction of the batch that takes a row's place. */
export interface RowKeeper {
  needs(row: number): boolean
  keep(row: number, body: string): void
}

type JournalHead = Omit<ApplyMessage, 'events'>

const FORMAT = 1

/** The batches since the oldest unsaved page, as they came, each with its verdicts. */
export class Journal {
  private readonly storage: ShardStorage
  private next: number

  /** Who still needs rows that the ring is about to overwrite. */
  keeper: RowKeeper | undefined

  constructor(storage: ShardStorage) {
    this.storage = storage
    this.next = newestRow(storage) + 1
  }

  /** The rows before which pages, or id runs, have everything, as the newest row says it. */
  get saved(): JournalEntry['saved'] {
    return this.read(this.next - 1)?.saved ?? { pages: 0, ids: 0 }
  }

  /** The newest commit that it tells of. */
  get lastSeq(): number {
    const newest = this.read(this.next - 1)
    return newest === undefined ? 0 : newest.seqBefore + commitsIn(newest.verdicts)
  }

  /** The counters of expectations as the newest row has them. */
  get quality(): JournalEntry['quality'] {
    return this.read(this.next - 1)?.quality
  }

  /** What recovery has to look at, oldest first and one at a time: a whole ring may be larger than memory. */
  *unsaved(): IterableIterator<JournalEntry> {
    const newest = this.read(this.next - 1)
    if (newest === undefined) return
    const { pages, ids } = newest.saved
    for (let row = Math.max(0, this.oldestKept - 1, Math.min(pages, ids)); row < newest.row; row++) {
      const entry = this.read(row)
      if (entry) yield entry
    }
    yield newest
  }

  private read(row: number): JournalEntry | undefined {
    const body = row < 0 ? undefined : this.storage.readJournal(row % JOURNAL_ROWS)
    return body === undefined ? undefined : parseEntry(body)
  }

  /** A row that is still in the ring. */
  find(row: number): JournalEntry | undefined {
    return row >= this.next || row < this.next - JOURNAL_ROWS ? undefined : this.read(row)
  }

  /** The row that the next batch will take. */
  get nextRow(): number {
    return this.next
  }

  /** The oldest row that is still in the ring once the next batch is written. */
  get oldestKept(): number {
    return this.next - JOURNAL_ROWS + 1
  }

  /**
   * Turns the ring once with rows of nothing, so that no text of an event is left in it. Everything that it tells must have been saved. Inside a
   * transaction.
   */
  turn(empty: (row: number) => JournalEntry): void {
    for (let turned = 0; turned < JOURNAL_ROWS; turned++) this.write(empty(this.next))
  }

  write(entry: JournalEntry): void {
    const { message, ...rest } = entry
    const { events, ...head } = message
    // The events stay the text they are: escaping them into another JSON would cost as much as the rest of the batch.
    const kept = this.keeper === undefined ? withoutOffsets(head) : head
    const header = JSON.stringify({ format: FORMAT, ...rest, head: kept })
    const slot = rest.row % JOURNAL_ROWS
    const lapsing = rest.row - JOURNAL_ROWS
    if (lapsing >= 0 && this.keeper?.needs(lapsing)) this.keeper.keep(lapsing, this.storage.readJournal(slot) ?? '')
    this.storage.writeJournal(slot, `${header}\n${events}`)
    this.next = rest.row + 1
  }
}

/** The number of the newest row, or -1: rows rise with their slots up to it, and behind it are a whole ring older. */
function newestRow(storage: ShardStorage): number {
  const rowIn = (slot: number): number | undefined => {
    const body = storage.readJournal(slot)
    return body === undefined ? undefined : parseEntry(body).row
  }
  const first = rowIn(0)
  if (first === undefined) return -1
  let low = 0
  let high = JOURNAL_ROWS - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (rowIn(middle) === first + middle) low = middle
    else high = middle - 1
  }
  return first + low
}

/** Verdicts say what was known already, and letters where it stood, so where each event stood is of no more use. */
function withoutOffsets({ position, forward: _, places: __, ...head }: JournalHead): JournalHead {
  return position === undefined ? head : { ...head, position: { ...position, offsets: [] } }
}

/** How many commits a row has, by its verdicts. */
export const commitsIn = (verdicts: string): number => verdicts.split('a').length - 1

/** Reads the text of a row. */
export function parseEntry(body: string): JournalEntry {
  const cut = body.indexOf('\n')
  const header = JSON.parse(body.slice(0, cut)) as JournalEntry & {
    readonly format: number
    readonly head: JournalHead
  }
  if (header.format !== FORMAT) throw new Error(`journal row of format ${header.format}; this code reads ${FORMAT}`)
  const { row, seqBefore, availableAt, mark, verdicts, saved, contract, quality, head } = header
  return {
    row,
    seqBefore,
    availableAt,
    mark,
    verdicts,
    saved,
    contract,
    ...(quality && { quality }),
    message: { ...head, events: body.slice(cut + 1) },
  }
}
