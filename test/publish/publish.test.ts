import { expect, test } from 'vitest'
import type { FeatureTopicSpec, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { DOUBT_MS, EntityTopics, isNewer, stateBytesOf, TopicCopy, type TopicMessage } from '../../src/publish/index.ts'
import { type ApplyMessage, MESSAGE_VERSION, Shard } from '../../src/shard/index.ts'
import { STATUS_OF } from '../../src/shard/messages.ts'
import { toBase64 } from '../../src/util/base64.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { type Random, random } from '../support/random.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'
import { FakeKafka } from './fake-kafka.ts'

const NOW = Date.UTC(2026, 0, 1)
const PART = { region: 'east', epoch: 2, shard: 0 }
const NUMBERS = { region: 1, epoch: 2, shard: 0 }
const KEYS = ['', 'a', 'b', 'ü,"\\', 'busy', 'busy', 'busy']

/** Rows of a table, which may be taken out again: then nothing is left of an entity. */
const ROWS: SourceSpec = {
  name: 'rows',
  fields: [
    { name: 'row', type: 'string', nullable: false, optional: false },
    { name: 'owner', type: 'string', nullable: false, optional: false },
    { name: 'amount', type: 'int', nullable: false, optional: false },
    { name: 'at', type: 'timestamp', format: 'ms', nullable: false, optional: false },
  ],
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 7 * 86_400_000,
  from: [],
  changes: { key: ['row'] },
}

const owned: ViewSpec = {
  name: 'owned',
  entity: 'user',
  source: 'rows',
  key: { user_id: 'owner' },
  changes: true,
  features: [
    { name: 'rows', aggregate: 'count', window: { kind: 'lifetime' } },
    { name: 'amount', aggregate: 'sum', field: 'amount', window: { kind: 'lifetime' } },
  ],
  exactRows: 64,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}
const recent: ViewSpec = {
  ...lifetimeView,
  name: 'recent',
  features: [{ name: 'count_1h', aggregate: 'count', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } }],
}

const topic = (name: string, views: readonly string[], state: boolean): FeatureTopicSpec => ({
  ...{ name, views, state, entity: 'user', topic: `features.{region}.${name}`, cluster: 'default', flushMs: 1_000 },
})
const TABLE_TOPIC = topic('of_rows', ['owned'], true)
const STREAM_TOPIC = topic('of_events', ['ever', 'recent'], false)

function planOf(topics: readonly FeatureTopicSpec[]): Plan {
  const base = definitionsOf([lifetimeView, recent])
  const all = { ...base, sources: [...base.sources, ROWS], views: [...base.views, owned] }
  return new Plan(topics.length === 0 ? all : { ...all, topics })
}

const FULL = planOf([TABLE_TOPIC, STREAM_TOPIC])
/** What is deployed now and then: topics go, come back, and publish other views. */
const DEPLOYS = [
  FULL,
  planOf([]),
  planOf([STREAM_TOPIC]),
  planOf([TABLE_TOPIC, { ...STREAM_TOPIC, views: ['ever', 'owned'] }]),
]

/** A shard that dies and is opened again, a table that sends it rows, and the broker that hears of it all. */
class World {
  readonly storage = new CrashingStorage()
  readonly kafka: FakeKafka
  readonly reports: string[] = []
  opened = 0
  /** By source and key: the last commit by which it changed there. */
  readonly touched = new Map<string, number>()
  plan: Plan
  clock = NOW
  shard!: Shard
  topics!: EntityTopics
  private readonly r: Random
  private events = 0
  private contributions = 0
  /** Live rows by name: their owner, their number, and their text. */
  private readonly rows = new Map<string, { readonly seq: number; readonly text: string }>()

  constructor(r: Random, plan = FULL) {
    this.r = r
    this.plan = plan
    this.kafka = new FakeKafka(r, () => this.clock)
    this.open()
  }

  /** A new process: nothing but the storage, and what is on its way to the broker, is left of the old one. */
  open(plan = this.plan): void {
    this.plan = plan
    this.opened++
    const entity = plan.entities.get('user')
    if (entity === undefined) throw new Error('no user')
    const { storage } = this
    const now = () => this.clock
    const report = (problem: string) => this.reports.push(problem)
    const memoryBytes = this.r.pick([0, 1_000_000])
    this.shard = new Shard({ plan, entity, part: NUMBERS, shards: 1, storage, now, memoryBytes, report })
    const kafka = () => this.kafka
    this.topics = new EntityTopics({ plan, entity, part: PART, shard: this.shard, storage, kafka, now, report })
  }

  /** Does something that may end with the process; then it is opened anew. */
  dying(work: () => void): boolean {
    this.storage.next = this.r.chance(0.1) ? this.r.pick(['lose', 'keep'] as const) : null
    try {
      work()
      return true
    } catch (cause) {
      if (!(cause instanceof Crash)) throw cause
      this.open()
      return false
    } finally {
      this.storage.next = null
    }
  }

  event(key = this.r.pick(KEYS), at = this.clock - this.r.int(0, 3_000)): void {
    const text = eventText(plainEvent(`e${this.events++}`, key, at))
    const texts = this.r.chance(0.2) ? [text, text] : [text]
    while (!this.dying(() => apply(this.shard, message(this.plan, texts, this.clock)))) {}
    this.touched.set(`activity/${key}`, this.shard.stats.seq)
  }

  /** Puts a row in, takes it out, or moves it to another owner: as a table's shard sends it, until it is taken. */
  row(): void {
    const { r } = this
    const name = `r${r.int(0, 8)}`
    const known = this.rows.get(name)
    const changes: { sign: '+' | '-'; seq: number; text: string }[] = []
    if (known) changes.push({ sign: '-', ...known })
    if (known && r.chance(0.6)) this.rows.delete(name)
    else {
      const owner = r.pick(KEYS)
      const text = JSON.stringify({ row: name, owner, amount: r.int(-9, 99), at: NOW - r.int(0, 10_000) })
      const seq = this.contributions + changes.length + 1
      changes.push({ sign: '+', seq, text })
      this.rows.set(name, { seq, text })
    }
    const offsets = changes.map(() => ++this.contributions)
    const batch: ApplyMessage = {
      version: MESSAGE_VERSION,
      plan: this.plan.hash,
      source: 'rows',
      arrivalMs: this.clock,
      events: `[${changes.map(({ text }) => text).join()}]`,
      fanout: '1'.repeat(changes.length),
      position: { sequence: 'table/0', incarnation: 0, generation: 0, offsets },
      contributions: {
        part: { region: 1, epoch: 0, shard: 70_000 },
        signs: changes.map(({ sign }) => sign).join(''),
        seqs: changes.map(({ seq }) => seq),
        contracts: changes.map(() => 0),
      },
    }
    while (!this.dying(() => apply(this.shard, batch))) {}
    changes.forEach(({ text }, i) => {
      const { owner } = JSON.parse(text) as { owner: string }
      this.touched.set(`rows/${owner}`, this.shard.stats.seq - changes.length + 1 + i)
    })
  }

  /** One step of some topic, as an alarm would do it. */
  async step(): Promise<void> {
    const due = this.topics.topics.filter(({ dueMs }) => dueMs !== null && dueMs <= this.clock)
    if (due.length === 0) return
    this.storage.next = this.r.chance(0.1) ? this.r.pick(['lose', 'keep'] as const) : null
    try {
      await this.r.pick(due).send()
    } catch (cause) {
      if (cause instanceof Crash || this.r.chance(0.2)) this.open()
    } finally {
      this.storage.next = null
    }
  }

  /** Nothing fails any more, and time passes until nothing is left to do. */
  async finish(): Promise<void> {
    this.kafka.failing = 0
    for (let i = 0; i < 10_000; i++) {
      const due = this.topics.topics.flatMap(({ dueMs }) => (dueMs === null ? [] : [dueMs]))
      if (due.length === 0) return
      this.clock = Math.max(this.clock, Math.min(...due))
      this.kafka.settle()
      for (const one of this.topics.topics) if (one.dueMs !== null && one.dueMs <= this.clock) await one.send()
    }
    throw new Error('it never comes to an end')
  }

  records(name: string): { readonly key: string; readonly value: string }[] {
    return this.kafka.log.filter((record) => record.topic === `features.east.${name}`)
  }

  /** What the shard says of an entity at a time, as a message says it. */
  expected(spec: FeatureTopicSpec, key: string, at: number): object {
    const names = this.plan.spec.views
      .filter(({ name }) => spec.views.includes(name))
      .flatMap((view) => view.features.map((feature) => `${view.name}.${feature.name}`))
    const query = { version: MESSAGE_VERSION, plan: this.plan.hash, t: at, keys: [key], run: names.join() }
    const answer = this.shard.read(query)
    // Another view has moved the entity's mark on since.
    if ('tooOld' in answer) return {}
    if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
    const [row] = answer.rows
    const values = JSON.parse(`[${row?.values}]`) as unknown[]
    const statuses = names.map((_, i) => STATUS_OF[row?.statuses[i] ?? ''])
    return {
      features: Object.fromEntries(names.map((name, i) => [name, values[i]])),
      status: Object.fromEntries(names.flatMap((name, i) => (statuses[i] === 'present' ? [] : [[name, statuses[i]]]))),
    }
  }

  /** Whether some row of the views counts: what is not there is deleted. */
  isThere(spec: FeatureTopicSpec, key: string): boolean {
    const places = this.plan.entities
      .get('user')
      ?.plan.flatMap((view, i) => (spec.views.includes(view.spec.name) ? [i] : []))
    if (!spec.views.includes('owned'))
      return this.shard.copy(key, ({ state }) => places?.some((i) => state.views[i] !== null)) ?? false
    return [...this.rows.values()].some(({ text }) => (JSON.parse(text) as { owner: string }).owner === key)
  }
}

/** Everything that the docs promise of a topic, once it has come to rest. */
function expectCopied(world: World, spec: FeatureTopicSpec): void {
  const copy = new TopicCopy(world.plan, spec)
  const newest = new Map<string, TopicMessage>()
  const last = new Map<string, string>()
  for (const { key, value } of world.records(spec.name)) {
    const parsed = JSON.parse(value) as TopicMessage
    const known = newest.get(key)
    expect(copy.take(key, value)).toBe(known === undefined || isNewer(parsed, known))
    if (known === undefined || isNewer(parsed, known)) newest.set(key, parsed)
    last.set(key, value)
  }
  for (const key of new Set(KEYS)) {
    const recordKey = JSON.stringify({ user_id: key })
    const compacted = last.get(recordKey)
    if (!world.isThere(spec, key)) {
      expect(copy.messages(recordKey)).toEqual([])
      if (compacted !== undefined) expect(JSON.parse(compacted)).toMatchObject({ deleted: true })
      continue
    }
    const [found] = copy.messages(recordKey)
    // The last record of a key is its newest: a compacted topic keeps the right one.
    expect(JSON.parse(compacted ?? 'null')).toEqual(found)
    expect(found).toMatchObject(world.expected(spec, key, Date.parse(found?.at ?? '')))
    const about = world.shard.copy(key, ({ state, seq }) => {
      const places = state.plan.flatMap(({ spec: view }, i) => (spec.views.includes(view.name) ? [i] : []))
      return { seq, mark: state.mark, bytes: stateBytesOf(state, new Set(places)) }
    })
    const source = spec.views.includes('owned') ? 'rows' : 'activity'
    expect(found?.version.seq).toBeGreaterThanOrEqual(world.touched.get(`${source}/${key}`) ?? 0)
    // What happened since was in views that are not of this topic.
    if (found?.version.seq !== about?.seq) continue
    expect(found?.version).toMatchObject({ ...PART, mark: about?.mark })
    if (!spec.state) continue
    expect(found?.state).toBe(toBase64(about?.bytes ?? new Uint8Array()))
    const state = copy.state(recordKey)
    expect(state?.mark).toBe(about?.mark)
  }
}

test('a reader ends with what the shard has, whatever fails, comes late, comes twice, or dies', async () => {
  let [crashes, deletes, failures] = [0, 0, 0]
  await forSeedsAsync(400, async (r) => {
    const world = new World(r)
    world.kafka.failing = r.pick([0, 0.2, 0.6])
    world.kafka.latestMs = DOUBT_MS - 5_000
    for (let i = 0; i < r.pick([10, 60]); i++) {
      world.clock += r.pick([0, 1, 300, 2_000, 60_000])
      if (r.chance(0.5)) world.event()
      if (r.chance(0.5)) world.row()
      for (let steps = r.int(0, 3); steps > 0; steps--) await world.step()
      if (r.chance(0.03)) world.open()
      if (r.chance(0.03)) world.open(r.pick(DEPLOYS))
    }
    world.open(FULL)
    await world.finish()
    // What a broker still had on its way is there now.
    world.clock += 2 * DOUBT_MS
    world.kafka.settle()
    for (const spec of [TABLE_TOPIC, STREAM_TOPIC]) expectCopied(world, spec)
    expect(world.storage.changes.readOutbox(1)).toEqual([])
    expect(world.reports).toEqual([])
    failures += world.kafka.failures
    crashes += world.opened
    deletes += world.records('of_rows').filter(({ value }) => value.includes('"deleted":true')).length
  })
  expect(crashes).toBeGreaterThan(1_000)
  expect(failures).toBeGreaterThan(500)
  expect(deletes).toBeGreaterThan(500)
})

async function forSeedsAsync(count: number, property: (r: Random) => Promise<void>, first = 1): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    try {
      await property(random(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}
