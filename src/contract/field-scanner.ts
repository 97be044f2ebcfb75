import { closingQuote, endOfScalar, endOfValue, skipSpace } from './json-scan.ts'

const QUOTE = 34
const BACKSLASH = 92

/**
 * Reads top-level fields of the event at `[start, end)` of a body: `out[i]` is set to the value of `names[i]`, or to
 * undefined when the event has no such field. Texts come decoded, integers as their digits, bools as `true` and `false`.
 * Returns false in any doubtful case (an escape, a null, a float, a list, broken JSON): then parse the event instead, for
 * `out` means nothing. Of an event that is no JSON it may return anything: whoever parses it refuses it.
 */
export type FieldScan = (start: number, end: number, out: (string | undefined)[]) => boolean

/**
 * Makes a scanner of these fields, for routing by key without parsing: once for the names, then once for each body. It
 * finds what JSON.parse would: keys of nested objects do not count, and of a repeated key the last does. Fastest when
 * events are asked for in their order.
 *
 * @example
 * const scanOf = fieldScanner(['uid'])
 * const out: (string | undefined)[] = []
 * scanOf('{"a":{"uid":"no"},"uid":"yes"}')(0, 30, out) // true, out is ['yes']
 */
export function fieldScanner(names: readonly string[]): (text: string) => FieldScan {
  return (text) => {
    if (text.includes('\\')) return (start, end, out) => scanWhole(names, text, start, end, out)
    const find = flatScan(names, text)
    return (start, end, out) => find(start, end, out) || scanWhole(names, text, start, end, out)
  }
}

/**
 * The quick way, for a body without a backslash and an event without nested objects. There, what stands between two
 * quotes and before a colon is a key, and it is of the event itself; so each name is found by indexOf, and each place
 * found serves until the events have passed it.
 */
function flatScan(names: readonly string[], text: string): FieldScan {
  // Searched without the first quote: there are twenty quotes an event, and indexOf stops at each of them.
  const endings = names.map((name) => `${name}"`)
  const places = names.map(() => -1)
  let brace = -1
  let lastStart = 0
  const placeOf = (name: number, from: number): number => {
    const ending = endings[name] as string
    let place = text.indexOf(ending, from)
    while (place >= 0 && text.charCodeAt(place - 1) !== QUOTE) place = text.indexOf(ending, place + 1)
    if (place < 0) place = text.length
    places[name] = place
    return place
  }
  return (start, end, out) => {
    if (start < lastStart) {
      brace = -1
      places.fill(-1)
    }
    lastStart = start
    if (text.charCodeAt(start) !== 123) return false
    if (brace <= start) {
      brace = text.indexOf('{', start + 1)
      if (brace < 0) brace = text.length
    }
    if (brace < end) return false
    for (let name = 0; name < names.length; name++) {
      let place = places[name] as number
      if (place < start) place = placeOf(name, start)
      if (place >= end) {
        out[name] = undefined
        continue
      }
      const colon = skipSpace(text, place + (endings[name] as string).length, end)
      if (text.charCodeAt(colon) !== 58 || placeOf(name, place + 1) < end) return false
      const at = skipSpace(text, colon + 1, end)
      const stop = endOfPlainValue(text, at, end)
      if (stop <= at) return false
      out[name] = plainValue(text, at, stop)
    }
    return true
  }
}

/** The careful way: every key of the event, one after the other. */
function scanWhole(
  names: readonly string[],
  text: string,
  start: number,
  end: number,
  out: (string | undefined)[],
): boolean {
  for (let i = 0; i < names.length; i++) out[i] = undefined
  let at = skipSpace(text, start, end)
  if (text.charCodeAt(at) !== 123) return false
  at = skipSpace(text, at + 1, end)
  if (text.charCodeAt(at) === 125) return true
  for (;;) {
    if (at >= end || text.charCodeAt(at) !== QUOTE) return false
    const key = at + 1
    const keyEnd = plainKeyEnd(text, key, end)
    if (keyEnd < 0) return false
    at = skipSpace(text, keyEnd + 1, end)
    if (at >= end || text.charCodeAt(at) !== 58) return false
    at = skipSpace(text, at + 1, end)

    const name = nameAt(names, text, key, keyEnd)
    const stop = name < 0 ? endOfValue(text, at, end) : endOfPlainValue(text, at, end)
    if (stop <= at) return false
    if (name >= 0) out[name] = plainValue(text, at, stop)
    at = skipSpace(text, stop, end)
    const next = at < end ? text.charCodeAt(at) : 0
    if (next === 125) return true
    if (next !== 44) return false
    at = skipSpace(text, at + 1, end)
  }
}

function plainValue(text: string, at: number, stop: number): string {
  return text.charCodeAt(at) === QUOTE ? text.slice(at + 1, stop - 1) : text.slice(at, stop)
}

/** The place of the quote that ends a key, or -1 when the key has an escape or does not end. */
function plainKeyEnd(text: string, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) return i
    if (c === BACKSLASH) return -1
  }
  return -1
}

function nameAt(names: readonly string[], text: string, start: number, end: number): number {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]
    if (name !== undefined && name.length === end - start && text.startsWith(name, start)) return i
  }
  return -1
}

/** The place after a text without escapes, an integer or a bool, or -1 for everything else. */
function endOfPlainValue(text: string, at: number, end: number): number {
  if (text.charCodeAt(at) === QUOTE) {
    const quote = closingQuote(text, at + 1, end)
    if (quote < 0) return -1
    for (let i = at + 1; i < quote; i++) if (text.charCodeAt(i) === BACKSLASH) return -1
    return quote + 1
  }
  const stop = endOfScalar(text, at, end)
  if (isInteger(text, at, stop)) return stop
  const isBool = (stop - at === 4 && text.startsWith('true', at)) || (stop - at === 5 && text.startsWith('false', at))
  return isBool ? stop : -1
}

/** Digits with at most a minus: the one way to write that integer. `-0` is doubtful, and so are leading zeros. */
function isInteger(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start) === 45 ? start + 1 : start
  if (first >= end) return false
  if (text.charCodeAt(first) === 48) return first === start && end === start + 1
  for (let i = first; i < end; i++) {
    const c = text.charCodeAt(i)
    if (c < 48 || c > 57) return false
  }
  return true
}
