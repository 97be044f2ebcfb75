/** The pieces that a stretch of time is counted in. */
const PIECES = 12

/** As it is stored: `[seen, failed, when one failed last (ms), its value as shown, piece, seen, failed, piece, ...]`. */
export type StoredTally = readonly (number | string | null)[]

/**
 * Counts of one expectation: since ever, and of late, in twelfths of the time that it is judged over. So "of late" is that
 * time and up to a twelfth more, never less.
 */
export class Tally {
  seen = 0
  failed = 0
  lastFailedMs: number | null = null
  sample: string | null = null
  private readonly pieceMs: number
  /** Newest last; those in which nothing was counted are left out. */
  private pieces: { readonly piece: number; seen: number; failed: number }[] = []

  constructor(overMs: number, stored?: StoredTally) {
    this.pieceMs = Math.ceil(overMs / PIECES)
    if (stored === undefined) return
    const [seen, failed, lastFailedMs, sample, ...rest] = stored
    this.seen = seen as number
    this.failed = failed as number
    this.lastFailedMs = lastFailedMs as number | null
    this.sample = sample as string | null
    const numbers = rest as number[]
    for (let i = 0; i < numbers.length; i += 3) {
      const [piece = 0, of = 0, bad = 0] = numbers.slice(i, i + 3)
      this.pieces.push({ piece, seen: of, failed: bad })
    }
  }

  /** Counts events of one moment; a clock that falls counts with the newest moment. `sample` is one that failed. */
  add(nowMs: number, seen: number, failed: number, sample: string | null = null): void {
    if (seen === 0) return
    this.seen += seen
    this.failed += failed
    if (failed > 0) {
      this.lastFailedMs = nowMs
      this.sample = sample
    }
    const last = this.pieces.at(-1)
    const piece = Math.max(last?.piece ?? 0, Math.floor(nowMs / this.pieceMs))
    if (last?.piece === piece) {
      last.seen += seen
      last.failed += failed
      return
    }
    this.pieces = this.pieces.filter((one) => one.piece >= piece - PIECES)
    this.pieces.push({ piece, seen, failed })
  }

  /** What was counted of late, as seen from a moment. */
  recent(nowMs: number): { readonly seen: number; readonly failed: number } {
    const oldest = Math.floor(nowMs / this.pieceMs) - PIECES
    let [seen, failed] = [0, 0]
    for (const one of this.pieces) {
      if (one.piece < oldest) continue
      seen += one.seen
      failed += one.failed
    }
    return { seen, failed }
  }

  get stored(): StoredTally {
    const pieces = this.pieces.flatMap(({ piece, seen, failed }) => [piece, seen, failed])
    return [this.seen, this.failed, this.lastFailedMs, this.sample, ...pieces]
  }
}
