import { describe, expect, test } from 'vitest'
import type { Column } from '../../src/engine/aggregate.ts'
import { TileBlocks } from '../../src/engine/tile-blocks.ts'
import { forSeeds } from '../support/random.ts'

/** Cells are sums; counts how many cells were merged into it, and how often it was asked to. */
class Sums implements Column {
  cells: number[]
  merged = 0
  constructor(cells: number[] = []) {
    this.cells = cells
  }
  get length(): number {
    return this.cells.length
  }
  insert(at: number): void {
    this.cells.splice(at, 0, 0)
  }
  dropFirst(count: number): void {
    this.cells.splice(0, count)
  }
  clear(at: number): void {
    this.cells[at] = 0
  }
  merge(at: number, other: Sums, from: number, to: number): void {
    if (from < 0 || to > other.length) throw new Error(`cells ${from} to ${to} of ${other.length}`)
    for (let i = from; i < to; i++) this.cells[at] = (this.cells[at] ?? 0) + (other.cells[i] as number)
    this.merged += Math.max(0, to - from)
  }
  update(): void {}
  encode(): void {}
  decode(): void {}
}

/** Tiles with their blocks, as a level has them. */
class Level {
  readonly tiles = new Sums()
  readonly blocks = new TileBlocks(2)
  readonly made: Sums[] = []
  private next = 1

  insert(at: number): void {
    this.tiles.insert(at)
    this.blocks.insert(at, this.tiles.length)
    this.change(at)
  }
  change(at: number): void {
    this.blocks.touch(at)
    // Powers of no common base: no two sets of tiles have one sum by chance.
    this.tiles.cells[at] = (this.next++) ** 2
  }
  dropFirst(count: number): void {
    this.blocks.dropFirst(count)
    this.tiles.dropFirst(count)
  }
  read(from: number, to: number, accumulator = 0): Sums {
    const target = new Sums([0])
    const create = () => {
      const made = new Sums()
      this.made.push(made)
      return made
    }
    this.blocks.merge(target, accumulator, this.tiles, create, from, to)
    return target
  }
  truth(from: number, to: number): number {
    return this.tiles.cells.slice(from, to).reduce((sum, value) => sum + value, 0)
  }
  /** How many cells a read of these tiles merges, its blocks' own included. */
  work(from: number, to: number): number {
    const before = this.made.reduce((sum, { merged }) => sum + merged, 0)
    const { merged } = this.read(from, to)
    return merged + this.made.reduce((sum, made) => sum + made.merged, 0) - before
  }
}

function levelOf(length: number): Level {
  const level = new Level()
  for (let at = 0; at < length; at++) level.insert(at)
  return level
}

describe('sums of blocks of tiles', () => {
  test('give the sum of the tiles, however they change, move and leave between reads', () => {
    forSeeds(300, (r) => {
      const level = levelOf(r.int(40, 120))
      for (let step = 0; step < 60; step++) {
        const { length } = level.tiles
        const what = r.int(0, 5)
        if (what === 0) level.change(r.int(0, length - 1))
        else if (what === 1) level.insert(r.chance(0.5) ? length : r.int(0, length))
        else if (what === 2 && length > 60) level.dropFirst(r.pick([1, 15, 16, 17, 33]))
        const to = r.chance(0.5) ? level.tiles.length : r.int(0, level.tiles.length)
        const from = r.chance(0.5) ? 0 : r.int(0, to)
        for (let again = r.int(1, 3); again > 0; again--) {
          expect(level.read(from, to).cells[0], `[${from}, ${to}) of ${level.tiles.length}`).toBe(level.truth(from, to))
        }
      }
    })
  })

  test('are made when they are asked for the second time, and used the third', () => {
    const level = levelOf(64)
    expect(level.work(0, 64)).toBe(64)
    expect(level.made[0]?.length).toBe(0)
    // Each of four blocks is made of 16 tiles and merged once.
    expect(level.work(0, 64)).toBe(68)
    expect(level.work(0, 64)).toBe(4)
  })

  test('begin and end at whole blocks: the rest is merged tile by tile', () => {
    const level = levelOf(80)
    for (let i = 0; i < 2; i++) level.read(0, 80)
    expect(level.work(16, 64)).toBe(3)
    expect(level.work(15, 64)).toBe(4)
    expect(level.work(17, 64)).toBe(15 + 2)
    expect(level.work(16, 79)).toBe(3 + 15)
  })

  test('are for long ranges: two blocks and more', () => {
    const level = levelOf(64)
    for (let i = 0; i < 5; i++) level.read(0, 31)
    expect(level.made).toEqual([])
    for (let i = 0; i < 2; i++) level.read(0, 32)
    expect(level.work(0, 32)).toBe(2)
  })

  test('of a block are made anew only when one of its own tiles has changed', () => {
    const level = levelOf(64)
    for (let i = 0; i < 2; i++) level.read(0, 64)
    level.change(16)
    level.read(0, 64)
    expect(level.work(0, 64)).toBe(3 + 17)
    expect(level.work(0, 64)).toBe(4)
    level.change(31)
    level.read(0, 64)
    expect(level.work(0, 64)).toBe(3 + 17)
  })

  test('of blocks before a tile that was put in stay', () => {
    const level = levelOf(64)
    for (let i = 0; i < 2; i++) level.read(0, 64)
    level.insert(32)
    // The two blocks before it are whole; two others moved, and the fifth has one tile.
    expect(level.work(0, 65)).toBe(2 + 32 + 1)
    expect(level.work(0, 65)).toBe(2 + 34 + 1)
    expect(level.work(0, 65)).toBe(4 + 1)
  })

  test('stay when tiles leave at the front', () => {
    const level = levelOf(80)
    for (let i = 0; i < 2; i++) level.read(0, 80)
    level.dropFirst(16)
    expect(level.work(0, 64)).toBe(4)
    level.dropFirst(3)
    expect(level.work(0, 61)).toBe(13 + 3)
    level.dropFirst(29)
    expect(level.work(0, 32)).toBe(2)
    level.insert(32)
    level.change(32)
    expect(level.work(0, 33)).toBe(2 + 1)
  })

  test('are kept for each accumulator', () => {
    const level = levelOf(64)
    for (let i = 0; i < 3; i++) for (const accumulator of [0, 1]) level.read(0, 64, accumulator)
    expect(level.made).toHaveLength(2)
    expect(level.work(0, 64)).toBe(4)
  })
})
