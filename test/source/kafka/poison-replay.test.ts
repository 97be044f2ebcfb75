import { expect, test } from 'vitest'
import { isRefusal } from '../../../src/contract/index.ts'
import { type DeadLetter, replayId } from '../../../src/dead-letters/index.ts'
import type { KafkaIntake, SourceSpec, ViewSpec } from '../../../src/engine/index.ts'
import { Plan, type SourceRuntime } from '../../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../../src/shard/index.ts'
import { areWell, deliver, type EventBatch, Router } from '../../../src/source/index.ts'
import { Puller } from '../../../src/source/kafka/puller.ts'
import { random } from '../../support/random.ts'
import { field } from '../../table/deployment.ts'
import { MemoryKafka } from './memory-kafka.ts'

const START = Date.UTC(2026, 0, 1)
const intake: KafkaIntake = {
  kind: 'kafka',
  topic: 'sales',
  cluster: 'default',
  format: { kind: 'json' },
  start: 'earliest',
  onGap: 'earliest',
  onPoison: 'park',
  lingerMs: 1,
  maxIdleMs: 1_000,
}
const source: SourceSpec = {
  name: 'sales',
  fields: [field('user', 'string'), field('shop', 'string'), field('at', 'timestamp', { format: 'ms' })],
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 86_400_000,
  from: [intake],
}
const view = (entity: string): ViewSpec => ({
  name: `by_${entity}`,
  entity,
  source: 'sales',
  key: { id: entity },
  features: [{ name: 'sales', aggregate: 'count', window: { kind: 'lifetime' } }],
  exactRows: 8,
  allowedLatenessMs: 5_000,
  since: 'beginning',
})
const ENTITIES = ['user', 'shop']

test('a record that one shard takes and another fails at is counted once by each, parked and replayed', async () => {
  let now = START
  let isBroken = true
  const entities = ENTITIES.map((name) => ({ name, keys: [{ name: 'id', type: 'string' as const }] }))
  const plan = new Plan({ entities, sources: [source], views: ENTITIES.map(view), services: [] })
  const storages = new Map(ENTITIES.map((name) => [name, new MemoryStorage()]))
  const open = (name: string) => {
    const entity = plan.entities.get(name)
    if (entity === undefined) throw new Error(name)
    const part = { region: 1, epoch: 0, shard: 0 }
    return new Shard({ plan, entity, part, shards: 1, storage: storages.get(name) as MemoryStorage, now: () => now })
  }
  const shards = new Map(ENTITIES.map((name) => [name, open(name)]))
  const letters: DeadLetter[] = []
  const delivery = {
    router: new Router(plan.hash, plan.sources.get('sales') as SourceRuntime, () => 1),
    directory: {
      region: 'local',
      epoch: 0,
      shardsOf: () => 1,
      shard: (name: string) => ({
        apply: async (message: Parameters<Shard['apply']>[0]) => {
          if (name === 'shop' && isBroken && message.events.includes('"s1"')) throw new Error('this record breaks it')
          return (shards.get(name) as Shard).apply(message)
        },
        read: async (message: Parameters<Shard['read']>[0]) => (shards.get(name) as Shard).read(message),
      }),
    },
    source: 'sales',
    keep: async (kept: readonly DeadLetter[]) => void letters.push(...kept),
  }
  const kafka = new MemoryKafka(random(1))
  kafka.append(JSON.stringify({ user: 'u1', shop: 's1', at: START }), START)
  const puller = new Puller({
    intake,
    partition: 0,
    kafka,
    decoder: { decode: ({ valueText = '' }) => ({ kind: 'event', text: valueText }) },
    learn: async () => ({ kind: 'failed', message: 'no registry' }),
    hand: (batch: EventBatch) => deliver(delivery, batch),
    areWell: (batch) => areWell(delivery, batch),
    save: () => {},
    saved: undefined,
    pulls: 'home',
    elsewhere: async () => ({ kind: 'nobody' }),
    now: () => now,
    random: () => 0.9,
    sleep: async (ms) => {
      now += ms
    },
  })
  for (let runs = 0; runs < 300 && letters.length === 0; runs++) now += (await puller.run(now + 20_000)) ?? 1_000
  const [letter] = letters
  expect(letter).toMatchObject({ reason: 'poison', position: 'sales/0/0/0' })
  const counts = () =>
    ENTITIES.map((name) => {
      const run = `by_${name}.sales`
      const answer = (shards.get(name) as Shard).read({
        version: MESSAGE_VERSION,
        plan: plan.hash,
        t: now + 1,
        keys: [`${name[0]}1`],
        run,
      })
      return 'rows' in answer ? JSON.parse(answer.rows[0]?.values ?? 'null') : answer
    })
  expect(counts()).toEqual([1, 0])

  // Mended; and every shard has begun anew since.
  isBroken = false
  for (const name of ENTITIES) shards.set(name, open(name))
  const text = `[${letter?.payload}]`
  const ids = [replayId({ letter: 'x', position: 'sales/0/0/0' }, false)]
  const spans = { count: 1, starts: [1], ends: [text.length - 1], broken: new Map() }
  for (let replays = 0; replays < 2; replays++) {
    const receipt = await deliver(delivery, { text, spans, arrivalMs: now, ids, replays: ['x'] })
    if (isRefusal(receipt) || 'unavailable' in receipt) throw new Error(receipt.message)
    expect(receipt.refused).toEqual([])
    expect(counts()).toEqual([1, 1])
  }
})
