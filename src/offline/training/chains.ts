import type { Cut } from './lineage.ts'

/**
 * Puts cuts into as few sequences as a greedy look finds, each of which only grows: one pass over the rows then serves a whole
 * sequence. Of one shard there is always one; answers of several shards may have seen them in any order.
 *
 * @returns places in `cuts`; every place once
 */
export function chainsOf(cuts: readonly Cut[]): number[][] {
  const total = (cut: Cut): number => cut.reduce((sum, seq) => sum + seq, 0)
  const totals = cuts.map(total)
  const order = [...cuts.keys()].sort((a, b) => (totals[a] as number) - (totals[b] as number) || a - b)
  const chains: number[][] = []
  for (const place of order) {
    const cut = cuts[place] as Cut
    const chain = chains.find((one) => isWithin(cuts[one.at(-1) as number] as Cut, cut))
    if (chain) chain.push(place)
    else chains.push([place])
  }
  return chains
}

function isWithin(inner: Cut, outer: Cut): boolean {
  for (let i = 0; i < inner.length; i++) if ((inner[i] as number) > (outer[i] as number)) return false
  return true
}
