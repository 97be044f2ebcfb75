/**
 * The one of `known` that a misspelt `word` most likely meant, or undefined when nothing is near: at most a third of the
 * letters differ (inserted, dropped, replaced or two neighbours swapped), case and `_` aside.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const d = editDistance(fold(word), fold(candidate))
    if (d < bestDistance) {
      best = candidate
      bestDistance = d
    }
  }
  return best
}

/** ` Did you mean "amount"? There are: amount, at, id.` for the end of an error message; never more than 12 names. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known)
  const list = known.length > 12 ? `${known.slice(0, 12).join(', ')}, ...` : known.join(', ')
  return `${near === undefined ? '' : ` Did you mean "${near}"?`} There ${known.length === 1 ? 'is' : 'are'}: ${list || 'none'}.`
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll('_', '')
}

/** Optimal string alignment distance: three rows are enough. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let d = Math.min(replace, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) d = Math.min(d, (beforeLast[j - 2] ?? 0) + 1)
      row.push(d)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
