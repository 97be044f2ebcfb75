import { splitEvents } from '../contract/index.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import type { ApplyMessage, ShardRefusal } from './messages.ts'
import type { ShardStorage } from './storage.ts'

/** What an outbox asks of a storage. */
export type OutboxStorage = Pick<
  ShardStorage,
  'transaction' | 'writeOutbox' | 'lastOutboxId' | 'readOutbox' | 'deleteOutbox'
>

/** A refused event as it is kept: what came, why it was refused, and where. */
export interface DeadLetter {
  readonly source: string
  readonly reason: string
  readonly field?: string
  readonly message: string
  /** The event as it came, at most `PAYLOAD_UNITS` of it. */
  readonly payload: string
  /** Its whole length, in UTF-16 code units. */
  readonly payloadUnits: number
  /** murmur3-128 of the whole: two events that differ only behind the cut are two letters. */
  readonly payloadHash: string
  readonly arrivalMs: number
  /** The door or shard that refused it. */
  readonly by: string
  /** How many shards it went to: it is dead when all of them refused. */
  readonly fanout: number
}

/** A payload longer than this is cut: a row holds 2 MB, and a batch may refuse thousands. */
const PAYLOAD_UNITS = 16 * 1024
/**
 * Letters of one outbox row, and about its length in UTF-16 code units of JSON: at three bytes each it stays below the 2 MB
 * of a row. By length too, for JSON writes a control character with six: 32 payloads can be 3 MB.
 */
const LETTERS_PER_ROW = 32
const ROW_UNITS = 512 * 1024

/** Makes a letter of an event's text. */
export function deadLetter(
  from: Omit<DeadLetter, 'payload' | 'payloadUnits' | 'payloadHash'>,
  payload: string,
): DeadLetter {
  const payloadHash = murmur128Hex(payload)
  return { ...from, payload: payload.slice(0, PAYLOAD_UNITS), payloadUnits: payload.length, payloadHash }
}

/** Refusals of a shard, written in the batch's own transaction and kept until the dead letters have them. */
export class Outbox {
  private readonly storage: OutboxStorage
  private next: number

  constructor(storage: OutboxStorage) {
    this.storage = storage
    this.next = storage.lastOutboxId() + 1
  }

  /** Writes the refusals of a batch. Inside its transaction. `by` names the shard. */
  write(by: string, { source, arrivalMs, events, fanout }: ApplyMessage, refused: readonly ShardRefusal[]): void {
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
      const from = { source, ...why, arrivalMs, by, fanout: Number.parseInt(fanout[index] ?? '1', 36) }
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
