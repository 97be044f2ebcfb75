import type { Column } from './aggregate.ts'

/** So many tiles are summed up in one block: near the root of the tiles of a window, where both merges are fewest. */
const BLOCK = 16
/** Shorter ranges are merged tile by tile. */
export const LEAST_BLOCKS = 2 * BLOCK

interface Sums {
  /** A cell a block. */
  readonly column: Column
  /** The block's version when it was last asked for, and when its cell was made. */
  readonly asked: number[]
  readonly made: number[]
}

/**
 * Sums of blocks of a level's tiles, made when they are asked for again, so that a read of a long window merges a few blocks
 * and not every tile. No part of the state: nothing of it is stored, and it changes no value.
 */
export class TileBlocks {
  /** By accumulator. */
  private readonly sums: (Sums | null)[]
  /** Counts the changes of each block's tiles. */
  private readonly versions: number[] = []
  /** How many tiles have left at the front: block k holds the tiles that came as number [16k, 16k + 16). */
  private gone = 0

  constructor(accumulators: number) {
    this.sums = Array.from({ length: accumulators }, () => null)
  }

  private get base(): number {
    return Math.floor(this.gone / BLOCK)
  }

  /** The tile at `at` has changed. */
  touch(at: number): void {
    const block = Math.floor((at + this.gone) / BLOCK) - this.base
    this.versions[block] = (this.versions[block] ?? 0) + 1
  }

  /** A tile was put in at `at`; those behind it have moved. `length` is how many there are now. */
  insert(at: number, length: number): void {
    for (let tile = at; tile < length + BLOCK; tile += BLOCK) this.touch(Math.min(tile, length - 1))
  }

  /** The first tiles have left. */
  dropFirst(count: number): void {
    const before = this.base
    this.gone += count
    const blocks = this.base - before
    if (blocks === 0) return
    this.versions.splice(0, blocks)
    for (const sums of this.sums) {
      if (sums === null) continue
      sums.column.dropFirst(Math.min(blocks, sums.column.length))
      sums.asked.splice(0, blocks)
      sums.made.splice(0, blocks)
    }
  }

  /**
   * Merges the tiles `[from, to)` of a column into cell 0 of `target`. `accumulator` is the column's place; `create` makes an
   * empty one of its kind.
   */
  merge(target: Column, accumulator: number, column: Column, create: () => Column, from: number, to: number): void {
    if (to - from < LEAST_BLOCKS) {
      target.merge(0, column, from, to)
      return
    }
    const first = Math.ceil((from + this.gone) / BLOCK)
    const last = Math.floor((to + this.gone) / BLOCK)
    const sums = this.sumsOf(accumulator, create)
    const base = this.base
    target.merge(0, column, from, first * BLOCK - this.gone)
    for (let block = first; block < last; block++) this.mergeBlock(target, sums, column, block, base)
    target.merge(0, column, last * BLOCK - this.gone, to)
  }

  private sumsOf(accumulator: number, create: () => Column): Sums {
    const known = this.sums[accumulator]
    if (known) return known
    const made = { column: create(), asked: [], made: [] }
    this.sums[accumulator] = made
    return made
  }

  private mergeBlock(target: Column, sums: Sums, column: Column, block: number, base: number): void {
    const i = block - base
    const version = this.versions[i] ?? 0
    const from = block * BLOCK - this.gone
    if (sums.made[i] !== version) {
      // Asked for the first time: many states are read once and let go, and a sum would be work for nothing.
      if (sums.asked[i] !== version) {
        sums.asked[i] = version
        target.merge(0, column, from, from + BLOCK)
        return
      }
      while (sums.column.length <= i) sums.column.insert(sums.column.length)
      sums.column.clear(i)
      sums.column.merge(i, column, from, from + BLOCK)
      sums.made[i] = version
    }
    target.merge(0, sums.column, i, i + 1)
  }
}
