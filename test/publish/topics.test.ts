import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  bottomK,
  count,
  definitions,
  entity,
  featureService,
  featureTopic,
  featureView,
  int64,
  lifetime,
  streamSource,
  sum,
  topK,
  webhook,
} from '../../src/define/index.ts'
import { EntityState, ViewReader } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { DOUBT_MS, EntityTopics, isNewer, TopicCopy, type TopicMessage } from '../../src/publish/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import type { KafkaHttp } from '../../src/source/index.ts'
import { random } from '../support/random.ts'
import { FakeKafka } from './fake-kafka.ts'

const NOW = Date.UTC(2026, 0, 1)
const account = entity('account', { user_id: z.string(), shop: int64() })
const clicks = streamSource('clicks', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    shop: int64(),
    text: z.string(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const options = { entity: account, source: clicks, key: { user_id: 'uid', shop: 'shop' }, since: 'beginning' } as const
const stats = featureView('stats', options, () => ({ clicks: count().over(lifetime()), clicks_1h: count().over('1h') }))
const texts = featureView('texts', options, (e) => ({
  texts: topK(e.text, 64).over(lifetime()),
  lowest: bottomK(e.text, 64).over(lifetime()),
}))
const other = featureView('other', options, (e) => ({ shops: sum(e.shop).over(lifetime()) }))
const service = featureService('all', [stats, texts, other])
const topicOf = (name: string, views: readonly (typeof stats | typeof texts | typeof other)[], state = false) =>
  featureTopic(name, { views, topic: `features.${name}.{region}`, state })

/** Counts what is written, as rows of SQLite would be. */
class CountingStorage extends MemoryStorage {
  written = 0
  override writeMeta(key: string, value: string): void {
    this.written++
    super.writeMeta(key, value)
  }
  override writeJournal(slot: number, body: string): void {
    this.written++
    super.writeJournal(slot, body)
  }
  override writeBlob(kind: 'page' | 'ids' | 'filter', id: number, bytes: Uint8Array): void {
    this.written++
    super.writeBlob(kind, id, bytes)
  }
  override writeOutbox(id: number, body: string): void {
    this.written++
    super.writeOutbox(id, body)
  }
}

class Region {
  readonly kafka = new FakeKafka(random(1), () => this.clock)
  readonly storage = new CountingStorage()
  readonly reports: string[] = []
  clock = NOW
  plan!: Plan
  shard!: Shard
  topics!: EntityTopics
  private readonly name: string
  private readonly id: number
  private sent = 0

  constructor(topics: readonly ReturnType<typeof featureTopic>[], name = 'east', id = 1) {
    this.name = name
    this.id = id
    this.open(topics)
  }

  open(topics: readonly ReturnType<typeof featureTopic>[], kafka: () => KafkaHttp = () => this.kafka): void {
    this.plan = new Plan(definitions({ services: [service], topics }).spec)
    const entity = this.plan.entities.get('account')
    if (entity === undefined) throw new Error('no account')
    const { plan, storage, id } = this
    const [now, report] = [() => this.clock, (problem: string) => this.reports.push(problem)]
    this.shard = new Shard({ plan, entity, part: { region: id, epoch: 1, shard: 0 }, shards: 1, storage, now, report })
    const part = { region: this.name, epoch: 1, shard: 0 }
    this.topics = new EntityTopics({ plan, entity, part, shard: this.shard, storage, kafka, now, report })
  }

  click(uid: string, more: { readonly shop?: string; readonly text?: string; readonly at?: number } = {}): void {
    const { shop = '7', text = '', at = this.clock - 1_000 } = more
    const id = JSON.stringify(`${this.name}${this.sent++}`)
    const event = `{"id":${id},"uid":${JSON.stringify(uid)},"shop":${shop},"text":${JSON.stringify(text)},"at":"${new Date(at).toISOString()}"}`
    const { plan } = this
    const batch = { version: MESSAGE_VERSION, plan: plan.hash, source: 'clicks', arrivalMs: this.clock, fanout: '1' }
    expect(this.shard.apply({ ...batch, events: `[${event}]` })).toMatchObject({ verdicts: 'a' })
  }

  /** Sends until nothing is left to do. */
  async flush(): Promise<void> {
    for (;;) {
      const due = this.topics.topics.flatMap(({ dueMs }) => (dueMs === null ? [] : [dueMs]))
      if (due.length === 0) return
      this.clock = Math.max(this.clock, Math.min(...due))
      for (const topic of this.topics.topics)
        if ((topic.dueMs ?? Number.POSITIVE_INFINITY) <= this.clock) await topic.send()
    }
  }

  get messages(): TopicMessage[] {
    return this.kafka.log.map(({ value }) => JSON.parse(value) as TopicMessage)
  }
}

test('a message has the key sorted by name, the version, and each value with what is to be known of it', async () => {
  const east = new Region([topicOf('stats', [stats])])
  await east.flush()
  east.click('ü"', { shop: '9007199254740993', at: NOW - 7_200_000 })
  await east.flush()
  expect(east.kafka.log).toHaveLength(1)
  const [{ topic, key, value } = { topic: '', key: '', value: '' }] = east.kafka.log
  expect(topic).toBe('features.stats.east')
  expect(key).toBe('{"shop":9007199254740993,"user_id":"ü\\""}')
  expect(value).toContain(`"key":${key}`)
  const parsed = JSON.parse(value) as TopicMessage
  expect({ ...parsed, key: null, at: Date.parse(parsed.at) }).toEqual({
    topic: 'stats',
    entity: 'account',
    key: null,
    version: { region: 'east', epoch: 1, shard: 0, revision: 1, seq: 1, mark: NOW - 7_200_000 },
    at: east.clock,
    features: { 'stats.clicks': 1, 'stats.clicks_1h': 0 },
    status: { 'stats.clicks_1h': 'empty' },
  })
})

test('changes gather until a flush, and each entity is sent once, as it is then', async () => {
  const east = new Region([topicOf('stats', [stats])])
  await east.flush()
  for (let i = 0; i < 50; i++) {
    east.click(`u${i % 3}`)
    east.clock += 10
  }
  const [topic] = east.topics.topics
  expect(topic?.status).toMatchObject({ rows: 50, oldestMs: east.clock - 500, problem: null })
  expect(topic?.dueMs).toBe(east.clock - 500 + 1_000)
  await east.flush()
  expect(east.messages.map(({ features }) => features?.['stats.clicks'])).toEqual([17, 17, 16])
  expect(east.kafka.requests).toBe(1)
  expect(topic?.status).toMatchObject({ rows: 0, oldestMs: null })
})

test('without topics nothing is written for them; with topics a row a batch, for changes of their views alone', async () => {
  const written = (topics: readonly ReturnType<typeof featureTopic>[], batches: number) => {
    const region = new Region(topics)
    const before = region.storage.written
    for (let i = 0; i < batches; i++) region.click(`u${i % 7}`)
    return { written: region.storage.written - before, rows: region.storage.changes.readOutbox(1_000).length }
  }
  const none = written([], 100)
  expect(none.rows).toBe(0)
  expect(written([topicOf('stats', [stats]), topicOf('texts', [texts])], 100)).toEqual({ ...none, rows: 100 })
  expect(new Region([]).storage.readMeta('topics')).toBeUndefined()
  // A batch of which nothing was accepted leaves none.
  const region = new Region([topicOf('stats', [stats])])
  const batch = { version: MESSAGE_VERSION, plan: region.plan.hash, source: 'clicks', arrivalMs: NOW, fanout: '1' }
  region.shard.apply({ ...batch, events: '[{"id":1}]' })
  expect(region.storage.changes.readOutbox(10)).toEqual([])
})

test('a topic that is new hears of every entity, and others hear nothing of that', async () => {
  const east = new Region([topicOf('stats', [stats])])
  for (let i = 0; i < 300; i++) east.click(`u${i}`)
  await east.flush()
  expect(east.kafka.log).toHaveLength(300)
  east.kafka.log.length = 0
  east.open([topicOf('stats', [stats]), topicOf('texts', [stats, texts])])
  expect(east.topics.topics.map(({ status }) => status.sweeping)).toEqual([false, true])
  await east.flush()
  expect(east.kafka.log.map(({ topic }) => topic)).toEqual(Array(300).fill('features.texts.east'))
  expect(east.topics.topics.map(({ status }) => status.sweeping)).toEqual([false, false])
  // Opened again, it knows.
  east.open([topicOf('stats', [stats]), topicOf('texts', [stats, texts])])
  await east.flush()
  expect(east.kafka.log).toHaveLength(300)
})

test('a definition that changed is a new revision of every entity', async () => {
  const east = new Region([topicOf('stats', [stats])])
  east.click('u1')
  await east.flush()
  east.open([topicOf('stats', [stats, texts])])
  await east.flush()
  const [first, second] = east.messages
  expect(first?.version).toMatchObject({ revision: 1, seq: 1 })
  expect(second?.version).toMatchObject({ revision: 2, seq: 1 })
  expect(Object.keys(second?.features ?? {})).toEqual([
    'stats.clicks',
    'stats.clicks_1h',
    'texts.texts',
    'texts.lowest',
  ])
  expect(isNewer(second as TopicMessage, first as TopicMessage)).toBe(true)
})

test('rows that nobody waits for any more are let go, and a topic that comes back hears of everything', async () => {
  const east = new Region([topicOf('stats', [stats])])
  east.click('u1')
  east.open([])
  expect(east.storage.changes.readOutbox(10)).toEqual([])
  east.click('u2')
  east.open([topicOf('stats', [stats])])
  await east.flush()
  expect(east.messages.map(({ key }) => key.user_id).sort()).toEqual(['u1', 'u2'])
})

test('a cluster that is down costs its own topic freshness, and shows', async () => {
  const east = new Region([topicOf('stats', [stats]), topicOf('texts', [texts])])
  await east.flush()
  const down: KafkaHttp = {
    ...east.kafka,
    produce: async (topic, records) =>
      topic.includes('texts')
        ? { kind: 'failed', transient: true, message: 'no route to host' }
        : east.kafka.produce(topic, records),
  }
  east.open([topicOf('stats', [stats]), topicOf('texts', [texts])], () => down)
  for (let i = 0; i < 20; i++) {
    east.click('u1')
    east.clock += 1_000
    for (const topic of east.topics.topics) await topic.send().catch(() => {})
  }
  const [healthy, broken] = east.topics.topics
  expect(healthy?.status).toMatchObject({ rows: 0, oldestMs: null, problem: null })
  expect(broken?.status).toMatchObject({ rows: 20, oldestMs: NOW, problem: 'no route to host' })
  expect(east.storage.changes.readOutbox(100)).toHaveLength(20)
  expect(east.messages.at(-1)?.features).toMatchObject({ 'stats.clicks': 20 })
})

test('what waits is counted by what is there, also in a new process', async () => {
  const east = new Region([topicOf('stats', [stats])])
  for (let i = 0; i < 5; i++) {
    east.click('u1')
    await east.flush()
  }
  for (let i = 0; i < 3; i++) east.click('u1')
  east.open([topicOf('stats', [stats])])
  expect(east.topics.topics[0]?.status).toMatchObject({ rows: 3, oldestMs: east.clock })
})

test('a secret that cannot be read is a problem of the topic, not of the shard', async () => {
  const east = new Region([])
  east.open([topicOf('stats', [stats])], () => {
    throw new Error('The secret CONNECTIONS is no JSON.')
  })
  east.click('u1')
  await expect(east.flush()).rejects.toThrow('is no JSON')
  expect(east.topics.topics[0]?.status.problem).toBe('The secret CONNECTIONS is no JSON.')
})

test('after a failure everything is sent once more, when nothing can come late', async () => {
  const east = new Region([topicOf('stats', [stats])])
  await east.flush()
  east.click('u1')
  east.clock += 1_000
  east.kafka.failing = 1
  const [topic] = east.topics.topics
  await expect(topic?.send()).rejects.toThrow('planted')
  east.kafka.failing = 0
  const before = east.kafka.requests
  await topic?.send()
  expect(topic?.dueMs).toBe(east.clock + DOUBT_MS)
  expect(topic?.status.rows).toBe(1)
  await east.flush()
  expect(east.kafka.requests - before).toBe(2)
  expect(topic?.status.rows).toBe(0)
})

test('what would be larger than a broker takes is left out by name: the state first', async () => {
  const east = new Region([topicOf('texts', [texts], true)])
  await east.flush()
  for (let i = 0; i < 30; i++) east.click('large', { text: `${i}${'\u4e2d'.repeat(4_000)}` })
  await east.flush()
  expect(east.messages.at(-1)).toMatchObject({ omitted: ['state'], features: expect.anything() })
  for (let i = 30; i < 64; i++) east.click('large', { text: `${i}${'\u4e2d'.repeat(4_000)}` })
  await east.flush()
  expect(east.messages.at(-1)).toMatchObject({ omitted: ['features', 'state'] })
  expect(east.messages.at(-1)).not.toHaveProperty('features')
  for (const { value } of east.kafka.log) expect(Buffer.byteLength(value)).toBeLessThan(1_000_000)
})

test('the parts of two regions are merged from their messages', async () => {
  const topics = [topicOf('stats', [stats], true)]
  const regions = [new Region(topics, 'east', 1), new Region(topics, 'west', 2)]
  const [spec] = regions[0]?.plan.spec.topics ?? []
  const plan = regions[0]?.plan
  if (spec === undefined || plan === undefined) throw new Error('no topic')
  const copy = new TopicCopy(plan, spec)
  for (const [i, region] of regions.entries()) {
    for (let n = 0; n <= i * 4; n++) region.click('u1')
    await region.flush()
    for (const { key, value } of region.kafka.log) expect(copy.take(key, value)).toBe(true)
  }
  const [key = ''] = copy.keys
  const state = copy.state(key)
  expect(state).toBeInstanceOf(EntityState)
  const view = plan.entities.get('account')?.plan.find(({ spec }) => spec.name === 'stats')
  if (view === undefined) throw new Error('no view')
  const out: { value: unknown }[] = []
  const at = plan.entities.get('account')?.plan.indexOf(view) ?? 0
  const since = Float64Array.from(view.features, () => Number.NEGATIVE_INFINITY)
  new ViewReader(view).read(state?.views[at] ?? null, state?.mark ?? 0, NOW + 1, since, out as never)
  expect(out.map(({ value }) => value)).toEqual([6, 6])
  expect(copy.messages(key).map(({ version }) => version.region)).toEqual(['east', 'west'])
})

test('an entity whose stored bytes are damaged is left out and reported, and the others go on', async () => {
  const east = new Region([topicOf('stats', [stats])])
  await east.flush()
  east.click('good')
  east.click('bad')
  const { copy } = east.shard
  const { CorruptBytes } = await import('../../src/util/byte-reader.ts')
  east.shard.copy = ((key: string, make: never) => {
    if (key.startsWith('bad')) throw new CorruptBytes('entity "bad": a state that its checksum does not fit')
    return copy.call(east.shard, key, make)
  }) as typeof copy
  await east.flush()
  expect(east.messages.map(({ key }) => key.user_id)).toEqual(['good'])
  expect(east.reports).toEqual([expect.stringContaining('leaves out an entity')])
})
