import { describe, expect, it } from 'vitest'
import { aggregates, compileView, decodeState, EntityState, explain, stateBytes } from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'
import { compare, randomCase, same, take } from '../oracle/agreement.ts'
import { report, shrink } from '../oracle/shrink.ts'
import { forSeeds, random } from '../support/random.ts'
import { FIELDS, randomEvents, randomSteps, randomView, type Step, shuffled } from '../support/streams.ts'

function feed(state: EntityState, steps: readonly Step[]): void {
  for (const step of steps) take(state, state.plan, step)
}

describe('the engine against the naive oracle', () => {
  it('gives the oracle value, status, reason and exactness for random views, streams, retractions and read times', () => {
    let checks = 0
    const covered = new Set<string>()
    const statuses = new Set<string>()
    for (let seed = 1; checks < CHECKS; seed++) {
      const found = randomCase(random(seed))
      const result = compare(found)
      if (result.mismatches.length > 0) throw new Error(`seed ${seed}\n${report(shrink(found))}`)
      checks += result.checks
      for (const status of result.statuses) statuses.add(status)
      for (const { aggregate, window } of found.view.features) covered.add(aggregate).add(`over ${window.kind}`)
    }
    // Every aggregate and every kind of window: what the search never meets it proves nothing of.
    expect(covered.size).toBe(Object.keys(aggregates).length + KINDS_OF_WINDOWS)
    expect([...statuses]).toEqual(
      expect.arrayContaining(['present', 'empty', 'expired', 'expired inexact', 'error limit']),
    )
  })

  it('explains a value by just the rows and tiles that it was computed from', () => {
    forSeeds(200, (r) => {
      const { view, steps, times } = randomCase(r)
      const state = new EntityState([compileView(view, FIELDS)])
      feed(state, steps)
      for (const t of times) {
        view.features.forEach((feature, i) => {
          const told = explain(state, 0, i, t, Number.NEGATIVE_INFINITY)
          const kept = told.rows.filter((row) => row.admitted)
          if (feature.aggregate !== 'count' || feature.field !== undefined || feature.groupBy) return
          if (told.value.status === 'error' || ['decayed', 'lastN'].includes(feature.window.kind)) return
          const tiles = told.tiles.reduce((sum, tile) => sum + Number(tile.value ?? 0), 0)
          expect(tiles + kept.length, `${told.feature} at ${t}`).toBe(told.value.value)
        })
      }
    })
  })
})

const KINDS_OF_WINDOWS = 7
/** Fewer where each of a thousand mutants is tried: `npm run mutate`. */
const CHECKS = Number(process.env.TIDEMARK_CHECKS ?? 50_000)

describe('state is a function of the set of events', () => {
  it('has the same canonical bytes for any order, batching, round trip through bytes, split and merge', () => {
    forSeeds(400, (r) => {
      const isTable = r.chance(0.4)
      const plan = [compileView(randomView(r, isTable), FIELDS), compileView(randomView(r, isTable), FIELDS)]
      const events = randomEvents(r, r.pick([2, 30, 150, 300]), 3)
      const steps = randomSteps(r, events, isTable ? 0.3 : 0)
      const whole = new EntityState(plan)
      feed(whole, steps)
      const bytes = stateBytes(whole)

      const anyOrder = new EntityState(plan)
      for (const step of shuffled(r, steps)) {
        feed(anyOrder, [step])
        if (r.chance(0.05)) anyOrder.settle()
      }
      expect(stateBytes(anyOrder), 'another order').toEqual(bytes)

      let paged = new EntityState(plan)
      for (const step of shuffled(r, steps)) {
        feed(paged, [step])
        if (r.chance(0.1)) paged = decodeState(new ByteReader(stateBytes(paged)), plan)
      }
      expect(stateBytes(paged), 'paged in and out').toEqual(bytes)

      const parts = [new EntityState(plan), new EntityState(plan), new EntityState(plan)]
      for (const step of shuffled(r, steps)) feed(parts[step.event.shard] as EntityState, [step])
      for (const part of shuffled(r, parts)) if (r.chance(0.3)) part.settle()
      const merged = new EntityState(plan)
      for (const part of shuffled(r, parts)) merged.merge(part)
      expect(stateBytes(merged), 'merged parts').toEqual(bytes)
      const [a, b, c] = parts as [EntityState, EntityState, EntityState]
      b.merge(c)
      a.merge(b)
      expect(stateBytes(a), 'merged the other way round').toEqual(bytes)
      const nothing = new EntityState(plan)
      a.merge(nothing)
      expect(stateBytes(a), 'merged with nothing').toEqual(bytes)
    })
  })

  it('is pruned at any moment without changing what can be read', () => {
    forSeeds(150, (r) => {
      const found = randomCase(r)
      const everywhere = { ...found, disturbed: found.steps.map((_, i) => i) }
      const results = [found, everywhere].map((one) => compare(one).mismatches)
      expect(results).toEqual([[], []])
    })
  })
})

describe('comparing values', () => {
  it('tells apart what differs in one bit, and takes lists and maps apart', () => {
    expect(same(0, -0)).toBe(false)
    expect(same([1, 2], [1, 2])).toBe(true)
    expect(same([1, 2], [2, 1])).toBe(false)
    expect(same({ a: 1n }, { a: 1n })).toBe(true)
    expect(same({ a: 1n }, { a: 1 })).toBe(false)
  })
})
