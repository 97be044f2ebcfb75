import { describe, expect, test } from 'vitest'
import { CountColumn } from '../../src/engine/aggregates/count.ts'
import { GroupedColumn } from '../../src/engine/computations/grouped-column.ts'
import { Rows } from '../../src/engine/rows.ts'
import type { Value } from '../../src/engine/spec.ts'

// A reader's running column is cleared before every read: what it does not give back it keeps for ever.

const grouped = (max: number) => new GroupedColumn(() => new CountColumn(null), 0, 'string', max)

function rowsOf(...keys: Value[]): Rows {
  const rows = new Rows(1)
  keys.forEach((key, i) => {
    rows.push(i, 0, i, [key])
  })
  return rows
}

function take(column: GroupedColumn, at: number, ...keys: Value[]): void {
  const rows = rowsOf(...keys)
  column.update(at, rows, 0, rows.length, null)
}

function counts(column: GroupedColumn, at: number): Record<string, number> | null {
  const slots = column.at(at)
  const inner = column.inner as CountColumn
  return slots && Object.fromEntries([...slots].map(([key, slot]) => [key, inner.counts[slot] as number]))
}

describe('the states of groups', () => {
  test('are used again when a cell is cleared, and start empty', () => {
    const column = grouped(3)
    column.insert(0)
    for (let i = 0; i < 5; i++) {
      take(column, 0, 'a', `b${i}`, `b${i}`)
      expect(counts(column, 0)).toEqual({ a: 1, [`b${i}`]: 2 })
      column.clear(0)
      expect(counts(column, 0)).toEqual({})
    }
    // One that is always empty, and the two of the most keys at one time.
    expect(column.inner.length).toBe(3)
  })

  test('are used again when cells are dropped', () => {
    const column = grouped(3)
    for (let i = 0; i < 5; i++) {
      column.insert(column.length)
      take(column, column.length - 1, 'a', 'b')
      if (column.length > 2) column.dropFirst(1)
    }
    expect(column.length).toBe(2)
    expect(column.inner.length).toBe(1 + 3 * 2)
  })

  test('are used again when a cell has more keys than its cap, by rows or by a merge', () => {
    const column = grouped(2)
    column.insert(0)
    column.insert(1)
    take(column, 0, 'a', 'b', 'c', 'd')
    expect(counts(column, 0)).toBeNull()
    take(column, 1, 'a', 'b')
    expect(column.inner.length).toBe(1 + 2)
    const other = grouped(2)
    other.insert(0)
    take(other, 0, 'c')
    column.merge(1, other, 0, 1)
    expect(counts(column, 1)).toBeNull()
    take(column, 1, 'x')
    column.merge(1, other, 0, 1)
    expect(counts(column, 1)).toBeNull()
    column.clear(1)
    take(column, 1, 'x', 'y')
    expect(counts(column, 1)).toEqual({ x: 1, y: 1 })
    expect(column.inner.length).toBe(1 + 2)
  })

  test('are as many as the cap, and no more', () => {
    const column = grouped(2)
    column.insert(0)
    take(column, 0, 'a', null, 'b', 'a')
    expect(counts(column, 0)).toEqual({ a: 2, b: 1 })
    take(column, 0, 'c')
    expect(counts(column, 0)).toBeNull()
  })

  test('of a key that is not there are the one that is always empty', () => {
    const column = grouped(2)
    column.insert(0)
    take(column, 0, 'a')
    expect(column.slotOf(0, 'a')).toBe(1)
    expect(column.slotOf(0, 'b')).toBe(0)
    expect((column.inner as CountColumn).counts[0]).toBe(0)
  })
})
