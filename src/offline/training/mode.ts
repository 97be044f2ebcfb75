import { formatDuration, parseDuration } from '../../util/duration.ts'

/**
 * What a label may see. `as-served`: what was known where it was served. `lag`: whatever happened at least so long before.
 * `ideal`: all that had happened, also what nobody could have known: it leaks, and has to be asked for by name.
 */
export type Mode =
  | { readonly kind: 'as-served' }
  | { readonly kind: 'lag'; readonly lagMs: number }
  | { readonly kind: 'ideal' }

/** A mode as it is written: `as-served`, `lag:1h`, `ideal`; what is wrong with another text. */
export function parseMode(text: string): Mode | { readonly error: string } {
  if (text === 'as-served' || text === 'ideal') return { kind: text }
  const [, duration] = /^lag:(.+)$/.exec(text) ?? []
  const parsed = duration === undefined ? undefined : parseDuration(duration)
  if (parsed === undefined)
    return { error: `"${text}" is no mode: there are as-served, lag:1h (any duration) and ideal` }
  return 'error' in parsed ? { error: `mode "${text}": ${parsed.error}` } : { kind: 'lag', lagMs: parsed.ms }
}

/** The inverse of {@link parseMode}. */
export const modeText = (mode: Mode): string => (mode.kind === 'lag' ? `lag:${formatDuration(mode.lagMs)}` : mode.kind)

/** What of a logged row says when it is seen. */
export interface Arrival {
  readonly timeMs: number
  readonly availableAtMs: number
  readonly sign: 1 | -1
  /** Of imported history: when it could be known, ms; null: the import named no rule. Absent: it arrived by itself. */
  readonly knownAtMs?: number | null
  /** Whether the region that accepted it is the one that serves. */
  readonly isOwnRegion: boolean
}

/** From when on labels see a row, and what it counts as having arrived at (for the mark), ms. */
export interface Seen {
  /** A label at t sees the row when this is at or before t. */
  readonly fromMs: number
  readonly availableAtMs: number
}

/**
 * The rule of a mode for one row; undefined for imported history of which nobody said when it could be known, where the mode
 * asks for that. A row that is taken out is taken out from its commit on: the log does not know when that was meant to happen;
 * and never before it was put in. `src/offline/node/training/stage-rows.ts` says the same in SQL.
 */
export function seenFrom(mode: Mode, row: Arrival, publishLagMs: number): Seen | undefined {
  const { timeMs, sign } = row
  // In an ideal world before t, and never at it.
  const putInMs = mode.kind === 'lag' ? timeMs + mode.lagMs : mode.kind === 'ideal' ? timeMs + 1 : undefined
  if (putInMs !== undefined && sign === 1)
    return { fromMs: putInMs, availableAtMs: mode.kind === 'lag' ? putInMs : timeMs }
  const isRuleless = row.knownAtMs === null
  if (isRuleless && mode.kind === 'as-served') return undefined
  const knownMs = row.knownAtMs ?? row.availableAtMs
  const servedMs = knownMs + (row.isOwnRegion ? 0 : publishLagMs)
  return { fromMs: Math.max(servedMs, putInMs ?? servedMs), availableAtMs: knownMs }
}
