import type { ApplyMessage } from './messages.ts'
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
  readonly message: ApplyMessage
}

const FORMAT = 1

/** The batches since the oldest unsaved page, as they came, each with its verdicts. */
export class Journal {
  private readonly storage: ShardStorage
  private next: number

  private constructor(storage: ShardStorage, next: number) {
    this.storage = storage
    this.next = next
  }

  /** Opens the ring; `entries` are its rows, oldest first. */
  static open(storage: ShardStorage): { readonly journal: Journal; readonly entries: JournalEntry[] } {
    const entries = storage
      .readJournal()
      .map(parseEntry)
      .sort((a, b) => a.row - b.row)
    return { journal: new Journal(storage, (entries.at(-1)?.row ?? -1) + 1), entries }
  }

  /** The row that the next batch will take. */
  get nextRow(): number {
    return this.next
  }

  /** The oldest row that is still in the ring once the next batch is written. */
  get oldestKept(): number {
    return this.next - JOURNAL_ROWS + 1
  }

  write(entry: JournalEntry): void {
    const { message, ...rest } = entry
    const { events, ...head } = message
    // The events stay the text they are: escaping them into another JSON would cost as much as the rest of the batch.
    const header = JSON.stringify({ format: FORMAT, ...rest, head })
    this.storage.writeJournal(rest.row % JOURNAL_ROWS, `${header}\n${events}`)
    this.next = rest.row + 1
  }
}

function parseEntry(body: string): JournalEntry {
  const cut = body.indexOf('\n')
  const header = JSON.parse(body.slice(0, cut)) as JournalEntry & {
    readonly format: number
    readonly head: Omit<ApplyMessage, 'events'>
  }
  if (header.format !== FORMAT) throw new Error(`journal row of format ${header.format}; this code reads ${FORMAT}`)
  const { row, seqBefore, availableAt, mark, verdicts, saved, head } = header
  return { row, seqBefore, availableAt, mark, verdicts, saved, message: { ...head, events: body.slice(cut + 1) } }
}
