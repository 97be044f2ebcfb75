import { expect, test } from 'vitest'
import { EntityState, stateBytes, type Value } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { Cell } from '../../src/shard/cell.ts'
import { MemoryStorage } from '../../src/shard/index.ts'
import { Layouts } from '../../src/shard/layouts.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'
import { markOf } from '../oracle/oracle.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { randomDefinitions } from '../support/shards.ts'
import { randomEvents } from '../support/streams.ts'

const PART = { region: 1, epoch: 0, shard: 0 }

function layoutsOf(r: Random): Layouts {
  const entity = new Plan(randomDefinitions(r)).entities.get('user')
  if (entity === undefined) throw new Error('no entity user')
  return new Layouts(entity, new MemoryStorage())
}

/** The cell as a page would hold it, in bytes of its own. */
function encoded(cell: Cell): Uint8Array {
  const writer = new ByteWriter()
  cell.encode(writer)
  return writer.finish()
}

test('a cell that is read, let go, saved and loaded at any time holds the state of its rows', () => {
  forSeeds(150, (r) => {
    const layouts = layoutsOf(r)
    const state = new EntityState(layouts.plan)
    // More than a tail of 64 rows, and more than the 256 of a cell that is held open.
    const events = randomEvents(r, r.pick([10, 90, 400]))
    let cell = Cell.empty('key')
    events.forEach(({ time, availableAt, seq, fields }, n) => {
      const view = r.int(0, layouts.plan.length - 1)
      const row = (layouts.plan[view]?.fields ?? []).map((field): Value => fields[field.name] ?? null)
      cell.append(layouts, PART, view, time, availableAt, seq, row)
      state.raiseMark(time, availableAt)
      state.apply(view, time, state.commit(PART, seq), seq, row)
      if (r.chance(0.02)) cell.open(layouts, PART)
      if (r.chance(0.02)) cell.close()
      if (r.chance(0.05)) cell = Cell.decode(new ByteReader(encoded(cell)))
      expect(cell.mark).toBe(markOf(events.slice(0, n + 1)))
    })
    expect(cell.seq).toBe(events.at(-1)?.seq)
    expect(cell.canonical(layouts, PART)).toEqual(stateBytes(state))
    expect(Cell.decode(new ByteReader(encoded(cell))).canonical(layouts, PART)).toEqual(stateBytes(state))
  })
})

test('a cell loaded from a page never writes into the page', () => {
  forSeeds(60, (r) => {
    const layouts = layoutsOf(r)
    const events = randomEvents(r, 200)
    const fill = (cell: Cell, from: number, to: number) => {
      for (const { time, availableAt, seq, fields } of events.slice(from, to)) {
        const row = (layouts.plan[0]?.fields ?? []).map((field): Value => fields[field.name] ?? null)
        cell.append(layouts, PART, 0, time, availableAt, seq, row)
      }
    }
    const first = Cell.empty('key')
    const loadedAt = r.int(1, 150)
    fill(first, 0, loadedAt)
    // Room behind the cell: a tail that grew in place would not run into the end of the page.
    const page = new Uint8Array(encoded(first).length + 4_096).fill(0xaa)
    page.set(encoded(first))
    const before = page.slice()
    const loaded = Cell.decode(new ByteReader(page))
    fill(loaded, loadedAt, 200)
    loaded.open(layouts, PART)
    loaded.canonical(layouts, PART)
    expect(page).toEqual(before)
  })
})

test('a saved cell that has not changed is copied, and a changed one is written anew', () => {
  forSeeds(40, (r) => {
    const layouts = layoutsOf(r)
    const [one, two] = randomEvents(r, 2)
    if (one === undefined || two === undefined) throw new Error('no events')
    const cell = Cell.empty('key')
    const append = ({ time, availableAt, seq }: typeof one) => cell.append(layouts, PART, 0, time, availableAt, seq, [])
    append(one)
    const saved = encoded(cell)
    cell.wasSaved(saved)
    expect(encoded(cell)).toEqual(saved)
    append(two)
    expect(encoded(cell)).not.toEqual(saved)
    expect(Cell.decode(new ByteReader(encoded(cell))).seq).toBe(two.seq)
  })
})
