import { type EnrichingRows, type ExactNumbers, isRefusal, parseEvents } from '../contract/index.ts'
import type { Stamps } from './messages.ts'

/** Finds what each event of a message is enriched with, by its place in the message. */
export type StampedRows = (index: number) => EnrichingRows

/**
 * Reads the stamps of a message, once for all of its events.
 *
 * @param enrichments how many the source has: so many places are said of each event
 * @param exactNumbers of the contract that the rows' columns are read by
 * @throws when they are not what a door writes: a bug, never an event's fault
 * @example stampedRows({ rows: '[["0/1/7","books"]]', of: '0,' }, 1, 'none')(1) // [null]: the second event has no row
 */
export function stampedRows({ rows, of }: Stamps, enrichments: number, exactNumbers: ExactNumbers): StampedRows {
  const parsed = parseEvents(rows, exactNumbers)
  if (isRefusal(parsed) || parsed.broken.size > 0) throw new Error('the rows that events are enriched with are no JSON')
  const known = parsed.raws as readonly (readonly unknown[])[]
  const places = of.split(',')
  return (index) =>
    Array.from({ length: enrichments }, (_, i) => {
      const place = places[index * enrichments + i]
      return place ? (known[Number(place)] ?? null) : null
    })
}
