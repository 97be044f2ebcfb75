import { expect, test } from 'vitest'
import { EntityState, jsonText, type ResultType, stateBytes, type Value } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, type Shard } from '../../src/shard/index.ts'
import { LETTER_OF } from '../../src/shard/messages.ts'
import { ESTIMATES } from '../oracle/agreement.ts'
import { markOf, type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { eventText, message, openShard, randomDefinitions, type SentEvent } from '../support/shards.ts'
import { FIELDS, randomEvents, shuffled } from '../support/streams.ts'

const PART = { region: 1, epoch: 0, shard: 0 }
const KEYS = ['', 'a', 'b', 'ü,"\\', 'busy', 'busy', 'busy']

interface Accepted {
  readonly event: SentEvent
  readonly seq: number
  readonly availableAt: number
}

/** A client over a shard that dies, and beside them the model: what the shard must have accepted, with its order keys. */
class World {
  readonly accepted = new Map<string, Accepted>()
  readonly storage = new CrashingStorage()
  readonly plan: Plan
  crashes = 0
  private readonly r: Random
  private clock = 0
  /** Of the shard that lives now; and what a new one finds, which is that of the last batch with something in it. */
  private availableAt = 0
  private durableAt = 0
  private shard: Shard

  constructor(r: Random) {
    this.r = r
    this.plan = new Plan(randomDefinitions(r))
    this.shard = this.open()
  }

  open(): Shard {
    // A tiny budget: every page that is saved is let go.
    const memoryBytes = this.r.pick([0, 4_000, 1_000_000])
    return openShard({ plan: this.plan, storage: this.storage, now: () => this.clock, memoryBytes })
  }

  /** Sends a batch until it is acknowledged, cut anew after each crash. */
  send(batch: readonly SentEvent[], clock: number): void {
    this.clock = clock
    for (let rest = batch; rest.length > 0; ) {
      const part = rest.slice(0, this.r.int(1, rest.length))
      const next = this.r.chance(0.15) ? this.r.pick(['lose', 'keep'] as const) : null
      this.storage.next = next
      // The clock of a machine that took over may be behind.
      if (this.r.chance(0.1)) this.clock -= this.r.int(0, 60_000)
      const verdicts = this.tryApply(part, clock)
      const expected = next === 'lose' ? undefined : this.model(part)
      if (verdicts !== undefined) {
        expect(verdicts).toBe(expected)
        rest = rest.slice(part.length)
      }
      if (verdicts === undefined || this.r.chance(0.03)) {
        this.crashes++
        this.shard = this.open()
        this.availableAt = this.durableAt
      }
    }
  }

  private tryApply(part: readonly SentEvent[], arrivalMs: number): string | undefined {
    try {
      const answer = this.shard.apply(message(this.plan, part.map(eventText), arrivalMs))
      if ('unavailable' in answer) throw new Error(answer.message)
      return answer.verdicts
    } catch (cause) {
      if (cause instanceof Crash) return undefined
      throw cause
    }
  }

  /** What the shard has to say of a batch whose writes were kept. */
  private model(part: readonly SentEvent[]): string {
    this.availableAt = Math.max(this.availableAt, this.clock)
    return part
      .map((event) => {
        if (this.accepted.has(event.id)) return 'd'
        this.durableAt = this.availableAt
        this.accepted.set(event.id, { event, seq: this.accepted.size + 1, availableAt: this.availableAt })
        return 'a'
      })
      .join('')
  }

  /** The canonical bytes of everything accepted, applied in another order. */
  expected(): [string, Uint8Array][] {
    const plan = this.plan.entities.get('user')?.plan ?? []
    const states = new Map<string, EntityState>()
    for (const { event, seq, availableAt } of shuffled(this.r, [...this.accepted.values()])) {
      plan.forEach((view, i) => {
        const key = view.spec.key.user_id === 'uid' ? event.uid : event.friend
        const state = states.get(key) ?? new EntityState(plan)
        states.set(key, state)
        state.raiseMark(event.at, availableAt)
        const row = view.fields.map((field): Value => event.fields[field.name] ?? null)
        state.apply(i, event.at, state.commit(PART, seq), seq, row)
      })
    }
    return [...states]
      .map(([key, state]): [string, Uint8Array] => [key, stateBytes(state)])
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** The events of one entity in one view, as the oracle wants them. */
  eventsOf(key: string, keyField: 'uid' | 'friend'): OracleEvent[] {
    return [...this.accepted.values()]
      .filter(({ event }) => event[keyField] === key)
      .map(({ event, seq, availableAt }) => ({ time: event.at, availableAt, ...PART, seq, fields: event.fields }))
  }
}

function randomStream(r: Random): { event: SentEvent; clock: number }[] {
  return randomEvents(r, r.pick([5, 40, 120])).map(({ time, availableAt, fields }, i) => ({
    event: { id: `e${i}`, uid: r.pick(KEYS), friend: r.pick(KEYS), at: time, fields },
    clock: availableAt,
  }))
}

/** Sends everything in batches of any size, with events of before in between. */
function drive(r: Random, world: World): void {
  const stream = randomStream(r)
  for (let at = 0; at < stream.length; ) {
    const batch = stream.slice(at, at + r.int(1, r.pick([1, 8, 30])))
    at += batch.length
    const known = stream.slice(0, at).map(({ event }) => event)
    const repeats = Array.from({ length: r.chance(0.3) ? r.int(1, 5) : 0 }, () => r.pick(known))
    world.send(shuffled(r, [...batch.map(({ event }) => event), ...repeats]), batch.at(-1)?.clock ?? 0)
  }
}

test('whatever is lost, kept or sent again, the state is that of the accepted events in any order', () => {
  let crashes = 0
  forSeeds(250, (r) => {
    const world = new World(r)
    drive(r, world)
    crashes += world.crashes
    const shard = world.open()
    expect(shard.stats.seq).toBe(world.accepted.size)
    expect(shard.canonical()).toEqual(world.expected())
  })
  expect(crashes).toBeGreaterThan(500)
})

test('reads after crashes give the oracle value, status and exactness', () => {
  forSeeds(
    60,
    (r) => {
      const world = new World(r)
      drive(r, world)
      const shard = world.open()
      const views = world.plan.spec.views
      for (const key of new Set(KEYS)) {
        const all = [...world.eventsOf(key, 'uid'), ...world.eventsOf(key, 'friend')]
        if (all.length === 0) continue
        for (const view of views) {
          const features = view.features.map((feature) => `${view.name}.${feature.name}`).join()
          const t = Math.max(markOf(all) - view.allowedLatenessMs, r.pick(all).time + r.pick([-1_000, 0, 1, 60_000]))
          const answer = shard.read({
            version: MESSAGE_VERSION,
            plan: world.plan.hash,
            t,
            keys: [key],
            run: features,
          })
          if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
          const want = view.features.map((feature) =>
            oracleValue(
              view,
              feature,
              world.eventsOf(key, view.key.user_id as 'uid' | 'friend'),
              markOf(all),
              t,
              Number.NEGATIVE_INFINITY,
              FIELDS,
            ),
          )
          const [row] = answer.rows
          expect(row?.statuses).toBe(want.map(({ status }) => LETTER_OF[status]).join(''))
          const plan = world.plan.entities.get('user')?.plan.find(({ spec }) => spec.name === view.name)
          const types = plan?.features.map(({ resultType }) => resultType) ?? []
          const got = JSON.parse(`[${row?.values}]`) as unknown[]
          want.forEach(({ value, exact }, i) => {
            // What an estimate may be is the engine's own test.
            if (ESTIMATES.includes(view.features[i]?.aggregate ?? '')) return
            expect(row?.exact[i], view.features[i]?.name).toBe(exact ? '1' : '0')
            expect(got[i]).toEqual(JSON.parse(jsonText(value, types[i] as ResultType)))
          })
        }
      }
    },
    1_000,
  )
})
