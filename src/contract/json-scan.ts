// Finding where JSON values end, without parsing them: brackets are balanced and strings skipped, nothing else is checked.
// Whatever is let through here is parsed in the shard; what matters is that a boundary found is one that JSON.parse finds.

/** How deep the brackets of an event may nest; deeper is no event of ours and a way to hurt parsers. */
export const MAX_DEPTH = 64

const QUOTE = 34
const BACKSLASH = 92

/** Expected closing brackets, by depth. Shared by all scans: they never interleave, there is no await inside. */
const closers = new Uint8Array(MAX_DEPTH + 1)
let deepest = 0

/** The depth that the last scan of a container reached. */
export const lastDepth = (): number => deepest

/** The first place at or after `at` that is no JSON white space. */
export function skipSpace(text: string, at: number, end: number): number {
  let i = at
  while (i < end) {
    const c = text.charCodeAt(i)
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) break
    i++
  }
  return i
}

/**
 * The place of the quote that ends the string whose content starts at `at`, or -1 when none does before `end`. By indexOf:
 * faster than a loop over characters even for short texts, for each charCodeAt asks what kind of string it has.
 */
export function closingQuote(text: string, at: number, end: number): number {
  let quote = text.indexOf('"', at)
  while (quote >= 0 && quote < end) {
    let first = quote
    while (first > at && text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((quote - first) % 2 === 0) return quote
    quote = text.indexOf('"', quote + 1)
  }
  return -1
}

/**
 * The place after the object or list that starts at `at`, or -1 when its brackets do not balance before `end`. Beyond
 * MAX_DEPTH brackets are only counted; {@link lastDepth} tells.
 */
export function endOfContainer(text: string, at: number, end: number): number {
  let depth = 0
  deepest = 0
  for (let i = at; i < end; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) {
      i = closingQuote(text, i + 1, end)
      if (i < 0) return -1
    } else if (c >= 91) {
      // `[` and `{` differ in one bit, as do `]` and `}`; a closer is its opener plus 2.
      const bracket = c | 32
      if (bracket === 123) {
        depth++
        if (depth <= MAX_DEPTH) closers[depth] = c + 2
        if (depth > deepest) deepest = depth
      } else if (bracket === 125) {
        if (depth <= MAX_DEPTH && closers[depth] !== c) return -1
        depth--
        if (depth === 0) return i + 1
      }
    }
  }
  return -1
}

/** The place after the value that starts at `at` (which is no white space), or -1 when it does not end before `end`. */
export function endOfValue(text: string, at: number, end: number): number {
  const c = text.charCodeAt(at)
  if (c === 123 || c === 91) return endOfContainer(text, at, end)
  if (c === QUOTE) {
    const quote = closingQuote(text, at + 1, end)
    return quote < 0 ? -1 : quote + 1
  }
  return endOfScalar(text, at, end)
}

/** The place after a run of characters that could be a number, true, false or null. */
export function endOfScalar(text: string, at: number, end: number): number {
  let i = at
  while (i < end) {
    const c = text.charCodeAt(i)
    const isEnd = c <= 32 || c === 44 || c === QUOTE || (c >= 91 && ((c | 32) === 123 || (c | 32) === 125))
    if (isEnd) break
    i++
  }
  return i
}
