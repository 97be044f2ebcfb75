import { MAX_EVENT_UNITS } from '../../util/limits.ts'
import type { EventBatch } from '../route.ts'

/** Events on their way to the region that keeps them: what one row of the queue holds, and one batch at their home. */
export interface NewRow {
  /** How many events. */
  readonly count: number
  /** When they reached the first door, ms: what `maxFutureMs` is judged against. */
  readonly arrivalMs: number
  /** A JSON array. */
  readonly events: string
  /** What identifies each where the source has no field for it; null for one that has nothing. */
  readonly ids?: readonly (string | null)[]
  /** The dead letter that each was. */
  readonly replays?: readonly string[]
  /** Where each replayed or imported event first stood. */
  readonly places?: readonly (string | null)[]
  /** They are imported history: for each from when on it could be known, ms; null where its import named no rule. */
  readonly imported?: readonly (number | null)[]
}

/** Events that have their place in the queue. */
export interface QueuedRow extends NewRow {
  /** When the queue began, ms: greater for one that was made anew. */
  readonly incarnation: number
  /** The place of the first event; the others stand behind it. */
  readonly first: number
}

/** A row holds 2 MB, of three bytes a character at most. */
const ROW_UNITS = MAX_EVENT_UNITS
/** More than this many events go into several rows: each is one message a shard at home. */
const ROW_EVENTS = 8_192
/** What quotes and commas add to an event. */
const EXTRA_UNITS = 12
/** What a time in ms and a comma add. */
const KNOWN_UNITS = 14

/** A batch, none of whose events is broken, as rows. */
export function rowsOf({ text, spans, arrivalMs, ids, replays, places, imported }: EventBatch): NewRow[] {
  const rows: NewRow[] = []
  let from = 0
  let units = 0
  const close = (to: number) => {
    if (to === from) return
    const events = Array.from({ length: to - from }, (_, i) => text.slice(spans.starts[from + i], spans.ends[from + i]))
    rows.push({
      count: to - from,
      arrivalMs,
      events: `[${events.join()}]`,
      ...(ids && { ids: ids.slice(from, to).map((id) => id ?? null) }),
      ...(replays && { replays: replays.slice(from, to) }),
      ...(places && { places: places.slice(from, to).map((place) => place ?? null) }),
      ...(imported && { imported: imported.slice(from, to) }),
    })
    from = to
    units = 0
  }
  for (let index = 0; index < spans.count; index++) {
    const event = (spans.ends[index] as number) - (spans.starts[index] as number)
    const about = (ids?.[index]?.length ?? 0) + (replays?.[index]?.length ?? 0) + (places?.[index]?.length ?? 0)
    const more = event + about + EXTRA_UNITS + (imported ? KNOWN_UNITS : 0)
    if (units + more > ROW_UNITS || index - from >= ROW_EVENTS) close(index)
    units += more
  }
  close(spans.count)
  return rows
}

/** Rows as one text: for each a line of JSON that says how long its events are, then these as they came. */
export function writeRows(rows: readonly (NewRow | QueuedRow)[]): string {
  return rows.map(({ events, ...about }) => `${JSON.stringify({ ...about, units: events.length })}\n${events}`).join('')
}

/** The rows that a text holds. Throws for one that was not written by {@link writeRows}: it comes from our own queues. */
export function parseRows<Row extends NewRow>(text: string): Row[] {
  const rows: Row[] = []
  for (let at = 0; at < text.length; ) {
    const cut = text.indexOf('\n', at)
    if (cut < 0) throw new Error('a row of a queue does not end')
    const { units, ...about } = JSON.parse(text.slice(at, cut)) as Row & { readonly units: number }
    at = cut + 1 + units
    if (!(units >= 0) || at > text.length) throw new Error('a row of a queue is cut off')
    rows.push({ ...about, events: text.slice(cut + 1, at) } as unknown as Row)
  }
  return rows
}
