import type { CalendarUnit, WindowSpec } from '../engine/index.ts'
import { nearest } from '../util/did-you-mean.ts'
import { formatDuration, parseDuration } from '../util/duration.ts'
import { checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { checkTimeZone } from './time-zones.ts'
import { checkTiles, MIN_WINDOW_MS } from './window-tiles.ts'
import type { WindowChoice, WindowKind } from './windows.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** What one feature may keep as rows of an entity. */
const MAX_TAIL_ROWS = 10_000
/** Rows that `lastN(n)` sorts out at every read. */
const MAX_LAST_ROWS = 1_000

type Options = Readonly<Record<string, unknown>>

/**
 * The window as data; throws when it is none, too narrow, or needs more tiles than a feature may have.
 *
 * @param allowedLatenessMs null where there are no tiles
 */
export function windowSpec(where: string, choice: WindowChoice, allowedLatenessMs: number | null): WindowSpec {
  const tailWhere = `${where}, ${choice.kind}()`
  checkOptions(tailWhere, choice.options, [...optionNames[choice.kind], 'tail', 'limit'])
  const options = choice.options as Options
  const tailLimit = tailLimitOf(tailWhere, options)
  const spec = { ...readers[choice.kind](where, choice.size, options), ...(tailLimit !== undefined && { tailLimit }) }
  if (allowedLatenessMs !== null) checkTiles(where, spec, allowedLatenessMs)
  return spec
}

const optionNames: Readonly<Record<WindowKind, readonly string[]>> = {
  sliding: ['delay'],
  tumbling: ['timeZone', 'offset', 'value', 'delay'],
  session: ['max', 'keepLast', 'value'],
  lifetime: [],
  lastN: [],
  decayed: [],
}

const readers: Readonly<Record<WindowKind, (where: string, size: unknown, options: Options) => WindowSpec>> = {
  sliding: (where, width, options) => ({
    kind: 'sliding',
    widthMs: durationMs(where, 'the window', width, MIN_WINDOW_MS),
    delayMs: delayOf(where, options),
  }),
  tumbling: (where, width, options) =>
    isCalendarUnit(width) ? calendarSpec(where, width, options) : bucketSpec(where, width, options),
  session: sessionSpec,
  lifetime: () => ({ kind: 'lifetime' }),
  lastN: (where, rows) => ({ kind: 'lastN', rows: wholeNumber(where, 'lastN(n): n', rows, MAX_LAST_ROWS) }),
  decayed: (where, halfLife) => ({ kind: 'decayed', halfLifeMs: durationMs(where, 'the half-life', halfLife) }),
}

function bucketSpec(where: string, width: unknown, options: Options): WindowSpec {
  if (typeof width === 'string' && 'error' in parseDuration(width)) {
    const near = nearest(width, Object.keys(unitLengths))
    const mean = near === undefined ? '' : ` Did you mean '${near}'?`
    const how = "write a duration such as '15m', or 'hour', 'day', 'week' or 'month'"
    throw new DefinitionError('bad_duration', where, `tumbling('${width}') has no width: ${how}.${mean}`)
  }
  const widthMs = durationMs(where, 'the window', width, MIN_WINDOW_MS)
  if (options.timeZone !== undefined) {
    const units = Object.entries(unitLengths)
    const unit = units.find(([, length]) => length === widthMs)?.[0] ?? 'day'
    const how = `write tumbling('${unit}', { timeZone: '${String(options.timeZone)}' }), or leave timeZone out`
    const what = `${formatDuration(widthMs)} is ${widthMs}ms in every time zone`
    throw new DefinitionError('bad_option', where, `${what}, so timeZone means nothing: ${how}.`)
  }
  const offsetMs = offsetOf(where, options, widthMs)
  return { kind: 'tumbling', widthMs, offsetMs, delayMs: delayOf(where, options), value: bucketValue(where, options) }
}

function calendarSpec(where: string, unit: CalendarUnit, options: Options): WindowSpec {
  return {
    kind: 'calendar',
    unit,
    zone: checkTimeZone(where, options.timeZone ?? 'UTC'),
    offsetMs: offsetOf(where, options, unitLengths[unit]),
    delayMs: delayOf(where, options),
    value: bucketValue(where, options),
  }
}

/** The shortest of each unit by the clock on the wall: an offset is less. */
const unitLengths: Readonly<Record<CalendarUnit, number>> = {
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 28 * DAY_MS,
}

function isCalendarUnit(width: unknown): width is CalendarUnit {
  return typeof width === 'string' && Object.hasOwn(unitLengths, width)
}

function sessionSpec(where: string, gap: unknown, options: Options): WindowSpec {
  const gapMs = durationMs(where, 'the gap', gap)
  const atLeastGap = (option: string, fallbackMs: number) => {
    const given = options[option]
    const ms = given === undefined ? Math.max(fallbackMs, gapMs) : durationMs(where, option, given)
    if (ms >= gapMs) return ms
    const problem = `${option} is ${formatDuration(ms)}, shorter than the gap of ${formatDuration(gapMs)}`
    const how = `lengthen it to at least '${formatDuration(gapMs)}', or shorten the gap`
    throw new DefinitionError('bad_duration', where, `${problem}: ${how}.`)
  }
  return {
    kind: 'session',
    gapMs,
    maxMs: atLeastGap('max', Math.max(DAY_MS, 24 * gapMs)),
    keepLastMs: atLeastGap('keepLast', DAY_MS),
    value: oneOf(where, 'value', options.value, ['last', 'open']),
  }
}

const bucketValue = (where: string, { value }: Options) => oneOf(where, 'value', value, ['closed', 'running'])

const delayOf = (where: string, { delay }: Options) => (delay === undefined ? 0 : durationMs(where, 'delay', delay))

function offsetOf(where: string, { offset }: Options, belowMs: number): number {
  if (offset === undefined || offset === 0) return 0
  const offsetMs = durationMs(where, 'offset', offset)
  if (offsetMs < belowMs) return offsetMs
  const problem = `offset is ${formatDuration(offsetMs)}, and a bucket begins less than ${formatDuration(belowMs)} later`
  throw new DefinitionError('bad_duration', where, `${problem}: write an offset below '${formatDuration(belowMs)}'.`)
}

function tailLimitOf(where: string, { tail, limit }: Options): number | undefined {
  if (tail === undefined && limit === undefined) return undefined
  if (tail === undefined) {
    throw new DefinitionError('bad_option', where, `limit goes with a tail: add tail: 'exact', or leave limit out.`)
  }
  if (tail !== 'exact') {
    throw new DefinitionError('bad_option', where, `tail is 'exact' or left out; got ${JSON.stringify(tail)}.`)
  }
  return wholeNumber(where, "with tail: 'exact', limit (how many newest rows are kept)", limit, MAX_TAIL_ROWS)
}

function wholeNumber(where: string, what: string, value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  const range = `a whole number from 1 to ${most.toLocaleString('en')}`
  throw new DefinitionError('bad_option', where, `${what} is ${range}; got ${String(value)}.`)
}

/** One of two or more words, the first when it is left out. */
function oneOf<const Words extends readonly [string, ...string[]]>(
  where: string,
  option: string,
  value: unknown,
  words: Words,
): Words[number] {
  if (value === undefined) return words[0]
  const word = words.find((known) => known === value)
  if (word !== undefined) return word
  const known = words.map((known) => `'${known}'`).join(' or ')
  throw new DefinitionError('bad_option', where, `${option} is ${known}; got ${JSON.stringify(value)}.`)
}
