import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { getTableConfig } from 'drizzle-orm/sqlite-core'
import { drizzle } from 'drizzle-orm/sqlite-proxy'
import Database from 'libsql'
import { expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { MIGRATIONS, SCHEMA_VERSION } from '../../src/online/libsql/index.ts'
import { VERSIONS_TABLE } from '../../src/online/libsql/migrations.ts'
import { copies, features, schemaVersions } from '../../src/online/libsql/schema.ts'
import { PUT } from '../../src/online/libsql/statements.ts'

function migrated(): Database.Database {
  const db = new Database(':memory:')
  for (const statement of [VERSIONS_TABLE, ...MIGRATIONS.flatMap(({ statements }) => statements)]) db.exec(statement)
  return db
}

interface Column {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly pk: number
}

const columnsOf = (db: Database.Database, table: string) =>
  (db.prepare(`select name, type, "notnull", pk from pragma_table_info('${table}')`).all() as Column[]).map(
    ({ name, type, notnull, pk }) => ({ name, type: type.toLowerCase(), notNull: notnull === 1, key: pk }),
  )

test.each([copies, schemaVersions])('the migrations make the tables that the drizzle schema says', (table) => {
  const { name, columns, primaryKeys } = getTableConfig(table)
  const together = primaryKeys[0]?.columns.map((column) => column.name) ?? []
  const said = columns.map((column) => ({
    name: column.name,
    type: column.getSQLType(),
    notNull: column.notNull,
    key: column.primary ? 1 : together.indexOf(column.name) + 1,
  }))
  expect(columnsOf(migrated(), name)).toEqual(said)
})

test('the view has the columns that the drizzle schema says', () => {
  const db = migrated()
  const { sql: text } = drizzle(async () => ({ rows: [] }))
    .select()
    .from(features)
    .toSQL()
  expect(db.prepare(text).all()).toEqual([])
})

test('a copy is put by the statement that drizzle makes of the schema', () => {
  const excluded = (column: string) => sql.raw(`excluded.${column}`)
  const { columns, primaryKeys } = getTableConfig(copies)
  const key = primaryKeys[0]?.columns ?? []
  const version = [copies.epoch, copies.mark, copies.seq, copies.revision]
  const numbers = { place: 0, epoch: 0, mark: 0, seq: 0, revision: 0, atMs: 0, format: 0, sum: 0, finalisedMs: 0 }
  const texts = { kind: 'entity' as const, entity: '', region: '', key: '', features: '' }
  const set = Object.fromEntries(
    Object.entries(copies)
      .filter(([, column]) => columns.includes(column) && !key.some(({ name }) => name === column.name))
      .map(([name, column]) => [name, excluded(column.name)]),
  )
  const greater = sql`(${sql.join(
    version.map(({ name }) => excluded(name)),
    sql`, `,
  )}) > (${sql.join(version, sql`, `)})`
  const { sql: text } = drizzle(async () => ({ rows: [] }))
    .insert(copies)
    .values({ ...numbers, ...texts, body: Buffer.alloc(0) })
    .onConflictDoUpdate({ target: key as [typeof copies.kind], set, setWhere: greater })
    .toSQL()
  const plain = (statement: string) => statement.replaceAll('"', '').replaceAll(/\s*([(),])\s*/g, '$1')
  // Drizzle writes the table before the columns of the key too, where it is not needed.
  const [before = '', target = '', after = ''] = plain(text).split(/(?<=on conflict\()(.*?\))/)
  expect(plain(PUT)).toBe(`${before}${target.replaceAll('tidemark_copies.', '')}${after}`)
})

test('no version of a strict table is a text', () => {
  const insert = `insert into tidemark_copies values ('entity', 'user', 'east', 0, 'k', 'new', 1, 1, 1, 1, 1, 1, x'', null, null)`
  expect(() => migrated().exec(insert)).toThrow('cannot store TEXT value in INTEGER column')
})

test('the page of online stores shows the schema as it is, and its query runs', () => {
  const page = readFileSync(join(root, 'docs/online-stores.md'), 'utf8')
  const [schema = '', query = ''] = [...page.matchAll(/```sql\n([^`]*)```/g)].map(([, text]) => text ?? '')
  const shown = new Database(':memory:')
  shown.exec(schema)
  const db = migrated()
  for (const table of ['tidemark_copies', 'tidemark_schema', 'tidemark_features'])
    expect(columnsOf(shown, table)).toEqual(columnsOf(db, table))
  expect(db.prepare(query).all()).toEqual([])
})

test('what was released of the schema is as it was', () => {
  expect(SCHEMA_VERSION).toBe(1)
  // A change of this is a new migration, not another first one.
  expect(
    columnsOf(migrated(), 'tidemark_copies')
      .map(({ name }) => name)
      .join(),
  ).toBe('kind,entity,region,place,key,epoch,mark,seq,revision,at_ms,format,sum,body,features,finalised_ms')
})
