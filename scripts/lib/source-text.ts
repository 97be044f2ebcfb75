/**
 * Just enough of TypeScript's lexer for the house's own rules: blanks out comments and the inside of strings, so that a
 * rule is not fooled by text that only looks like code. Not handled: a regular expression literal that holds a quote or
 * `//` (write such a one with an escape or a character class).
 */

/** The same text at the same offsets, with comments (and, when asked, the inside of strings) replaced by spaces. */
export function blank(source: string, what: { readonly strings: boolean }): string {
  const out = [...source.split('')]
  let at = 0
  while (at < source.length) {
    const char = source[at]
    const end = endOfToken(source, at)
    if (char === '/' && end > at + 1) fill(at, end)
    else if (what.strings && end > at + 1) fill(at + 1, end - 1)
    at = end
  }
  return out.join('')

  function fill(from: number, to: number): void {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
}

/** Where the comment or string that begins at `at` ends; `at + 1` when none begins there. */
function endOfToken(source: string, at: number): number {
  const two = source.slice(at, at + 2)
  if (two === '//') return indexOrEnd(source, '\n', at)
  if (two === '/*') return Math.min(source.length, indexOrEnd(source, '*/', at + 2) + 2)
  const quote = source[at]
  if (quote !== "'" && quote !== '"' && quote !== '`') return at + 1
  for (let i = at + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === quote) return i + 1
    // An apostrophe in a regular expression must not swallow the rest of the file: only a template spans lines.
    else if (source[i] === '\n' && quote !== '`') return at + 1
  }
  return at + 1
}

function indexOrEnd(source: string, text: string, from: number): number {
  const index = source.indexOf(text, from)
  return index < 0 ? source.length : index
}

/** One-based line of an offset. */
export function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length
}
