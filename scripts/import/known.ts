/** When the rows of a file could be known. */
import { MIN_EVENT_TIME_MS } from '../../src/contract/index.ts'
import { type KnownAtRule, knownAtMs } from '../../src/source/index.ts'
import { UsageError } from '../lib/usage-error.ts'
import { FileError } from './row.ts'

/**
 * When a row could be known by the rule, ms. Throws a {@link FileError} for a row whose column says no time: left out, training
 * would leak or refuse it.
 *
 * @param shown what the rule's column has, as text
 */
export function knownAt(
  at: string,
  rule: KnownAtRule,
  eventMs: number | null,
  columnMs: number | null,
  shown: string | null,
): number | null {
  const known = knownAtMs(rule, eventMs, columnMs)
  const column = rule.kind === 'column' ? rule.column : ''
  if (known !== undefined) {
    if (known === null || known >= MIN_EVENT_TIME_MS) return known
    throw new FileError(
      `${at}: "${column}" is ${shown ?? known}, which is before 1971, and --known-at takes from it when the row was known. Are these seconds? Milliseconds are expected.`,
    )
  }
  const what = shown === null ? 'empty' : `${JSON.stringify(shown.slice(0, 48))}, which is no time with a zone`
  throw new FileError(
    `${at}: "${column}" is ${what}, and --known-at takes from it when the row was known. Mend the row, or use event-time+DURATION.`,
  )
}

/** A time without a zone, where none was told. */
export function noZone(at: string, column: string, shown: string): UsageError {
  const how = 'say in which zone the file was written: --time-zone UTC, or such as Europe/Berlin'
  return new UsageError(`${at}: "${column}" is ${JSON.stringify(shown)}, a time without a zone: ${how}.`)
}

/** Rows whose times are looked at before anything is sent. */
export const SAMPLE_ROWS = 100
