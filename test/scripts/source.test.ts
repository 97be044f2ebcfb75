import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { root } from '../../scripts/lib/paths.ts'
import { UsageError } from '../../scripts/lib/usage-error.ts'
import { captureOf } from '../../scripts/source/capture.ts'
import { connectorOf, propertiesText, serverProperties } from '../../scripts/source/connector.ts'
import { hintsOf } from '../../scripts/source/hints.ts'
import { parseOptions } from '../../scripts/source/options.ts'
import {
  avro,
  debezium,
  decimal,
  type Intake,
  kafka,
  streamSource,
  tableSource,
  webhook,
} from '../../src/define/index.ts'

const row = z.object({
  order_id: z.int(),
  note: z.string().nullable(),
  total: decimal(2),
  placed_at: z.iso.datetime({ offset: true }),
})
const table = (...from: Intake[]) => tableSource('orders', { row, key: 'order_id', time: 'placed_at', from }).spec
const stream = (...from: Intake[]) =>
  streamSource('orders', { event: row, id: 'order_id', time: 'placed_at', from }).spec
const options = (...args: string[]) => parseOptions(['orders', '--debezium', ...args], {})
const database = ['--host', 'db', '--database', 'shop', '--user', 'tidemark']

function connect(source: ReturnType<typeof table>, ...args: string[]) {
  const parsed = options(...args)
  return connectorOf(captureOf(source, parsed), parsed)
}

function server(source: ReturnType<typeof table>, ...args: string[]) {
  const parsed = options('--server', ...args)
  return serverProperties(captureOf(source, parsed), parsed)
}

test("a table's connector has its topic, its encodings, and every change", () => {
  const format = debezium({ decimals: 'string', times: 'isostring' })
  const { name, config } = connect(table(kafka('shop.eu.public.orders', { format })), ...database)
  expect(name).toBe('tidemark-orders')
  expect(config).toMatchObject({
    'database.hostname': 'db',
    'database.port': '5432',
    'database.user': 'tidemark',
    'database.dbname': 'shop',
    'topic.prefix': 'shop.eu',
    'table.include.list': 'public.orders',
    'slot.name': 'tidemark_orders',
    'skipped.operations': 'none',
    'tombstones.on.delete': 'true',
    'decimal.handling.mode': 'string',
    'time.precision.mode': 'isostring',
    'value.converter.schemas.enable': 'false',
    'topic.creation.default.partitions': '-1',
  })
  expect(config).not.toHaveProperty('transforms')
})

test('a stream of inserts wants nothing but inserts', () => {
  const { config } = connect(stream(kafka('shop.public.orders', { format: debezium({ only: 'inserts' }) })))
  expect(config).toMatchObject({ 'skipped.operations': 'u,d,t', 'tombstones.on.delete': 'false' })
})

test('Avro goes by the registry', () => {
  const source = table(kafka('shop.public.orders', { format: debezium({ value: avro() }) }))
  expect(connect(source, '--registry', 'http://registry:8081/').config).toMatchObject({
    'value.converter': 'io.confluent.connect.avro.AvroConverter',
    'value.converter.schema.registry.url': 'http://registry:8081',
  })
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what Connect replaces
  expect(connect(source).config['value.converter.schema.registry.url']).toBe('${env:SCHEMA_REGISTRY_URL}')
})

test('a topic of another name is renamed, to exactly that', () => {
  const { config } = connect(table(kafka('orders', { format: debezium() })), '--table', 'public.orders')
  expect(config).toMatchObject({
    'topic.prefix': 'tidemark',
    'transforms.name.regex': 'tidemark\\.public\\.orders',
    'transforms.name.replacement': 'orders',
  })
})

test('unwrapped rows are unwrapped: deletes are tombstones in a topic, and rows where a request has no key', () => {
  const format = debezium({ unwrapped: true })
  const { config } = connect(table(kafka('orders', { format })), '--table', 'public.orders')
  expect(config).toMatchObject({
    transforms: 'unwrap,name',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    'transforms.unwrap.delete.tombstone.handling.mode': 'tombstone',
    'tombstones.on.delete': 'true',
  })
  expect(server(table(webhook({ format })), '--table', 'public.orders')).toMatchObject({
    'debezium.transforms': 'unwrap',
    'debezium.transforms.unwrap.delete.tombstone.handling.mode': 'rewrite',
    'debezium.transforms.unwrap.add.fields': 'op,source.lsn,source.ts_ms,transaction.total_order',
  })
})

test('no password is ever printed: what is not given is a placeholder, and what is none is refused', () => {
  const source = table(kafka('shop.public.orders', { format: debezium() }), webhook({ format: debezium() }))
  expect(JSON.stringify(connect(source))).toContain(`"database.password":"\${env:PGPASSWORD}"`)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what Connect replaces
  const file = '${file:/secrets/pg.properties:password}'
  expect(connect(source, '--password', file).config['database.password']).toBe(file)
  expect(propertiesText(server(source, '--table', 'public.orders'))).toContain(
    `debezium.source.database.password=\${PGPASSWORD}\n`,
  )
  expect(() => options('--password', 'hunter2')).toThrow('never the password')
  for (const url of ['http://u:hunter2@h', 'ftp://h'])
    for (const option of ['--url', '--registry'])
      expect(() => options(option, url)).toThrow(expect.not.stringContaining('hunter2'))
})

test('Debezium Server posts to the webhook, signed unless told otherwise', () => {
  const source = table(webhook({ format: debezium() }))
  const args = ['--table', 'public.orders', '--url', 'https://ingest.example/']
  expect(server(source, ...args)).toMatchObject({
    'debezium.sink.http.url': 'https://ingest.example/v1/sources/orders/events',
    'debezium.sink.http.authentication.type': 'standard-webhooks',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what the server replaces
    'debezium.sink.http.authentication.webhook.secret': '${WEBHOOK_SECRET}',
    'debezium.source.provide.transaction.metadata': 'true',
    'debezium.source.skipped.operations': 'none',
  })
  const unsigned = propertiesText(server(source, ...args, '--unsigned'))
  expect(unsigned).not.toContain('authentication')
  for (const line of unsigned.split('\n')) expect(line).toMatch(/^debezium\.[a-z.-]+=\S+$/)
})

test('hints are comments, and fit what is declared', () => {
  const source = table(kafka('Shop.Sales.Orders', { format: debezium() }))
  const parsed = options(...database)
  const text = hintsOf(captureOf(source, parsed), parsed)
  for (const line of text) expect(line).toMatch(/^#/)
  const all = text.join('\n')
  expect(all).toContain('ALTER TABLE "Sales"."Orders" REPLICA IDENTITY FULL;')
  expect(all).toContain('environment of Kafka Connect: PGPASSWORD.')
  expect(all).toContain('total must be numeric(p, s)')
  expect(all).toContain('placed_at must be timestamptz')
  const inserts = stream(kafka('shop.public.orders', { format: debezium({ only: 'inserts', decimals: 'string' }) }))
  const other = hintsOf(captureOf(inserts, parsed), parsed).join('\n')
  expect(other).not.toContain('REPLICA IDENTITY')
  expect(other).not.toContain('numeric')
})

test.each([
  [table(webhook({ format: debezium() })), [], 'add --server for its webhook'],
  [table(webhook({ format: debezium() })), ['--server'], 'a webhook does not say which table it is'],
  [table(kafka('orders', { format: debezium() })), [], 'orders is not named server.schema.table'],
  [table(kafka('a.b.c', { format: debezium() })), ['--server'], 'has no webhook for Debezium'],
  [stream(kafka('a.b.c'), webhook()), [], "debezium({ only: 'inserts' })"],
  [table(webhook({ format: debezium({ value: avro() }) })), ['--server'], 'which the HTTP sink cannot frame'],
  [table(...['a.b.c', 'a.b.d'].map((topic) => kafka(topic, { format: debezium() }))), [], 'add --topic'],
  [table(kafka('a.b.c', { format: debezium() })), ['--topic', 'a.b.d'], 'does not read a.b.d; it reads a.b.c'],
  [table(kafka('a.b.c', { format: debezium() })), ['--name', 'x'.repeat(64)], 'at most 63 letters'],
])('%#: what cannot be printed is refused, and told what to write instead', (source, args, message) => {
  expect(() => captureOf(source, options(...args))).toThrow(UsageError)
  expect(() => captureOf(source, options(...args))).toThrow(message)
})

test.each([
  [[], 'name one source'],
  [['orders'], 'say what to print'],
  [['orders', '--debezium', '--unsigned'], '--unsigned is for --server'],
  [['orders', '--debezium', '--table', 'orders'], 'such as public.orders; got "orders"'],
  [['orders', '--debezium', '--port', '0'], 'got "0"'],
  [['orders', '--debezium', '--prefix', 'a b'], 'got "a b"'],
  [['orders', '--debezum'], "Unknown option '--debezum'"],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args, {})).toThrow(message)
})

test('the command prints settings alone on stdout, and says which sources there are', () => {
  const file = join(root, 'scripts', 'docs', 'shop.ts')
  const run = (name: string) =>
    spawnSync(
      process.execPath,
      [join(root, 'scripts/tidemark.ts'), 'source', name, '--debezium', '--definitions', file],
      {
        encoding: 'utf8',
      },
    )
  const { status, stdout, stderr } = run('orders')
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ config: { 'table.include.list': 'public.orders' } })
  expect(stderr).toContain('# PostgreSQL: wal_level = logical')
  expect(run('order')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('Did you mean "orders"?'),
  })
})

test('the pages show what the shop declares', () => {
  const shop = readFileSync(join(root, 'scripts', 'docs', 'shop.ts'), 'utf8')
  const declared = (name: string) => new RegExp(`^const ${name} = [^]*?^}\\)$`, 'm').exec(shop)?.[0] ?? 'none'
  expect(readFileSync(join(root, 'docs', 'cdc.md'), 'utf8')).toContain(declared('orders'))
  expect(readFileSync(join(root, 'docs', 'kafka.md'), 'utf8')).toContain(declared('clicks'))
})
