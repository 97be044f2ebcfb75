import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Decoded, decoderOf, SchemaStore } from '../../../src/contract/index.ts'
import type { DebeziumFormat, FieldSpec, SourceSpec } from '../../../src/engine/index.ts'
import { bytesOf, linesOf, outcome, type Recorded, record, recordedTopic } from './records.ts'

const nullable = { nullable: true, optional: false } as const
const source = (name: string, fields: readonly FieldSpec[], key?: string): SourceSpec => ({
  name,
  fields,
  time: fields.at(-1)?.name ?? '',
  maxFutureMs: 1,
  redeliveryHorizonMs: 1,
  from: [],
  ...(key !== undefined && { changes: { key: [key] } }),
})
const activity: FieldSpec[] = [
  { name: 'id', type: 'int64', nullable: false, optional: false },
  { name: 'user_id', type: 'string', ...nullable },
  { name: 'event_type', type: 'string', ...nullable },
  { name: 'product_id', type: 'string', ...nullable },
  { name: 'amount', type: 'decimal(2)', ...nullable },
  { name: 'created_at', type: 'timestamp', format: 'iso', ...nullable },
]
const catalog: FieldSpec[] = [
  { name: 'product_id', type: 'string', nullable: false, optional: false },
  { name: 'name', type: 'string', ...nullable },
  { name: 'price', type: 'decimal(2)', ...nullable },
  { name: 'stock', type: 'int', ...nullable },
  { name: 'tags', type: 'string', ...nullable },
  { name: 'updated_at', type: 'timestamp', format: 'ms', ...nullable },
]
const precise: DebeziumFormat = { kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' }
const texts: DebeziumFormat = { ...precise, decimals: 'string', times: 'isostring' }
const inserts = (format: DebeziumFormat): DebeziumFormat => ({ ...format, only: 'inserts' })

function decodeAll(format: DebeziumFormat, of: SourceSpec, topic: readonly Recorded[]): Record<string, unknown> {
  const decoder = decoderOf(format, of, new SchemaStore())
  return Object.fromEntries(
    topic.map(({ partition, offset, record }) => [`${partition}/${offset}`, outcome(decoder.decode(record))]),
  )
}

// What follows is read off seed.sql and dml.sql. Rows are id, user_id, event_type, product_id, amount, created_at.
const row = (id: number, ...[user_id, event_type, product_id, amount, created_at]: readonly (string | null)[]) => ({
  id,
  user_id,
  event_type,
  product_id,
  amount,
  created_at,
})
const u1 = row(1, 'u1', 'view', 'p1', null, '2026-01-02T03:04:05.123456Z')
const u2 = row(2, 'u2', 'purchase', 'p2', '19.90', '2026-01-02T01:04:06.000000Z')
const u3 = row(3, 'u3', 'purchase', 'p3', '-0.05', '2026-01-02T03:04:07.000000Z')
const d4 = row(4, 'd4', 'purchase', 'p2', '99999999.99', '2026-03-01T00:00:00.100000Z')
const tx1 = row(5, 'tx1', 'view', 'p1', '1.00', '2026-03-01T00:00:01.000000Z')
const inf = row(6, 'inf', 'view', null, null, 'infinity')
const old = row(7, 'old', 'view', null, '0.00', '-0043-03-15T12:00:00.000000Z')
const f9 = row(8, 'f9', 'purchase', 'p2', '12.30', '2026-03-02T00:00:00.000000Z')
const f9Paid = { ...f9, amount: '45.60' }

const asStream = {
  '0/0': u1,
  '0/1': u2,
  '0/2': d4,
  '0/3': 'not_insert',
  '0/4': 'not_insert',
  '0/5': 'not_insert',
  '0/6': 'tombstone',
  '1/0': tx1,
  '1/1': 'not_insert',
  '1/2': inf,
  '1/3': old,
  // The other half of `update user_activity set id = 2000`: the purchase was an event before.
  '1/4': 'not_insert',
  '1/5': 'not_insert',
  '1/6': 'tombstone',
  '2/0': f9,
  '2/1': 'not_insert',
  '2/2': 'not_insert',
  '2/3': 'tombstone',
  '3/0': u3,
  '3/1': 'not_insert',
  '3/2': 'tombstone',
  '3/3': 'not_insert',
}

const asTable: Readonly<Record<string, object | string>> = {
  '0/0': { ...u1, $op: 'r' },
  '0/1': { ...u2, $op: 'r' },
  '0/2': { ...d4, $op: 'c' },
  '0/3': { ...u1, amount: '5.00', $op: 'u' },
  '0/4': { ...u1, amount: '5.00', $op: 'u' },
  '0/5': { id: 2, $op: 'd' },
  '0/6': 'tombstone',
  '1/0': { ...tx1, $op: 'c' },
  '1/1': { ...tx1, event_type: 'click', $op: 'u' },
  '1/2': { ...inf, $op: 'c' },
  '1/3': { ...old, $op: 'c' },
  '1/4': { ...f9Paid, id: 2000, $op: 'c' },
  '1/5': { id: 2000, $op: 'd' },
  '1/6': 'tombstone',
  '2/0': { ...f9, $op: 'c' },
  '2/1': { ...f9Paid, $op: 'u' },
  '2/2': { id: 8, $op: 'd' },
  '2/3': 'tombstone',
  '3/0': { ...u3, $op: 'r' },
  '3/1': { id: 3, $op: 'd' },
  '3/2': 'tombstone',
  '3/3': { ...u2, id: 1002, $op: 'c' },
}

/** The expected changes with what the envelopes of this recording say of the log; none of it follows from the statements. */
function withLog(expected: Readonly<Record<string, object | string>>, topic: readonly Recorded[]) {
  return Object.fromEntries(
    topic.map(({ partition, offset, record: { value } }) => {
      const change = expected[`${partition}/${offset}`]
      if (typeof change !== 'object' || value === null) return [`${partition}/${offset}`, change]
      const { source, transaction } = JSON.parse(Buffer.from(value).toString('utf8'))
      const order = transaction === null ? {} : { $order: transaction.total_order }
      return [`${partition}/${offset}`, { ...change, $lsn: String(source.lsn), $time: source.ts_ms, ...order }]
    }),
  )
}

const binary = recordedTopic('debezium-3.7.0/user_activity.binary.jsonl')
const strings = recordedTopic('debezium-3.7.0/string-mode/dbserver1.public.user_activity.json.jsonl')

test('inserted and snapshotted rows of the recorded topic are events, and nothing else is', () => {
  expect(decodeAll(inserts(precise), source('s', activity), binary)).toEqual(asStream)
})

test('with texts for decimals and times the same rows come out, and NaN is null there too', () => {
  const all = decodeAll(inserts(texts), source('s', activity), strings)
  // The truncate was skipped by the other connector.
  expect(all).toEqual({ ...asStream, '1/7': 'not_insert' })
})

test('every change of the recorded table comes out, a delete with its key alone', () => {
  const decoded = decodeAll(precise, source('s', activity, 'id'), binary)
  expect(decoded).toEqual(withLog(asTable, binary))
  const inTexts = decodeAll(texts, source('s', activity, 'id'), strings)
  expect(inTexts).toEqual(withLog({ ...asTable, '1/7': { $op: 't' } }, strings))
})

const longName = Array.from({ length: 500 }, (_, i) =>
  createHash('md5')
    .update(String(i + 1))
    .digest('hex'),
).join('')
const p1 = {
  product_id: 'p1',
  name: 'Lamp',
  price: '1234.50',
  stock: 7,
  tags: '["a"]',
  updated_at: Date.UTC(2026, 0, 2, 3, 4, 5, 654),
}
const p2 = { product_id: 'p2', name: 'xxxxxxxxxx', price: '0.00', stock: 0, tags: null, updated_at: null }
const { name: _, ...p2WithoutName } = p2
const p3 = {
  product_id: 'p3',
  name: 'Tx',
  price: '1.00',
  stock: 1,
  tags: '{}',
  updated_at: Date.UTC(2026, 2, 1),
}

test.each([
  ['debezium-3.7.0/product_catalog.binary.jsonl', precise],
  ['debezium-3.7.0/string-mode/dbserver1.public.product_catalog.json.jsonl', texts],
] as const)('a value that the database did not send is listed as unchanged: %s', (path, format) => {
  const topic = recordedTopic(path)
  const decoded = decodeAll(format, source('s', catalog, 'product_id'), topic)
  const expected = {
    '0/0': { ...p2, $op: 'r' },
    '0/1': { ...p3, $op: 'c' },
    '0/2': { ...p2, name: longName, $op: 'u' },
    '0/3': { ...p2WithoutName, stock: 1, $op: 'u', $unchanged: ['name'] },
    '0/4': { ...p2, name: longName, stock: 2, $op: 'u' },
    '1/0': { ...p1, $op: 'r' },
  }
  expect(decoded).toEqual(withLog(expected, topic))
})

test('heartbeats and transactions are skipped', () => {
  const of = source('s', activity, 'id')
  const beats = recordedTopic('debezium-3.7.0/string-mode/__debezium-heartbeat.dbserver1.json.jsonl')
  const transactions = recordedTopic('debezium-3.7.0/string-mode/dbserver1.transaction.json.jsonl')
  expect(new Set(Object.values(decodeAll(texts, of, beats)))).toEqual(new Set(['heartbeat']))
  expect(new Set(Object.values(decodeAll(texts, of, transactions)))).toEqual(new Set(['transaction']))
})

interface Request {
  readonly body: string
}

/** Each event of a request's body as a record of its own, as the door of the webhook cuts it. */
function bodiesOf(file: string): Decoded[] {
  const decoder = decoderOf(inserts(precise), source('s', activity), new SchemaStore())
  return linesOf<Request>(`debezium-server-3.6.0/${file}`).flatMap(({ body }) => {
    const parsed: unknown = JSON.parse(body)
    const events = Array.isArray(parsed) ? parsed.map((event) => JSON.stringify(event)) : [body]
    return events.map((event) => decoder.decode({ ...record({}), valueText: event }))
  })
}

test("the bodies of Debezium Server's requests decode, one by one and in batches", () => {
  const plain = bodiesOf('sink1.jsonl').map(outcome)
  expect(plain.slice(0, 3)).toEqual([
    { ...u1, id: 34 },
    { ...u2, id: 35 },
    { ...u3, id: 36 },
  ])
  const batch = bodiesOf('sink7.jsonl').map(outcome) as { user_id?: string; amount: string }[]
  const numbered = batch.filter(({ user_id }) => user_id?.startsWith('b'))
  expect(numbered.length).toBeGreaterThan(100)
  for (const { user_id, amount } of numbered) expect(amount).toBe(`${user_id?.slice(1)}.00`)
  for (const file of ['sink2.jsonl', 'sink3.jsonl', 'sink4.jsonl', 'sink5.jsonl', 'sink6.jsonl']) {
    for (const decoded of bodiesOf(file)) expect(decoded.kind).toBe('event')
  }
})

test("Debezium's CloudEvents tell the op as an attribute and the types in their data", () => {
  const [event] = bodiesOf('sink8.jsonl')
  expect(event && outcome(event)).toEqual(row(166, 'ce', null, null, '1.00', null))
  const [request] = linesOf<Request>('debezium-server-3.6.0/sink8.jsonl')
  const table = decoderOf(precise, source('s', activity, 'id'), new SchemaStore())
  const change = table.decode({ ...record({}), value: bytesOf(request?.body ?? '') })
  expect(outcome(change)).toMatchObject({ id: 166, $op: 'c', $lsn: '26791200', $time: 1795231262800 })
})
