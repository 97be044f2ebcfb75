/** A topic whose source gets another home, as regions.ts and docs/kafka.md say it. */
import { expect, test } from 'vitest'
import { pullsOf, readElsewhere } from '../../../durable-objects/other-pullers.ts'
import type { Decoder } from '../../../src/contract/index.ts'
import type { KafkaIntake } from '../../../src/engine/index.ts'
import type { Region, Routing, SourceRuntime } from '../../../src/plan/index.ts'
import { Puller } from '../../../src/source/kafka/puller.ts'
import type { PullerState, Pulls } from '../../../src/source/kafka/puller-state.ts'
import { random } from '../../support/random.ts'
import { MemoryKafka } from './memory-kafka.ts'

const intake: KafkaIntake = {
  kind: 'kafka',
  topic: 'activity',
  cluster: 'default',
  format: { kind: 'json' },
  start: 'earliest',
  onGap: 'earliest',
  onPoison: 'park',
  lingerMs: 100,
  maxIdleMs: 1_000,
}
const plain: Decoder = { decode: ({ valueText }) => ({ kind: 'event', text: valueText ?? '' }) }
const regionsOf = (names: readonly string[]): Region[] =>
  names.map((name, i) => ({ name, id: i + 1, epoch: 0, shards: { default: 1 } }))
const source = { spec: { name: 'orders', from: [intake] }, table: null } as unknown as SourceRuntime

/** The regions of an environment and one partition, pulled by whom the routing of the day names. */
class World {
  readonly kafka = new MemoryKafka(random(1))
  readonly taken = new Map<string, number[]>()
  readonly down = new Set<string>()
  /** Regions that were not deployed yet when the others were: no binding leads to them. */
  readonly unborn = new Set<string>()
  private readonly saved = new Map<string, PullerState>()
  private regions: readonly Region[] = []
  private routing: Routing = {}
  private pullers = new Map<string, Puller>()
  private nowMs = Date.UTC(2026, 0, 1)

  append(from: number, to: number): void {
    for (let n = from; n < to; n++) this.kafka.append(JSON.stringify({ n }), 0)
  }

  /** Every region is deployed: each object is opened anew. */
  deploy(names: readonly string[], routing: Routing): void {
    this.regions = regionsOf(names)
    this.routing = routing
    this.pullers = new Map(names.map((name) => [name, this.open(name)]))
  }

  of(name: string): Puller {
    const puller = this.pullers.get(name)
    if (puller === undefined) throw new Error(`no region ${name}`)
    return puller
  }

  private open(name: string): Puller {
    const at = { region: name, source: 'orders', topic: 'activity', partition: 0 }
    const link = (other: string) => ({
      fetch: async () => {
        if (this.down.has(other)) throw new Error('out of reach')
        return Response.json(this.of(other).status)
      },
    })
    const bound = this.regions.filter((one) => !this.unborn.has(one.name))
    const env = Object.fromEntries(bound.map((one) => [`REGION_${one.name.toUpperCase()}`, link(one.name)]))
    return new Puller({
      intake,
      partition: 0,
      kafka: this.kafka,
      decoder: plain,
      learn: async () => ({ kind: 'failed', message: 'none' }),
      hand: async ({ text, spans }) => {
        const events = Array.from({ length: spans.count }, (_, i) =>
          JSON.parse(text.slice(spans.starts[i], spans.ends[i])),
        )
        this.taken.set(name, [...(this.taken.get(name) ?? []), ...events.map(({ n }) => n)])
        return { accepted: spans.count, duplicates: 0, refused: [], commits: [] }
      },
      areWell: async () => true,
      save: (state) => void this.saved.set(name, state),
      saved: this.saved.get(name),
      pulls: pullsOf({ regions: this.regions, routing: this.routing } as never, name, source),
      elsewhere: () => readElsewhere(env, this.regions, at),
      now: () => this.nowMs,
      random: () => 0.5,
      sleep: async (ms) => {
        this.nowMs += ms
      },
    })
  }

  async run(): Promise<void> {
    for (const puller of this.pullers.values()) {
      for (let i = 0; i < 20; i++) this.nowMs += Math.max(1, (await puller.run(this.nowMs + 1)) ?? 0)
    }
  }

  get counted(): Record<string, number[]> {
    return Object.fromEntries(this.taken)
  }

  get phases(): string[] {
    return [...this.pullers.values()].map(({ status }) => status.phase)
  }
}

const BOTH = ['weur', 'enam']

test('its records are counted by one region: both wait until the partition is moved, which then goes on at the very place', async () => {
  const world = new World()
  world.append(0, 5)
  world.deploy(BOTH, { orders: { home: 'weur' } })
  await world.run()
  world.append(5, 8)
  world.deploy(BOTH, { orders: { home: 'enam', before: ['weur'] } })
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1, 2, 3, 4] })
  expect(world.phases).toEqual(['waiting', 'waiting'])
  expect(world.of('weur').status.problem).toContain('has another home now')
  expect(world.of('enam').status.problem).toMatch(/^region weur has read it up to offset \d+: move it from there$/)
  // Opened anew they wait as before.
  world.deploy(BOTH, { orders: { home: 'enam', before: ['weur'] } })
  world.of('enam').takeOver(await world.of('weur').handOver())
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1, 2, 3, 4], enam: [5, 6, 7] })
  // A home of before stays one: put back without a move, nobody pulls twice.
  world.append(8, 10)
  world.deploy(BOTH, { orders: { home: 'weur', before: ['enam'] } })
  await world.run()
  expect(world.phases).toEqual(['away', 'waiting'])
  world.of('weur').takeOver(await world.of('enam').handOver())
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1, 2, 3, 4, 8, 9], enam: [5, 6, 7] })
})

test('a routing that is put back before anything was moved goes on as if nothing had been', async () => {
  const world = new World()
  world.append(0, 5)
  world.deploy(BOTH, { orders: { home: 'weur' } })
  await world.run()
  world.deploy(BOTH, { orders: { home: 'enam', before: ['weur'] } })
  await world.run()
  world.append(5, 8)
  world.deploy(BOTH, { orders: { home: 'weur' } })
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1, 2, 3, 4, 5, 6, 7] })
})

test.each<[string, readonly string[], Routing]>([
  ['a region that is put first in regions.ts', ['apac', 'weur', 'enam'], {}],
  ['a home that is named and left without "before"', BOTH, { orders: { home: 'enam' } }],
])('%s reads nothing by itself that another one has read', async (_name, names, routing) => {
  const world = new World()
  world.append(0, 5)
  world.deploy(BOTH, {})
  await world.run()
  world.append(5, 6)
  world.deploy(names, routing)
  await world.run()
  const all = Object.values(world.counted).flat()
  expect(new Set(all).size).toBe(all.length)
})

test('a partition of a source without a home stays where it was moved, whatever is deployed', async () => {
  const world = new World()
  world.append(0, 2)
  world.deploy(BOTH, {})
  // Before its first record was read: nothing else tells that it was.
  world.of('enam').takeOver(await world.of('weur').handOver())
  world.deploy(BOTH, {})
  await world.run()
  world.append(2, 4)
  world.deploy(['apac', ...BOTH], {})
  await world.run()
  expect(world.counted).toEqual({ enam: [0, 1, 2, 3] })
  expect(world.phases).toEqual(['away', 'away', 'running'])
})

test('a new partition is begun once every other region has said that it has not read it', async () => {
  const world = new World()
  world.append(0, 2)
  world.down.add('enam')
  world.deploy(BOTH, { orders: { home: 'weur' } })
  await world.run()
  expect(world.of('weur').status).toMatchObject({
    phase: 'running',
    offset: -1,
    problem: 'whether region enam has read it cannot be asked: out of reach',
  })
  world.down.clear()
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1] })
  expect(world.of('weur').status.problem).toBeNull()
})

test('a region that was not deployed yet keeps no other one from beginning', async () => {
  const world = new World()
  world.append(0, 2)
  world.unborn.add('enam')
  world.deploy(BOTH, { orders: { home: 'weur' } })
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1] })
})

test('a region alone asks nobody', async () => {
  const world = new World()
  world.append(0, 2)
  world.deploy(['weur'], {})
  await world.run()
  expect(world.counted).toEqual({ weur: [0, 1] })
})

test.each<[Routing, string, Pulls]>([
  [{}, 'weur', 'first'],
  [{}, 'enam', 'moved'],
  [{ orders: { home: 'enam' } }, 'weur', 'never'],
  [{ orders: { home: 'enam' } }, 'enam', 'home'],
])('routed %j, %s pulls: %s', (routing, name, pulls) => {
  expect(pullsOf({ regions: regionsOf(BOTH), routing } as never, name, source)).toBe(pulls)
})
