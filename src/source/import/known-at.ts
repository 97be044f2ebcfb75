import { MIN_EVENT_TIME_MS } from '../../contract/index.ts'
import { parseDuration } from '../../util/duration.ts'

/** From when on imported history could be known. It has no arrival of its own, so its importer says it. */
export type KnownAtRule =
  /** A column of the file, or a property of the row, has the time. */
  | { readonly kind: 'column'; readonly column: string }
  /** So long after it happened. */
  | { readonly kind: 'event-time'; readonly plusMs: number }
  /** Nobody says: training as it was served refuses such rows by name. */
  | { readonly kind: 'none' }

/** The three choices, for whoever has made none. */
export const KNOWN_AT_CHOICES =
  '  column:NAME      a column of the file says when each row was known: when it was loaded, or received\n' +
  '  event-time+5m    each row was known so long after it happened; event-time+0s: at once\n' +
  '  none             nobody knows: served values count the rows, but training as it was served refuses them'

/**
 * Reads a rule.
 *
 * @example parseKnownAt('event-time+5m') // { kind: 'event-time', plusMs: 300_000 }
 */
export function parseKnownAt(text: string): KnownAtRule | { readonly error: string } {
  if (text === 'none') return { kind: 'none' }
  if (text.startsWith('column:') && text.length > 'column:'.length)
    return { kind: 'column', column: text.slice('column:'.length) }
  const after = /^event-time(?:\+(.+))?$/.exec(text)
  if (after === null) return { error: `"${text}" is no rule. There are:\n${KNOWN_AT_CHOICES}` }
  const [, plus = '0s'] = after
  if (/^0(ms|s|m|h|d|w)$/.test(plus)) return { kind: 'event-time', plusMs: 0 }
  const parsed = parseDuration(plus)
  return 'ms' in parsed ? { kind: 'event-time', plusMs: parsed.ms } : { error: `"${text}": ${parsed.error}.` }
}

/**
 * When a row could be known by a rule, ms; null where the rule names nothing. `undefined`: the rule wants a time that the row does
 * not have. A row without an event time, or with one before 1971, is the contract's business: it is refused there.
 *
 * @param eventTimeMs null where the row has none
 * @param columnMs what the rule's column holds
 */
export function knownAtMs(
  rule: KnownAtRule,
  eventTimeMs: number | null,
  columnMs: number | null,
): number | null | undefined {
  switch (rule.kind) {
    case 'none':
      return null
    case 'column':
      return columnMs ?? undefined
    case 'event-time':
      return eventTimeMs === null || eventTimeMs < MIN_EVENT_TIME_MS ? null : eventTimeMs + rule.plusMs
  }
}
