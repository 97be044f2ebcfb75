import { isRefusal, splitEvents } from '../../contract/index.ts'
import { type DeadLetter, deadLetter, letterOrigin } from '../../dead-letters/index.ts'
import type { QueuedRow } from './row.ts'

/** So often and so long a home that answers has to turn the first row away, before it is called stuck. */
const STUCK_TRIES = 12
const STUCK_AFTER_MS = 5 * 60_000

/** The first row of a queue, which its home answers to and does not take. */
export interface Stuck {
  readonly tries: number
  /** When it was turned away first, ms. */
  readonly sinceMs: number
}

/** Watches the first row of a queue. In memory: an object that begins anew counts anew. */
export class HeadWatch {
  private tries = 0
  private sinceMs = 0

  /** The home answered, and took so many rows. A home that does not answer says nothing of the row. */
  answered(rows: number, hasProblem: boolean, nowMs: number): void {
    if (rows > 0) this.tries = 0
    if (!hasProblem) return
    if (this.tries === 0) this.sinceMs = nowMs
    this.tries++
  }

  /** It is let go. */
  forget(): void {
    this.tries = 0
  }

  stuck(nowMs: number): Stuck | undefined {
    const { tries, sinceMs } = this
    return tries >= STUCK_TRIES && nowMs - sinceMs >= STUCK_AFTER_MS ? { tries, sinceMs } : undefined
  }
}

/** Events that a person takes out of a queue, as dead letters of the region that they came in. */
export function lettersOfRow(source: string, row: QueuedRow, why: string): DeadLetter[] {
  const spans = splitEvents(row.events)
  // Written by our own door, so this is a bug; it is kept as it is.
  const texts = isRefusal(spans)
    ? [row.events]
    : Array.from({ length: spans.count }, (_, i) => row.events.slice(spans.starts[i], spans.ends[i]))
  return texts.map((text, i) => {
    const position = row.places?.[i]
    const imported = row.imported?.[i]
    return deadLetter(
      {
        ...{ source, reason: 'poison', message: why, arrivalMs: row.arrivalMs, by: 'door', fanout: 1 },
        ...letterOrigin({ ...(row.ids && { ids: row.ids }), ...(row.replays && { replays: row.replays }) }, i),
        ...(typeof position === 'string' && { position }),
        ...(imported !== undefined && { imported }),
      },
      text,
    )
  })
}
