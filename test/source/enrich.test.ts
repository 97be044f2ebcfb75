import { expect, test } from 'vitest'
import { isRefusal } from '../../src/contract/index.ts'
import type { FieldSpec, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import { Plan, type SourceRuntime, shardOf } from '../../src/plan/index.ts'
import { type ApplyMessage, MESSAGE_VERSION, type RowsMessage, type TableDirectory } from '../../src/shard/index.ts'
import { areWell, type Delivery, deliver, Enricher, Router, requestBatch } from '../../src/source/index.ts'
import { forSeeds, type Random } from '../support/random.ts'

const NOW = Date.UTC(2026, 0, 1)

const field = (name: string, type: FieldSpec['type'], more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})
const none = { nullable: true, optional: true }
const base = { maxFutureMs: 300_000, redeliveryHorizonMs: 86_400_000, from: [{ kind: 'webhook' }] } as const
const PRODUCTS: SourceSpec = {
  ...base,
  name: 'products',
  fields: [
    field('shop', 'int64'),
    field('pid', 'string'),
    field('name', 'string'),
    field('at', 'timestamp', { format: 'ms' }),
  ],
  time: 'at',
  changes: { key: ['shop', 'pid'] },
}
const DEVICES: SourceSpec = {
  ...base,
  name: 'devices',
  fields: [
    field('device', 'string', { format: 'uuid' }),
    field('os', 'string'),
    field('at', 'timestamp', { format: 'ms' }),
  ],
  time: 'at',
  changes: { key: ['device'] },
}
const CLICKS: SourceSpec = {
  ...base,
  name: 'clicks',
  fields: [
    field('id', 'string'),
    field('uid', 'string'),
    field('s', 'int', none),
    field('p', 'string', none),
    field('d', 'string', { ...none, format: 'uuid' }),
    field('at', 'timestamp', { format: 'ms' }),
    field('name', 'string', { ...none, enriched: true }),
    field('os', 'string', { ...none, enriched: true }),
  ],
  id: 'id',
  time: 'at',
  enrich: [
    { table: 'products', on: ['s', 'p'], columns: [{ column: 'name', as: 'name' }], unknown: 'null' },
    { table: 'devices', on: ['d'], columns: [{ column: 'os', as: 'os' }], unknown: 'null' },
  ],
}
const VIEW: ViewSpec = {
  name: 'v',
  entity: 'user',
  source: 'clicks',
  key: { user_id: 'uid' },
  features: [{ name: 'n', aggregate: 'count', field: 'name', window: { kind: 'lifetime' } }],
  exactRows: 2,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}
const plan = new Plan({
  entities: [{ name: 'user', keys: [{ name: 'user_id', type: 'string' }] }],
  sources: [CLICKS, PRODUCTS, DEVICES],
  views: [VIEW],
  services: [],
})
const source = plan.sources.get('clicks') as SourceRuntime

const TABLES = 3
const DEVICE = '0190b7a4-7c1e-7b1a-8b1a-0123456789ab'

interface World {
  readonly delivery: Delivery
  readonly asked: (RowsMessage & { readonly place: string })[]
  readonly sent: ApplyMessage[]
}

/** Tables of every row whose key `has`, with a column that says whose it is; and shards that take everything. */
function world(
  has: (table: string, key: string) => boolean = () => true,
  more: { readonly row?: (key: string) => string; readonly rows?: (asked: RowsMessage) => Promise<never> } = {},
): World {
  const asked: World['asked'] = []
  const sent: ApplyMessage[] = []
  const { row = (key) => key } = more
  const tables: TableDirectory = {
    shards: TABLES,
    shard: (table, shard) => ({
      apply: async () => ({ unavailable: 'overloaded', message: 'not asked for' }),
      rows: async (message) => {
        if (more.rows) return await more.rows(message)
        asked.push({ ...message, place: `${table}/${shard}` })
        for (const key of message.keys) expect(shardOf(key, TABLES)).toBe(shard)
        return { rows: message.keys.map((key) => (has(table, key) ? JSON.stringify(['0/0/1', row(key)]) : null)) }
      },
    }),
  }
  const directory = {
    region: 'here',
    epoch: 0,
    shardsOf: () => 2,
    shard: () => ({
      apply: async (message: ApplyMessage) => {
        sent.push(message)
        return { verdicts: 'a'.repeat(message.fanout.length), refused: [], seq: 1 }
      },
      read: async () => ({ unavailable: 'overloaded' as const, message: '' }),
    }),
  }
  const router = new Router(plan.hash, source, directory.shardsOf)
  const enricher = Enricher.of(plan, source) as Enricher
  return { delivery: { router, directory, tables, enricher, source: 'clicks', keep: async () => {} }, asked, sent }
}

async function send({ delivery }: World, text: string) {
  const batch = requestBatch(text, NOW)
  if (isRefusal(batch)) throw new Error(batch.message)
  return await deliver(delivery, batch)
}

/** By event id what the messages say that it is enriched with. */
function stampsOf(sent: readonly ApplyMessage[]): Map<string, (string | null)[]> {
  const found = new Map<string, (string | null)[]>()
  for (const { events, stamps } of sent) {
    const rows = JSON.parse(stamps?.rows ?? '') as [string, string][]
    const places = (stamps?.of ?? '').split(',')
    const list = JSON.parse(events) as { id: string }[]
    expect(places).toHaveLength(list.length * 2)
    expect(new Set(rows.map(([, row]) => row)).size).toBe(rows.length)
    list.forEach(({ id }, i) => {
      const own = places.slice(i * 2, i * 2 + 2)
      found.set(
        id,
        own.map((place) => (place === '' ? null : (rows[Number(place)]?.[1] ?? null))),
      )
    })
  }
  return found
}

const quote = (r: Random, text: string) =>
  r.chance(0.3)
    ? `"${[...text].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
    : JSON.stringify(text)

test('each event has the row that its parsed fields name, however it is written', async () => {
  const texts = ['a', 'b,c', 'x\\', '', 'ü', '7', 'true']
  const bodies: string[] = []
  const wants: Map<string, (string | null)[]>[] = []
  forSeeds(150, (r) => {
    const want = new Map<string, (string | null)[]>()
    const events = Array.from({ length: r.int(1, 30) }, (_, i) => {
      const [s, p] = [r.pick([null, undefined, 7, -3]), r.pick([null, undefined, ...texts])]
      const d = r.pick([null, undefined, DEVICE, DEVICE.toUpperCase()])
      const members = [
        `"id":"e${i}"`,
        `"uid":${JSON.stringify(r.pick(['ann', 'bob', 'ü']))}`,
        ...(s === undefined ? [] : [`"s":${s === 7 && r.chance(0.3) ? '7.0' : s}`]),
        ...(p === undefined ? [] : [`"p":${p === null ? 'null' : quote(r, p)}`]),
        ...(d === undefined ? [] : [`"d":${JSON.stringify(d)}`]),
        `"at":${NOW}`,
        ...(r.chance(0.2) ? ['"nested":{"p":"no","s":9}'] : []),
        ...(r.chance(0.2) ? ['"name":"sent by nobody"'] : []),
      ]
      const product =
        s === null || s === undefined || p === null || p === undefined ? null : `${s},${p.replace(/[,\\]/g, '\\$&')}`
      want.set(`e${i}`, [product, d ? DEVICE : null])
      return `{${members.join()}}`
    })
    bodies.push(r.chance(0.5) ? events.join('\n') : `[${events.join()}]`)
    wants.push(want)
  })
  for (const [i, body] of bodies.entries()) {
    const w = world()
    await send(w, body)
    const found = stampsOf(w.sent)
    for (const [id, want] of wants[i] as Map<string, (string | null)[]>) expect(found.get(id), body).toEqual(want)
  }
})

test('a row is asked for once a batch, however many events name it, and each shard of a table in one question', async () => {
  const w = world((_, key) => key !== '7,b')
  const events = Array.from({ length: 600 }, (_, i) =>
    JSON.stringify({ id: `e${i}`, uid: `u${i % 9}`, s: 7, p: 'abc'[i % 3], d: DEVICE, at: NOW }),
  )
  expect(await send(w, events.join('\n'))).toMatchObject({ accepted: 600 })
  const products = w.asked.filter(({ place }) => place.startsWith('products/'))
  expect(products.flatMap(({ keys }) => keys).sort()).toEqual(['7,a', '7,b', '7,c'])
  expect(new Set(products.map(({ place }) => place)).size).toBe(products.length)
  expect(w.asked.filter(({ place }) => place.startsWith('devices/'))).toMatchObject([
    { keys: [DEVICE], columns: ['os'] },
  ])
  expect(products[0]).toMatchObject({ version: MESSAGE_VERSION, plan: plan.hash, columns: ['name'] })
  const found = stampsOf(w.sent)
  expect(found.get('e0')).toEqual(['7,a', DEVICE])
  expect(found.get('e1')).toEqual([null, DEVICE])
})

test('many keys are asked for in several questions, and what an answer leaves out is asked for again', async () => {
  const asked: number[] = []
  const w = world()
  const tables: TableDirectory = {
    shards: 1,
    shard: () => ({
      apply: async () => ({ unavailable: 'overloaded', message: '' }),
      rows: async ({ keys }) => {
        asked.push(keys.length)
        return { rows: keys.slice(0, 4_000).map((key) => JSON.stringify(['0/0/1', key])) }
      },
    }),
  }
  const events = Array.from({ length: 12_000 }, (_, i) => `{"id":"e${i}","uid":"u","s":7,"p":"p${i}","at":${NOW}}`)
  expect(await send({ ...w, delivery: { ...w.delivery, tables } }, `[${events.join()}]`)).toMatchObject({
    accepted: 12_000,
  })
  expect(asked).toEqual([5_000, 5_000, 4_000])
  expect(stampsOf(w.sent).get('e11999')).toEqual(['7,p11999', null])
  expect(stampsOf(w.sent).size).toBe(12_000)
})

test('messages stay as small as without rows: long rows take events to several messages, and an event with too long a row is refused', async () => {
  const long = world(undefined, { row: (key) => key + 'x'.repeat(100_000) })
  const events = Array.from({ length: 20 }, (_, i) => `{"id":"e${i}","uid":"u","s":7,"p":"p${i}","at":${NOW}}`)
  expect(await send(long, events.join('\n'))).toMatchObject({ accepted: 20 })
  expect(long.sent.length).toBeGreaterThan(3)
  for (const { events, stamps } of long.sent) {
    expect(events.length + (stamps?.rows.length ?? 0) + (stamps?.of.length ?? 0)).toBeLessThanOrEqual(512 * 1024 + 2)
  }
  expect(stampsOf(long.sent).size).toBe(20)

  const huge = world(undefined, { row: () => 'x'.repeat(600_000) })
  expect(await send(huge, `${events[0]}\n{"id":"e","uid":"u","at":${NOW}}`)).toMatchObject({
    accepted: 1,
    refused: [{ index: 0, reason: 'too_large', message: expect.stringContaining('that it is enriched with') }],
  })
})

test('nothing is sent, and nothing is lost, while a table is out of reach', async () => {
  const event = `{"id":"e","uid":"u","s":7,"p":"a","at":${NOW}}`
  const failing: [what: (asked: RowsMessage) => Promise<never>, expected: object][] = [
    [
      async () => {
        throw new Error('no such object')
      },
      {
        unavailable: 'shard_failed',
        message: expect.stringMatching(/^table products\/\d, whose rows .* did not answer: no such object$/),
      },
    ],
    [
      async () => ({ unavailable: 'unknown_plan', message: 'plan x' }) as never,
      { unavailable: 'unknown_plan', message: 'plan x' },
    ],
    [async () => ({ rows: [] }) as never, { unavailable: 'shard_failed' }],
    [
      async () => ({ rows: [JSON.stringify(['0/0/1', 'x'.repeat(9_000_000)])] }) as never,
      { unavailable: 'overloaded', message: expect.stringContaining('send fewer events at once') },
    ],
  ]
  for (const [rows, expected] of failing) {
    const w = world(undefined, { rows })
    expect(await send(w, event)).toMatchObject(expected)
    expect(w.sent).toEqual([])
    const batch = requestBatch(event, NOW)
    // A record is no poison because a table cannot be reached.
    expect(isRefusal(batch) || (await areWell(w.delivery, batch))).toBe(false)
  }
  const well = world()
  const batch = requestBatch(event, NOW)
  expect(isRefusal(batch) || (await areWell(well.delivery, batch))).toBe(true)
  expect(well.sent).toMatchObject([{ events: '[]', fanout: '' }])
})

test('an event too long for any message is asked about at no table', async () => {
  const w = world()
  const event = JSON.stringify({ id: 'e', uid: 'u', s: 7, p: 'a', at: NOW, pad: 'x'.repeat(600_000) })
  expect(await send(w, event)).toMatchObject({ refused: [{ reason: 'too_large' }] })
  expect(w.asked).toEqual([])
})

test('nor is what the format of its source refused', async () => {
  const w = world()
  const text = `{"id":"e","uid":"u","s":7,"p":"a","at":${NOW}}`
  const broken = new Map([[0, { reason: 'poison', message: 'it fails each time' } as const]])
  const spans = { count: 1, starts: [0], ends: [text.length], broken }
  const receipt = await deliver(w.delivery, { text, spans, arrivalMs: NOW })
  expect(receipt).toMatchObject({ refused: [{ reason: 'poison' }] })
  expect(w.asked).toEqual([])
})
