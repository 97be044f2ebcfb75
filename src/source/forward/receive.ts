import { isRefusal, splitEvents } from '../../contract/index.ts'
import { deliver } from '../deliver.ts'
import type { Intake } from '../take-in.ts'
import { parseRows, type QueuedRow } from './row.ts'

/** Raised when a home of before could not read what is sent. */
const VERSION = 1
/** Of rows with imported history, which a home of before would take for events that arrive. */
const IMPORT_VERSION = 2

/** Rows are taken for about so long; then the queue is told how many there were, before it stops waiting for the answer. */
const TAKE_MS = 20_000

/** Rows of a queue as one region sends them to another. */
export interface Forwarded {
  /** The region that they come from. */
  readonly from: string
  readonly rows: readonly QueuedRow[]
}

/** What became of forwarded rows. */
export interface TakenRows {
  /** How many of them, from the first, are taken: durable, or refused for good and kept as dead letters. */
  readonly rows: number
  readonly accepted: number
  readonly duplicates: number
  readonly refused: number
  /** Why the next one is not; absent too where there was no time for it. */
  readonly problem?: string
}

/**
 * @param rows as a queue wrote them
 * @param hasImported some of them are imported history
 */
export const forwardedText = (from: string, rows: string, hasImported = false): string =>
  `${JSON.stringify({ version: hasImported ? IMPORT_VERSION : VERSION, from })}\n${rows}`

/** What {@link forwardedText} wrote, or why this code cannot read it. */
export function parseForwarded(text: string): Forwarded | { readonly unreadable: string } {
  try {
    const cut = text.indexOf('\n')
    const { version, from } = JSON.parse(text.slice(0, cut)) as { readonly version: unknown; readonly from: unknown }
    if (version !== VERSION && version !== IMPORT_VERSION)
      return { unreadable: `it is of version ${String(version)}; this code reads ${VERSION}` }
    if (typeof from !== 'string') return { unreadable: 'it does not say which region it comes from' }
    return { from, rows: parseRows<QueuedRow>(text.slice(cut + 1)) }
  } catch (cause) {
    return { unreadable: cause instanceof Error ? cause.message : String(cause) }
  }
}

/**
 * Takes in, at their home, events that another region forwarded: row by row, for each shard notes how far it is in the queue.
 * So a row that comes twice, or half of it, counts once. Stops at a row that is not wholly taken, and behind one after which
 * 20 seconds are over: a home that is slow gets on by a few rows a request.
 *
 * @param now ms since the epoch
 */
export async function takeForwarded(intake: Intake, { from, rows }: Forwarded, now: () => number): Promise<TakenRows> {
  const sum = { accepted: 0, duplicates: 0, refused: 0 }
  const untilMs = now() + TAKE_MS
  for (const [taken, row] of rows.entries()) {
    if (taken > 0 && now() >= untilMs) return { rows: taken, ...sum }
    const problem = await takeRow(intake, from, row, sum)
    if (problem !== undefined) return { rows: taken, ...sum, problem }
  }
  return { rows: rows.length, ...sum }
}

async function takeRow(
  intake: Intake,
  from: string,
  { events, arrivalMs, ids, replays, places, imported, incarnation, first }: QueuedRow,
  sum: { accepted: number; duplicates: number; refused: number },
): Promise<string | undefined> {
  const spans = splitEvents(events)
  if (isRefusal(spans)) return spans.message
  const batch = {
    text: events,
    spans,
    arrivalMs,
    ...(ids && { ids: ids.map((id) => id ?? undefined) }),
    ...(replays && { replays }),
    ...(places && { places: places.map((place) => place ?? undefined) }),
    ...(imported && { imported }),
    forward: {
      sequence: `forward/${from}`,
      incarnation,
      generation: 0,
      offsets: Array.from({ length: spans.count }, (_, i) => first + i),
    },
  }
  const elsewhere = intake.homes?.split(batch).elsewhere.keys().next().value
  // Sent on from here they could go round for ever. The queue waits until both regions are deployed with one routing.
  if (elsewhere !== undefined)
    return `the regions disagree: by the routing here, ${intake.source} lives in ${elsewhere}`
  const receipt = await deliver(intake, batch)
  if (isRefusal(receipt) || 'unavailable' in receipt) return receipt.message
  sum.accepted += receipt.accepted
  sum.duplicates += receipt.duplicates
  sum.refused += receipt.refused.length
  return undefined
}
