/** A seeded sample that changes little when the code does: each mutant draws its own lot, and the lowest lots are taken. */
import { createHash } from 'node:crypto'
import { keyOf, type Mutant } from './mutants.ts'

/** `count` mutants, or all when there are no more; in the order of their lots, so that a run that is cut short is a sample too. */
export function sampleOf(mutants: readonly Mutant[], count: number, seed: number): Mutant[] {
  const lots = mutants.map((mutant) => ({ mutant, lot: lotOf(keyOf(mutant), seed) }))
  const sorted = lots.toSorted((a, b) => (a.lot < b.lot ? -1 : 1))
  return sorted.slice(0, count).map(({ mutant }) => mutant)
}

function lotOf(key: string, seed: number): string {
  return createHash('sha1').update(`${seed} ${key}`).digest('hex')
}
