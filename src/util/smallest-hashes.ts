/**
 * The number of distinct values from the k smallest of their hashes: Bar-Yossef et al., "Counting distinct elements in a data
 * stream" (2002); unbiased by Beyer et al., "On synopses for distinct-value estimation under multiset operations" (2007),
 * whose standard error is about 1 / sqrt(k - 2). A set of hashes depends on no order, and two merge into one.
 */

/** Bits of a hash: what a double counts exactly. */
const HASH_RANGE = 2 ** 53

/** A hash in [0, 2^53) of the 64 bits in `words[0..1]`. */
export const hash53 = (words: Uint32Array): number => (words[0] as number) * 2 ** 21 + ((words[1] as number) >>> 11)

/** Takes a hash into the at most k smallest, which are in order. */
export function takeHash(smallest: number[], k: number, hash: number): void {
  if (smallest.length === k && hash >= (smallest[k - 1] as number)) return
  let low = 0
  let high = smallest.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((smallest[middle] as number) < hash) low = middle + 1
    else high = middle
  }
  if (smallest[low] === hash) return
  smallest.splice(low, 0, hash)
  if (smallest.length > k) smallest.pop()
}

/** How many distinct values the k smallest hashes speak of; the number of hashes itself when there are fewer. */
export function estimateDistinct(smallest: readonly number[], k: number): number {
  if (smallest.length < k) return smallest.length
  // A hash stands for an interval of the width 1; its middle is never zero.
  return ((k - 1) * HASH_RANGE) / ((smallest[k - 1] as number) + 0.5)
}
