/** A seeded generator of numbers in [0, 1): mulberry32 (Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface Random {
  readonly seed: number
  next(): number
  /** An integer in [low, high]. */
  int(low: number, high: number): number
  chance(p: number): boolean
  pick<T>(of: readonly T[]): T
}

export function random(seed: number): Random {
  const next = mulberry32(seed)
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return {
    seed,
    next,
    int,
    chance: (p) => next() < p,
    pick: (of) => of[int(0, of.length - 1)] as (typeof of)[number],
  }
}

/** Runs `property` for seeds 1, 2, ...; a failure names its seed, so that one case can be run again alone. */
export function forSeeds(count: number, property: (r: Random) => void, first = 1): void {
  for (let seed = first; seed < first + count; seed++) {
    try {
      property(random(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}
