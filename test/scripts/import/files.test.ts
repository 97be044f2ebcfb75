import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { rowCheck } from '../../../scripts/import/check.ts'
import { columnMap, type Wanted } from '../../../scripts/import/columns.ts'
import { type FileFormat, findFiles } from '../../../scripts/import/files.ts'
import { openFile } from '../../../scripts/import/open.ts'
import type { ImportRow } from '../../../scripts/import/row.ts'
import { zoneReader } from '../../../scripts/import/zone.ts'
import { isRefusal, parseEvents } from '../../../src/contract/index.ts'
import {
  count,
  decimal,
  definitions,
  entity,
  epochMs,
  featureView,
  int64,
  streamSource,
  vector,
  webhook,
} from '../../../src/define/index.ts'
import type { Value } from '../../../src/engine/index.ts'
import { Plan, type SourceRuntime } from '../../../src/plan/index.ts'
import { parseKnownAt } from '../../../src/source/index.ts'

const user = entity('user', { user_id: z.string() })
const source = streamSource('orders', {
  event: z.object({
    id: int64(),
    uid: z.string(),
    at: z.iso.datetime({ offset: true }),
    seen: epochMs().optional(),
    price: decimal(2).nullable(),
    units: z.int().optional(),
    ratio: z.number().optional(),
    ok: z.boolean().optional(),
    tags: z.array(z.string()).optional(),
    taste: vector(2).optional(),
    note: z.string().nullish(),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const view = featureView('v', { entity: user, source, key: { user_id: 'uid' } }, () => ({ n: count().over('1h') }))
const orders = new Plan(definitions({ services: [], views: [view] }).spec).sources.get('orders') as SourceRuntime

const folder = mkdtempSync(join(tmpdir(), 'tidemark-files-'))
let duck: DuckDBConnection

beforeAll(async () => {
  duck = await (await DuckDBInstance.create(':memory:')).connect()
})
afterAll(() => {
  duck.closeSync()
  rmSync(folder, { recursive: true, force: true })
})

interface ReadOptions {
  readonly knownAt?: string
  readonly map?: readonly string[]
  readonly timeZone?: string
  readonly after?: number
  readonly format?: FileFormat
}

async function read(
  name: string,
  { knownAt = 'none', map = [], timeZone, after = 0, format }: ReadOptions = {},
): Promise<ImportRow[]> {
  const rule = parseKnownAt(knownAt)
  if ('error' in rule) throw new Error(rule.error)
  const toUtc = timeZone === undefined ? undefined : zoneReader(timeZone)
  const wanted: Wanted = { source: orders.spec, map: columnMap(map, orders.spec), rule, toUtc }
  const [file] = findFiles([join(folder, name)], format)
  if (file === undefined) throw new Error('no file')
  const rows: ImportRow[] = []
  for await (const some of (await openFile(file, wanted)).rows(after)) rows.push(...some)
  return rows
}

/** The checked values of rows, by field; of one that is refused why. */
function checked(rows: readonly ImportRow[]): Record<string, Value>[] {
  const { contract, spec } = orders
  const parsed = parseEvents(`[${rows.map(({ text }) => text).join()}]`, contract.exactNumbers)
  if (isRefusal(parsed)) throw new Error(parsed.message)
  return parsed.raws.map((raw) => {
    const event = contract.check(raw, Date.now())
    if (isRefusal(event)) return { refused: event.message }
    return Object.fromEntries(spec.fields.map(({ name }, i) => [name, event.values[i] ?? null]))
  })
}

const put = (name: string, text: string | Uint8Array): void => writeFileSync(join(folder, name), text)
const copy = (query: string, name: string) => duck.run(`COPY (${query}) TO '${join(folder, name)}'`)

const AT = Date.UTC(2026, 0, 31, 12)
const whole = {
  id: 9_223_372_036_854_775_807n,
  uid: 'u,"1"',
  at: AT + 123,
  seen: 1_700_000_000_000,
  price: 1234567890123456n,
  units: -3,
  ratio: 0.1,
  ok: true,
  tags: ['a', 'b,c', ''],
  taste: Float32Array.of(0.1, -2),
  note: '',
}
const bare = {
  id: 2n,
  uid: 'u2',
  at: AT,
  seen: null,
  price: null,
  units: null,
  ratio: null,
  ok: null,
  tags: null,
  taste: null,
  note: null,
}

describe('types are kept exactly', () => {
  it('in Parquet, from columns of DuckDB to the last digit', async () => {
    await copy(
      `SELECT 9223372036854775807::BIGINT AS id, 'u,"1"' AS uid, TIMESTAMPTZ '2026-01-31 13:00:00.123456+01' AS at,
         1700000000000::BIGINT AS seen, 12345678901234.56::DECIMAL(18,2) AS price, -3::TINYINT AS units, 0.1::DOUBLE AS ratio,
         true AS ok, ['a', 'b,c', ''] AS tags, [0.1::FLOAT, -2::FLOAT] AS taste, '' AS note, 1 AS other
       UNION ALL SELECT 2, 'u2', TIMESTAMPTZ '2026-01-31 12:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 2`,
      'exact.parquet',
    )
    const rows = await read('exact.parquet', { knownAt: 'event-time+5m' })
    expect(checked(rows)).toEqual([whole, bare])
    expect(rows.map(({ line, knownAt }) => [line, knownAt])).toEqual([
      [1, AT + 123 + 300_000],
      [2, AT + 300_000],
    ])
  })

  it('in CSV, from texts: quoted is a text, nothing is null', async () => {
    put(
      'exact.csv',
      '\ufeffid,uid,at,seen,price,units,ratio,ok,tags,taste,note,loaded\r\n' +
        '9223372036854775807,"u,""1""",2026-01-31 13:00:00.123+01,1700000000000,12345678901234.56,-3,0.1,TRUE,"[""a"",""b,c"",""""]","[0.1,-2]","",2026-02-01 00:00:00Z\r\n' +
        '2,u2,2026-01-31T12:00:00Z,,,,,,,,,1769904000000\r\n',
    )
    const rows = await read('exact.csv', { knownAt: 'column:loaded' })
    expect(checked(rows)).toEqual([whole, bare])
    expect(rows.map(({ line, knownAt }) => [line, knownAt])).toEqual([
      [2, Date.UTC(2026, 1, 1)],
      [3, Date.UTC(2026, 1, 1)],
    ])
  })

  it('in NDJSON, a line as it is; renamed, with the digits that it had', async () => {
    const line =
      '{"id":9223372036854775807,"uid":"u,\\"1\\"","at":"2026-01-31T12:00:00.123Z","seen":1700000000000,"price":12345678901234.56,"units":-3,"ratio":0.1,"ok":true,"tags":["a","b,c",""],"taste":[0.1,-2],"note":""}'
    const second = '{"id":2,"uid":"u2","at":"2026-01-31T12:00:00Z","price":null,"note":null}'
    put('exact.ndjson', `${line}\n\n${second}\n`)
    const rows = await read('exact.ndjson')
    expect(rows.map(({ line: number, text }) => [number, text])).toEqual([
      [1, line],
      [3, second],
    ])
    expect(checked(rows)).toEqual([whole, bare])
    const other = [line, second].map((text) => text.replace('"id"', '"key"').replace('"price"', '"cost"'))
    put('renamed.jsonl.gz', gzipSync(other.join('\n')))
    expect(checked(await read('renamed.jsonl.gz', { map: ['id=key', 'price=cost'] }))).toEqual([whole, bare])
  })

  it('of a zone that is told, in all three', async () => {
    await copy(
      `SELECT 1 AS id, 'u' AS uid, TIMESTAMP '2026-07-01 12:00:00' AS at, 1.5::DECIMAL(3,1) AS price`,
      'local.parquet',
    )
    put('local.csv', 'id,uid,at,price\n1,u,2026-07-01 12:00:00,1.5\n')
    put('local.ndjson', '{"id":1,"uid":"u","at":"2026-07-01 12:00:00","price":1.5}\n')
    for (const name of ['local.parquet', 'local.csv', 'local.ndjson']) {
      const rows = await read(name, { timeZone: 'Europe/Berlin', knownAt: 'event-time+0s' })
      expect(checked(rows)[0], name).toMatchObject({ at: Date.UTC(2026, 6, 1, 10), price: 150n })
      expect(rows[0]?.knownAt, name).toBe(Date.UTC(2026, 6, 1, 10))
      await expect(read(name), name).rejects.toThrow(/time without a zone: say in which zone .* --time-zone UTC/)
    }
  })
})

describe('rows of a file', () => {
  it('go on behind a line, in every format, with the numbers that they have', async () => {
    await copy(
      `SELECT i AS id, 'u' AS uid, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS at, NULL::DECIMAL(3,1) AS price FROM range(5000) r(i)`,
      'many.parquet',
    )
    const texts = (await read('many.parquet')).map(({ text }) => text)
    put('many.ndjson', texts.join('\n'))
    put('many.csv', `id,uid,at,price\n${texts.map((_, i) => `${i},u,2026-01-01T00:00:00Z,`).join('\n')}`)
    for (const [name, first] of [
      ['many.parquet', 1],
      ['many.ndjson', 1],
      ['many.csv', 2],
    ] as const) {
      const all = await read(name)
      expect(
        all.map(({ line }) => line),
        name,
      ).toEqual(texts.map((_, i) => first + i))
      for (const after of [0, 1, 2_048, 4_999 + first, 9_999])
        expect(await read(name, { after }), `${name} after ${after}`).toEqual(all.filter(({ line }) => line > after))
    }
  })

  it('that are broken say so themselves, and are checked as the shards would', async () => {
    put('broken.csv', 'id,uid,at,price\n1,u,2026-01-01T00:00:00Z,1\n2,u\n3,u,2026-01-01T00:00:00Z,1.234\n')
    put('broken.ndjson', '{"id":1,"uid":"u","at":"2026-01-01T00:00:00Z","price":1}\n{"id":\n[1]\n')
    const says = async (name: string) => {
      const rows = await read(name)
      return [...rowCheck(orders, Date.now)(rows)].map(([i, { message }]) => `${rows[i]?.line}: ${message}`)
    }
    expect(await says('broken.csv')).toEqual([
      '3: The row has 2 cells, and the header 4: quote texts that hold a delimiter.',
      expect.stringMatching(/^4: "price" is /),
    ])
    expect(await says('broken.ndjson')).toEqual([
      '2: The line is no JSON: an object a line is expected.',
      '3: The line is no JSON object.',
    ])
  })
})

describe('what is wrong with a file is told before a row is sent', () => {
  it.each([
    [
      'int64 from a double',
      `1.0::DOUBLE AS id, 'u' AS uid, TIMESTAMPTZ '2026-01-01' AS at, 1 AS price`,
      '"id" is of type DOUBLE, and the field "id" is int64: write it as a 64-bit integer',
    ],
    [
      'a text from a number',
      `1 AS id, 7 AS uid, TIMESTAMPTZ '2026-01-01' AS at, 1 AS price`,
      '"uid" is of type INTEGER, and the field "uid" is string',
    ],
    [
      'a time from a number',
      `1 AS id, 'u' AS uid, 1767225600 AS at, 1 AS price`,
      '"at" is of type INTEGER, and the field "at" is timestamp',
    ],
    [
      'a decimal from a float',
      `1 AS id, 'u' AS uid, TIMESTAMPTZ '2026-01-01' AS at, 1::FLOAT AS price`,
      '"price" is of type FLOAT',
    ],
    [
      'a list from a struct',
      `1 AS id, 'u' AS uid, TIMESTAMPTZ '2026-01-01' AS at, 1 AS price, {'a': 1} AS tags`,
      '"tags" is of type STRUCT',
    ],
    ['a day', `1 AS id, 'u' AS uid, DATE '2026-01-01' AS at, 1 AS price`, 'of type DATE, a time without a zone'],
    [
      'a column that is missing',
      `1 AS id, 'u' AS user_id, TIMESTAMPTZ '2026-01-01' AS at, 1 AS price`,
      'has no column "uid", and orders needs the field.',
    ],
  ])('%s', async (_what, query, says) => {
    await copy(`SELECT ${query}`, 'wrong.parquet')
    await expect(read('wrong.parquet')).rejects.toThrow(says)
  })

  it('Parquet that is cut off, damaged, or something else', async () => {
    await copy(
      `SELECT i AS id, 'u'||i AS uid, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS at, NULL::DECIMAL(3,1) AS price FROM range(20000) r(i)`,
      'right.parquet',
    )
    const bytes = readFileSync(join(folder, 'right.parquet'))
    put('half.parquet', bytes.subarray(0, bytes.length / 2))
    put('text.parquet', 'id,uid\n1,u\n')
    put('damaged.parquet', Buffer.from(bytes).fill(255, 200, 4_000))
    for (const name of ['half.parquet', 'text.parquet'])
      await expect(read(name)).rejects.toThrow(
        `${name} is no whole Parquet file: it is another kind of file, or still being written`,
      )
    await expect(read('damaged.parquet')).rejects.toThrow('damaged.parquet is damaged')
  })

  it('texts that are empty, cut off, or in another encoding', async () => {
    put('empty.csv', '')
    put('latin.csv', Buffer.from('id,uid\n1,K\u00f6ln\n', 'latin1'))
    put('twice.csv', 'id,uid,id\n1,u,2\n')
    put('cut.csv.gz', gzipSync(Buffer.from('id,uid,at,price\n'.repeat(10_000))).subarray(0, 90))
    await expect(read('empty.csv')).rejects.toThrow('empty.csv is empty: a CSV file begins with a header')
    await expect(read('latin.csv')).rejects.toThrow('latin.csv is not UTF-8')
    await expect(read('twice.csv')).rejects.toThrow('twice.csv:1: the header has the column "id" twice')
    await expect(read('cut.csv.gz')).rejects.toThrow('cut.csv.gz is no whole gzip file')
  })

  it('columns, with the nearest name', async () => {
    put('typo.csv', 'id,uid,att,price,loaded\n1,u,2026-01-01T00:00:00Z,1,\n')
    put('typo.ndjson', '{"id":1,"uid":"u","att":"2026-01-01T00:00:00Z","price":1}\n')
    for (const name of ['typo.csv', 'typo.ndjson'])
      await expect(read(name)).rejects.toThrow(
        `${name} has no column "at", and orders needs the field. Did you mean "att"?`,
      )
    await expect(read('typo.csv', { map: ['at=att'], knownAt: 'column:loadd' })).rejects.toThrow(
      'Did you mean "loaded"?',
    )
    await expect(read('typo.csv', { map: ['at=att'], knownAt: 'column:loaded' })).rejects.toThrow(
      'typo.csv:2: "loaded" is empty',
    )
    put('seconds.csv', 'id,uid,at,price,loaded\n1,u,2026-01-01T00:00:00Z,1,1767225600\n')
    put('seconds.ndjson', '{"id":1,"uid":"u","at":"2026-01-01T00:00:00Z","price":1,"loaded":1767225600}\n')
    await copy(
      "SELECT 1 AS id, 'u' AS uid, TIMESTAMPTZ '2026-01-01T00:00:00Z' AS at, 1.0 AS price, 1767225600::BIGINT AS loaded",
      'seconds.parquet',
    )
    for (const name of ['seconds.csv', 'seconds.ndjson', 'seconds.parquet'])
      await expect(read(name, { knownAt: 'column:loaded' })).rejects.toThrow(
        /^seconds.*: "loaded" is 1767225600, .*Are these seconds\?/,
      )
    await expect(read('typo.csv', { map: ['att=at'] })).rejects.toThrow('orders has no field "att". Did you mean "at"?')
    await expect(read('typo.csv', { map: ['at'] })).rejects.toThrow('--map takes a field and its column')
  })
})

describe('finding files', () => {
  it('names them by their path below what was given, sorted, and passes over what it cannot read', () => {
    mkdirSync(join(folder, 'tree', 'day=2'), { recursive: true })
    mkdirSync(join(folder, 'tree', 'day=1'), { recursive: true })
    for (const name of ['day=2/p.csv', 'day=1/p.csv', 'day=1/notes.txt', 'day=1/.hidden.csv', 'q.jsonl.gz'])
      writeFileSync(join(folder, 'tree', name), 'x')
    const names = (given: string) =>
      findFiles([join(folder, given)], undefined).map(({ name, format }) => [name, format])
    expect(names('tree')).toEqual([
      ['day=1/p.csv', 'csv'],
      ['day=2/p.csv', 'csv'],
      ['q.jsonl.gz', 'ndjson'],
    ])
    expect(names('tree/*/p.csv')).toEqual([
      ['day=1/p.csv', 'csv'],
      ['day=2/p.csv', 'csv'],
    ])
    expect(names('tree/day=1/p.csv')).toEqual([['p.csv', 'csv']])
    expect(() => names('tree/day=3')).toThrow('Did you mean "day=')
    expect(() => names('tree/*.parquet')).toThrow('no file fits')
    expect(() => names('tree/day=1/notes.txt')).toThrow('add --format')
    expect(() => findFiles([join(folder, 'tree/day=1/p.csv'), join(folder, 'tree/day=2/p.csv')], undefined)).toThrow(
      'would both be called p.csv',
    )
  })
})
