import { describe, expect, it } from 'vitest'
import { aggregates } from '../../../src/engine/aggregates/index.ts'
import { forSeeds, type Random } from '../../support/random.ts'
import { shuffled } from '../../support/streams.ts'
import { expectNaive } from './bounds.ts'
import { type Case, FORMS, type Form, HALF_LIFE_MS, randomCase } from './cases.ts'
import { Cells, inOrder, type KeyedRow, randomRows } from './harness.ts'

// The laws that make state mergeable, for every aggregate of the list in each of its forms: a new one is held to them with
// no change here.

const T = 1_767_225_600_500
const SEEDS = 80

function forCases(name: string, form: Form, property: (r: Random, found: Case, rows: KeyedRow[]) => void): void {
  forSeeds(SEEDS, (r) => {
    const found = randomCase(r, name, form)
    // Ties of time in a short span; in a decayed window no row may be 64 half-lives old.
    const spanMs = r.pick([5, 300, 50 * HALF_LIFE_MS])
    if (found !== undefined) property(r, found, randomRows(r, r.pick([0, 2, 10, 40, 40]), spanMs, T))
  })
}

/** The rows dealt to some parts, each of which came in its own order. */
function dealt(r: Random, rows: readonly KeyedRow[], parts: number): KeyedRow[][] {
  const piles: KeyedRow[][] = Array.from({ length: parts }, () => [])
  for (const row of rows) piles[r.int(0, parts - 1)]?.push(row)
  return shuffled(r, piles)
}

const wholeOf = (found: Case, rows: readonly KeyedRow[]) => new Cells(found.computation).update(0, rows)

describe.each(Object.keys(aggregates))('%s', (name) => {
  const decays = randomCaseExists(name)
  describe.each(FORMS.filter((form) => decays || !form.includes('decayed')))('%s', (form) => {
    it('gives what its naive definition gives', () => {
      forCases(name, form, (_, found, rows) => {
        expectNaive(found, wholeOf(found, rows).finalise(0, T), found.naive(rows, T))
      })
    })

    it('has one state for a set of rows, in whatever batches and order they come', () => {
      forCases(name, form, (r, found, rows) => {
        const cells = new Cells(found.computation)
        for (const batch of dealt(r, rows, r.int(1, 5))) cells.update(0, batch)
        const whole = wholeOf(found, rows)
        expect(cells.bytes, found.text).toBe(whole.bytes)
        expect(cells.finalise(0, T), found.text).toEqual(whole.finalise(0, T))
      })
    })

    it('merges parts to the state of their union, in any order and any grouping, and leaves them as they were', () => {
      forCases(name, form, (r, found, rows) => {
        const states = dealt(r, rows, r.int(2, 5)).map((batch) => wholeOf(found, batch))
        const before = states.map((state) => state.bytes)
        let trees = states
        while (trees.length > 1) {
          const [a, b, ...rest] = shuffled(r, trees) as [Cells, Cells, ...Cells[]]
          const sum = new Cells(found.computation).merge(0, a, 0, 1).merge(0, b, 0, 1)
          trees = [sum, ...rest]
        }
        const whole = wholeOf(found, rows)
        const [merged] = trees as [Cells]
        expect(merged.bytes, found.text).toBe(whole.bytes)
        expect(merged.finalise(0, T), found.text).toEqual(whole.finalise(0, T))
        merged.update(0, rows.slice(0, 3).map(asNew)).retract(0, rows.slice(0, 3).map(asNew))
        expect(
          states.map((state) => state.bytes),
          found.text,
        ).toEqual(before)
      })
    })

    it('keeps its cells apart: tiles in a row merge to the whole, others can be put between and dropped', () => {
      forCases(name, form, (r, found, rows) => {
        const cuts = Array.from({ length: 3 }, () => r.int(0, rows.length)).sort((a, b) => a - b)
        const tiles = [0, ...cuts].map((from, i) => rows.slice(from, cuts[i]))
        const cells = new Cells(found.computation, 0)
        const order: number[] = []
        for (const i of shuffled(r, [0, 1, 2, 3])) {
          // Each is put where its time says among those that are there.
          const at = order.filter((other) => other < i).length
          order.push(i)
          cells.insert(at)
          cells.update(at, tiles[i] ?? [])
        }
        const total = new Cells(found.computation).merge(0, cells, 0, 4)
        expect(total.bytes, found.text).toBe(wholeOf(found, rows).bytes)
        const copy = Cells.decode(found.computation, cells.bytes, 4)
        expect(copy.bytes, found.text).toBe(cells.bytes)
        for (let i = 0; i < 4; i++) expect(copy.finalise(i, T), found.text).toEqual(cells.finalise(i, T))
        for (const state of [cells, copy]) {
          for (const column of state.columns) {
            column.dropFirst(1)
            column.clear(2)
          }
          const rest = new Cells(found.computation, 3).update(0, tiles[1] ?? []).update(1, tiles[2] ?? [])
          expect(state.bytes, found.text).toBe(rest.bytes)
          state.update(2, tiles[3] ?? [])
          expect(state.bytes, found.text).toBe(rest.update(2, tiles[3] ?? []).bytes)
        }
      })
    })

    it('takes rows out again, before or after they came, if it says that it can', () => {
      forCases(name, form, (r, found, rows) => {
        const cells = new Cells(found.computation)
        if (!cells.canRetract) return
        const gone = rows.filter(() => r.chance(0.5))
        const steps = shuffled(r, [...rows.map((row) => [row, 1] as const), ...gone.map((row) => [row, -1] as const)])
        const half = r.int(0, steps.length)
        steps.forEach(([row, sign], i) => {
          if (sign === 1) cells.update(0, [row])
          else cells.retract(0, [row])
          if (i === half) expect(Cells.decode(found.computation, cells.bytes, 1).bytes, found.text).toBe(cells.bytes)
        })
        const left = wholeOf(
          found,
          rows.filter((row) => !gone.includes(row)),
        )
        expect(cells.bytes, found.text).toBe(left.bytes)
        expect(cells.finalise(0, T), found.text).toEqual(left.finalise(0, T))
      })
    })

    it('knows parts by their new numbers after a merge of part tables', () => {
      forCases(name, form, (_, found, rows) => {
        const numbers = [1, 4, 5]
        const cells = wholeOf(found, rows)
        for (const column of cells.columns) column.renumber?.(numbers)
        const renamed = rows.map((row) => ({ ...row, part: numbers[row.part] as number }))
        expect(cells.bytes, found.text).toBe(wholeOf(found, renamed.sort(inOrder)).bytes)
      })
    })
  })

  it('says what it is, in the form that the reference wants', () => {
    const aggregate = aggregates[name]
    expect(aggregate?.name).toBe(name)
    expect(aggregate?.doc.example).toContain(`${name}(`)
    expect(aggregate?.doc.summary).toMatch(/^[a-z].*[^.]$/)
  })
})

const asNew = (row: KeyedRow): KeyedRow => ({ ...row, seq: row.seq + 1_000 })

function randomCaseExists(name: string): boolean {
  let exists = false
  forSeeds(1, (r) => {
    exists = randomCase(r, name, 'decayed') !== undefined
  })
  return exists
}
