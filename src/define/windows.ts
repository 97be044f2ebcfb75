import { reachOf, TILES_PER_WINDOW, tileWidth, type WindowSpec } from '../engine/index.ts'
import { type Duration, formatDuration } from '../util/duration.ts'
import { checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'

/** Tiles are cut at whole milliseconds, so a window of 128 of them is at least this wide. */
export const MIN_WINDOW_MS = TILES_PER_WINDOW
/** What one feature of one entity may keep; more is a window too narrow for how late events may come. */
export const MAX_TILES = 16_384

/** A window as it is written in a definition; checked when its view is declared. Made by {@link sliding} and {@link lifetime}. */
export class WindowChoice {
  readonly kind: 'sliding' | 'lifetime'
  readonly width: Duration | undefined
  readonly options: { readonly delay?: Duration }

  constructor(kind: 'sliding' | 'lifetime', width: Duration | undefined, options: { readonly delay?: Duration }) {
    this.kind = kind
    this.width = width
    this.options = options
  }
}

/**
 * The events of the last `width` before the request's time t: `[t - width, t)`, or `[t - delay - width, t - delay)`.
 * `.over('5m')` is short for `.over(sliding('5m'))`.
 *
 * @param width a duration of at least 128 ms
 * @param options `delay` moves the window back; default none
 * @example sum(e.amount).over(sliding('1h', { delay: '1d' })) // the same hour, yesterday
 */
export function sliding(width: Duration, options: { readonly delay?: Duration } = {}): WindowChoice {
  return new WindowChoice('sliding', width, options)
}

/**
 * All events before the request's time.
 *
 * @example count().over(lifetime())
 */
export function lifetime(): WindowChoice {
  return new WindowChoice('lifetime', undefined, {})
}

/** The window as data; throws when it is none, too narrow, or needs more tiles than a feature may have. */
export function windowSpec(where: string, choice: unknown, allowedLatenessMs: number): WindowSpec {
  if (!(choice instanceof WindowChoice)) return windowSpec(where, sliding(choice as Duration), allowedLatenessMs)
  if (choice.kind === 'lifetime') return { kind: 'lifetime' }
  checkOptions(`${where}, window`, choice.options, ['delay'])
  const widthMs = durationMs(where, 'the window', choice.width, MIN_WINDOW_MS)
  const delayMs = choice.options.delay === undefined ? 0 : durationMs(where, 'delay', choice.options.delay)
  const spec: WindowSpec = { kind: 'sliding', widthMs, delayMs }
  checkTiles(where, spec, allowedLatenessMs)
  return spec
}

function checkTiles(where: string, window: WindowSpec & { kind: 'sliding' }, allowedLatenessMs: number): void {
  const tileMs = tileWidth(window.widthMs)
  const tiles = Math.ceil((reachOf(window) + allowedLatenessMs) / tileMs)
  if (tiles <= MAX_TILES) return
  const room = MAX_TILES * tileMs - reachOf(window)
  const mend =
    room >= TILES_PER_WINDOW
      ? `widen the window, or give the view an allowedLateness of at most ${room}ms`
      : 'widen the window, or shorten its delay'
  throw new DefinitionError(
    'too_many_tiles',
    where,
    `a window of ${formatDuration(window.widthMs)} has tiles of ${tileMs}ms; with its delay and the allowedLateness of ` +
      `${formatDuration(allowedLatenessMs)} that is ${tiles} tiles an entity, more than ${MAX_TILES}: ${mend}.`,
  )
}
