import { expect, test } from 'vitest'
import type { FieldSpec, SourceSpec } from '../../src/engine/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { MESSAGE_VERSION } from '../../src/shard/index.ts'
import { MemoryTableStorage, TableShard } from '../../src/table/index.ts'

/** What a table's shard says of its rows to those whose events are enriched. */

const NOW = Date.UTC(2026, 0, 1)
const field = (name: string, type: FieldSpec['type'], more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})
const FIELDS = [
  field('id', 'int'),
  field('price', 'decimal(2)', { nullable: true }),
  field('stock', 'int64', { optional: true }),
  field('made', 'timestamp', { format: 'iso' }),
  field('tags', 'list(string)'),
  field('$time', 'timestamp', { format: 'ms' }),
]
const productsOf = (fields: readonly FieldSpec[]): SourceSpec => ({
  name: 'products',
  fields,
  time: '$time',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 86_400_000,
  changes: { key: ['id'] },
  from: [{ kind: 'webhook' }],
})

/** No view reads it. */
function open(storage: MemoryTableStorage, fields: readonly FieldSpec[] = FIELDS) {
  const plan = new Plan({ entities: [], sources: [productsOf(fields)], views: [], services: [] })
  const source = plan.sources.get('products') as SourceRuntime
  const part = { region: 1, epoch: 4, shard: 2 }
  const table = new TableShard({ plan, source, part, storage, destinations: { shardsOf: () => 1 }, now: () => NOW })
  const ask = (keys: readonly string[], columns: readonly string[]) => {
    const answer = table.rows({ version: MESSAGE_VERSION, plan: plan.hash, keys, columns })
    if ('unavailable' in answer) throw new Error(answer.message)
    return answer.rows
  }
  const change = (...changes: readonly object[]) =>
    table.apply({
      version: MESSAGE_VERSION,
      plan: plan.hash,
      source: 'products',
      arrivalMs: NOW,
      events: JSON.stringify(changes),
      fanout: '1'.repeat(changes.length),
    })
  return { table, ask, change }
}

const row = (id: number, more: object = {}) => ({
  id,
  price: '12.5',
  stock: 7,
  made: '2020-02-02T01:00:00+01:00',
  tags: ['a', '"'],
  $time: NOW,
  ...more,
})

test('a row has its version, then the columns in the form that a contract of their types takes', () => {
  const { ask, change } = open(new MemoryTableStorage())
  change({ $op: 'c', $lsn: '1', ...row(1) }, { $op: 'c', $lsn: '2', ...row(2, { price: null, stock: undefined }) })
  expect(ask(['1', '3', '2'], ['price', 'stock', 'made', 'tags'])).toEqual([
    '["4/2/1","12.50",7,"2020-02-02T00:00:00.000Z",["a","\\""]]',
    null,
    '["4/2/2",null,null,"2020-02-02T00:00:00.000Z",["a","\\""]]',
  ])
  expect(ask(['1'], ['tags', 'id'])).toEqual(['["4/2/1",["a","\\""],1]'])
})

test('a row that was deleted, or that a truncate has yet to take out, is not there', () => {
  const { ask, change, table } = open(new MemoryTableStorage())
  change({ $op: 'c', $lsn: '1', ...row(1) }, { $op: 'c', $lsn: '2', ...row(2) }, { $op: 'd', $lsn: '3', id: 1 })
  expect(ask(['1'], ['id'])).toEqual([null])
  change({ $op: 't', $lsn: '4' }, { $op: 'c', $lsn: '5', ...row(3) })
  expect(table.stats.truncating).toBe(true)
  expect(ask(['2', '3'], ['id'])).toEqual([null, '["4/2/4",3]'])
})

test('no two versions of a row have one name, through restarts, and nobody is told of a row that no view reads', () => {
  const storage = new MemoryTableStorage()
  const versions = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const { ask, change, table } = open(storage)
    change({ $op: 'u', $lsn: String(i + 1), ...row(1, { price: `${i}.00` }) })
    versions.add(JSON.parse(ask(['1'], ['price'])[0] ?? '')[0])
    // Read again by a snapshot, it is the same row.
    change({ $op: 'r', $lsn: String(i + 1), $order: 7, ...row(1, { price: `${i}.00` }) })
    versions.add(JSON.parse(ask(['1'], ['price'])[0] ?? '')[0])
    expect(table.outbox.isEmpty).toBe(true)
  }
  expect(versions.size).toBe(5)
})

test('what the contract of now does not take of a row, or does not know, is null', () => {
  const storage = new MemoryTableStorage()
  open(storage).change({ $op: 'c', $lsn: '1', ...row(1) })
  const [id, ...others] = FIELDS.filter(({ name }) => name !== 'price') as [FieldSpec, ...FieldSpec[]]
  const later = open(storage, [id, field('price', 'int'), field('colour', 'string'), ...others])
  expect(later.ask(['1'], ['price', 'colour', 'stock', 'none'])).toEqual(['["4/2/1",null,null,7,null]'])
})

test('an answer that would be too long ends early, and a door of another plan gets none', () => {
  const { ask, change, table } = open(new MemoryTableStorage())
  const tags = Array.from({ length: 4 }, () => 'x'.repeat(4_000))
  for (let from = 0; from < 300; from += 30) {
    change(
      ...Array.from({ length: 30 }, (_, i) => ({ $op: 'c', $lsn: String(from + i + 1), ...row(from + i, { tags }) })),
    )
  }
  const keys = Array.from({ length: 300 }, (_, i) => String(i))
  const first = ask(keys, ['tags'])
  expect(first.length).toBeGreaterThan(50)
  expect(first.length).toBeLessThan(300)
  expect(ask(keys, ['id'])).toHaveLength(300)
  const message = { version: MESSAGE_VERSION, plan: 'another', keys, columns: [] }
  expect(table.rows(message)).toMatchObject({ unavailable: 'unknown_plan' })
  expect(table.rows({ ...message, version: 99 })).toMatchObject({ unavailable: 'unknown_version' })
})
