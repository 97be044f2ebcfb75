import { describe, expect, it } from 'vitest'
import { aggregates, compileView, type EntityPlan, EntityState, stateBytes } from '../../src/engine/index.ts'
import { agrees, readAll, take } from '../oracle/agreement.ts'
import { markOf, type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { eventsOf, FIELDS, randomEvents, randomView, type Step, shuffled } from '../support/streams.ts'

/** What a table's changes come to: contributions to entities, the old row out and the new one in, each delivered once or more. */
interface Contribution {
  readonly id: number
  readonly entity: number
  readonly step: Step
}

const ENTITIES = 3

/** Inserts, updates, deletes, keys that move to another entity, as the stage of a table turns them into contributions. */
function changes(r: Random, rows: readonly OracleEvent[]): Contribution[] {
  const table = new Map<number, { readonly entity: number; readonly event: OracleEvent }>()
  const sent: Contribution[] = []
  const send = (entity: number, step: Step) => sent.push({ id: sent.length, entity, step })
  rows.forEach((event) => {
    const key = r.int(0, 12)
    const before = table.get(key)
    if (before !== undefined) send(before.entity, { event: before.event, sign: -1 })
    table.delete(key)
    // A delete of an unknown key changes nothing; an update of one inserts.
    if (r.chance(0.2)) return
    const entity = before !== undefined && r.chance(0.7) ? before.entity : r.int(0, ENTITIES - 1)
    table.set(key, { entity, event })
    send(entity, { event, sign: 1 })
  })
  return sent
}

/** Delivers in order, with replays: what has come already is known by its id and changes nothing. */
function deliver(r: Random, sent: readonly Contribution[], plan: EntityPlan): EntityState[] {
  const states = Array.from({ length: ENTITIES }, () => new EntityState(plan))
  const seen = new Set<number>()
  sent.forEach((contribution, i) => {
    const replayed = r.chance(0.2) ? [sent[r.int(0, i)] as Contribution] : []
    for (const { id, entity, step } of [contribution, ...replayed]) {
      if (seen.has(id)) continue
      seen.add(id)
      const state = states[entity] as EntityState
      take(state, plan, step)
      if (r.chance(0.05)) readAll(state, plan, state.mark)
    }
  })
  return states
}

describe('features over a table', () => {
  it('are the oracle value after inserts, updates, deletes, key moves and replays, for every aggregate', () => {
    const covered = new Set<string>()
    let checks = 0
    forSeeds(500, (r) => {
      const view = randomView(r, true)
      const plan = [compileView(view, FIELDS)]
      const sent = changes(r, randomEvents(r, r.pick([20, 80, 250])))
      const states = deliver(r, sent, plan)
      states.forEach((state, entity) => {
        const events = eventsOf(sent.filter((one) => one.entity === entity).map(({ step }) => step))
        if (events.length === 0) return
        const mark = markOf(events)
        for (const t of [mark, mark + 1, mark - r.int(0, view.allowedLatenessMs), mark + r.int(0, 1e7)]) {
          const read = readAll(state, plan, t)
          view.features.forEach((feature, i) => {
            const want = oracleValue(view, feature, events, mark, t, Number.NEGATIVE_INFINITY, FIELDS)
            const got = read[i]
            const what = `${feature.aggregate} over ${JSON.stringify(feature.window)} at ${t}`
            expect(got !== undefined && agrees(feature, got, want), what).toBe(true)
            covered.add(feature.aggregate)
            checks++
          })
        }
      })
    })
    expect(covered).toEqual(new Set(Object.keys(aggregates)))
    expect(checks).toBeGreaterThan(15_000)
  })

  it('have the same state in whatever order the contributions of an entity come', () => {
    forSeeds(150, (r) => {
      const plan = [compileView(randomView(r, true), FIELDS)]
      const sent = changes(r, randomEvents(r, r.pick([20, 120])))
      const inOrder = deliver(r, sent, plan)
      const anyOrder = deliver(r, shuffled(r, sent), plan)
      for (let entity = 0; entity < ENTITIES; entity++) {
        expect(stateBytes(anyOrder[entity] as EntityState)).toEqual(stateBytes(inOrder[entity] as EntityState))
      }
    })
  })
})
