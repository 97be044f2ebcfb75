import { splitEvents } from '../contract/index.ts'
import { type DeadLetter, deadLetter, letterOrigin } from '../dead-letters/index.ts'
import type { ApplyMessage, ShardRefusal } from './messages.ts'
import type { OutboxStorage } from './storage.ts'

/**
 * Letters of one outbox row, and about its length in UTF-16 code units of JSON: at three bytes each it stays below the 2 MB
 * of a row. By length too, for JSON writes a control character with six: 32 payloads can be 12 MB.
 */
const LETTERS_PER_ROW = 32
const ROW_UNITS = 512 * 1024

/** Refusals of a shard, written in the batch's own transaction and kept until the dead letters have them. */
export class Outbox {
  private readonly storage: OutboxStorage
  private next: number

  constructor(storage: OutboxStorage) {
    this.storage = storage
    this.next = storage.lastOutboxId() + 1
  }

  /** Writes the refusals of a batch. Inside its transaction. `by` names the shard. */
  write(by: string, message: ApplyMessage, refused: readonly ShardRefusal[]): void {
    const { source, arrivalMs, events, fanout: fanouts } = message
    const spans = splitEvents(events)
    let row: string[] = []
    let units = 0
    const close = () => {
      if (row.length > 0) this.storage.writeOutbox(this.next++, `[${row.join()}]`)
      row = []
      units = 0
    }
    for (const { index, ...why } of refused) {
      const text = 'reason' in spans ? events : events.slice(spans.starts[index], spans.ends[index])
      const fanout = Number.parseInt(fanouts[index] ?? '1', 36)
      const from = { source, ...why, ...letterOrigin(message, index), arrivalMs, by, fanout }
      const letter = JSON.stringify(deadLetter(from, text))
      if (row.length >= LETTERS_PER_ROW || units + letter.length > ROW_UNITS) close()
      row.push(letter)
      units += letter.length
    }
    close()
  }

  get isEmpty(): boolean {
    return this.storage.readOutbox(1).length === 0
  }

  /** The oldest letters, and how to say that they have arrived. Sent again until then: the receiver knows repeats. */
  take(rows: number): { readonly letters: DeadLetter[]; readonly delivered: () => void } {
    const found = this.storage.readOutbox(rows)
    const letters = found.flatMap((row) => JSON.parse(row.body) as DeadLetter[])
    const last = found.at(-1)?.id
    return {
      letters,
      delivered: () => {
        if (last !== undefined) this.storage.transaction(() => this.storage.deleteOutbox(last))
      },
    }
  }
}
