import { join } from 'node:path'
import { createClient } from '@libsql/client/web'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { startLibsql } from '../../../scripts/peers/libsql.ts'
import { LibsqlStore, migrate, migrateStore, SCHEMA_VERSION } from '../../../src/online/libsql/index.ts'
import { GET, PUT, putArguments } from '../../../src/online/libsql/statements.ts'
import { casConformance, copyOf, entityAt, type StoreUnderTest, storeConformance } from '../../online/conformance.ts'
import { race } from '../../online/race.ts'
import { random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'

const dir = join(interopFolder(), 'libsql')
let libsql = await startLibsql({ dir })
afterAll(() => libsql.stop())

const connection = () => ({ url: libsql.address, token: libsql.token })
/** Past our store, as a person with a shell. */
const shell = createClient({ url: libsql.address, authToken: libsql.token })
const open = (token = libsql.token) =>
  new LibsqlStore({ url: libsql.address, token }, { name: 'east/far', readTimeoutMs: 10_000 })

async function dropAll(): Promise<void> {
  const { rows } = await shell.execute("select name, type from sqlite_master where name like 'tidemark%'")
  for (const { name, type } of rows) await shell.execute(`drop ${type} ${name}`)
}

beforeEach(async () => {
  await dropAll()
  await migrateStore(connection(), 1_700_000_000_000)
})

function make(): StoreUnderTest {
  return {
    store: open(),
    another: () => open(),
    later: () => {},
    plant: async (what, copy) => {
      const args = putArguments(copy, copy.address.key)
      if (what === 'newer') args[10] = 2
      // Of what other stores may hold a table only takes rows: each is a row whose checksum is not its body's.
      else args[11] = 1
      await shell.execute({ sql: PUT, args })
    },
  }
}

describe('the store in a real libSQL, over HTTP', () => {
  const taken = [/is not written over/]
  const cases = [...storeConformance, ...casConformance].filter(([name]) => !taken.some((part) => part.test(name)))
  test.each(cases)('%s', async (_behaviour, check) => check(make(), random(1)))

  test.each([1, 2])('64 writers race, seed %i', async (seed) => race(make(), random(seed), 8))

  test('the values can be read by SQL, and go with an erasure', async () => {
    const store = open()
    const readable = JSON.stringify({ 'user_stats.clicks_5m': 3 })
    await store.put([
      { ...copyOf(entityAt('u1'), { seq: 1 }), readable },
      { ...copyOf(entityAt('u2'), { seq: 1 }), readable },
      copyOf(entityAt('', { kind: 'head' })),
    ])
    await store.put([{ ...copyOf(entityAt('u2'), { seq: 2 }), body: new Uint8Array() }])
    const { rows } = await shell.execute(
      `select key, features ->> '$."user_stats.clicks_5m"' as clicks, finalised_ms from tidemark_features
       where entity = 'user' order by key`,
    )
    expect(rows.map((row) => ({ ...row }))).toEqual([{ key: 'u1', clicks: 3, finalised_ms: 1_700_000_000_001 }])
  })

  test('a row is found by the index, by reads as by puts', async () => {
    for (const [sql, args] of [
      [GET, ['[["entity","user","east",0,"k"]]']],
      [PUT, putArguments(copyOf(entityAt('k')), 'k')],
    ] as const) {
      const { rows } = await shell.execute({ sql: `explain query plan ${sql}`, args: [...args] })
      for (const { detail } of rows) expect(String(detail)).not.toMatch(/SCAN (c|tidemark_copies)\b/)
    }
  })

  test('a wrong token is told', async () => {
    const store = open('wrong-token')
    await expect(store.get([entityAt('k')])).rejects.toThrow('The store east/far cannot be read: ')
    const [outcome] = await store.put([copyOf(entityAt('k'))])
    expect(outcome).toEqual({ again: expect.stringContaining('Unauthorized') })
  })

  test('a database that another transaction holds is to be asked again', async () => {
    const other = await shell.transaction('write')
    await other.execute("insert into tidemark_schema values (99, 'held', 0)")
    const outcomes = await open().put([copyOf(entityAt('k'))])
    await other.rollback()
    expect(outcomes).toEqual([{ again: expect.stringContaining('locked') }])
    expect(await open().put([copyOf(entityAt('k'))])).toEqual(['stored'])
  })

  test('a server that is gone is an error that names the store, and its rows are there when it is back', async () => {
    const [copy, store] = [copyOf(entityAt('k')), open()]
    expect(await store.put([copy])).toEqual(['stored'])
    await libsql.kill()
    await expect(store.get([copy.address])).rejects.toThrow('The store east/far cannot be read: ')
    expect(await store.put([copy])).toEqual([{ again: expect.stringContaining('east/far') }])
    libsql = await startLibsql({ dir })
    expect(await store.get([copy.address])).toEqual([copy])
  })
})

describe('the schema of a libSQL database', () => {
  const problemOf = async () => {
    const [outcome] = await open().put([copyOf(entityAt('k'))])
    const reading = await open()
      .get([entityAt('k')])
      .catch(String)
    expect(outcome).toEqual({ again: expect.any(String) })
    return `${JSON.stringify(outcome)} ${reading}`
  }

  test('an empty database is not used before it was migrated', async () => {
    await dropAll()
    expect(await problemOf()).toMatch(/schema version 0, and this code needs 1. Run npx tidemark deploy.*East|deploy/)
  })

  test('migrating is done once, says what it does, and may be repeated and done by two at once', async () => {
    await dropAll()
    const planned = { from: 0, to: SCHEMA_VERSION, names: ['copies'] }
    expect(await migrateStore(connection(), 1, true)).toEqual(planned)
    expect(await problemOf()).toContain('schema version 0')
    await Promise.all([1, 2, 3, 4].map((nowMs) => migrateStore(connection(), nowMs)))
    expect(await migrateStore(connection(), 5)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION, names: [] })
    const { rows } = await shell.execute('select version, name from tidemark_schema')
    expect(rows.map((row) => ({ ...row }))).toEqual([{ version: 1, name: 'copies' }])
    expect(await open().put([copyOf(entityAt('k'))])).toEqual(['stored'])
  })

  test('a newer database is refused with both versions, and is not migrated back', async () => {
    await shell.execute("insert into tidemark_schema values (2, 'of the future', 0)")
    expect(await problemOf()).toMatch(/schema version 2, and this code needs 1: a newer Tidemark/)
    await expect(migrate(shell, 0)).rejects.toThrow('schema version 2')
  })

  test('a history that is not ours is refused', async () => {
    await shell.execute("update tidemark_schema set name = 'users'")
    expect(await problemOf()).toContain('tells of a step 1 \\"users\\" that Tidemark never had')
  })

  test('a database of another tool with tables of our names is refused, and nothing in it is changed', async () => {
    await dropAll()
    await shell.execute('create table tidemark_copies (id integer primary key)')
    expect(await problemOf()).toContain('a table tidemark_copies that Tidemark did not make')
    await expect(migrate(shell, 0)).rejects.toThrow('Give Tidemark a database of its own')
    await shell.execute('create table tidemark_schema (id integer primary key)')
    expect(await problemOf()).toContain("its table tidemark_schema is not one of Tidemark's")
    await expect(migrate(shell, 0)).rejects.toThrow('Give Tidemark a database of its own')
    const { rows } = await shell.execute("select name from sqlite_master where name like 'tidemark%' order by name")
    expect(rows.map(({ name }) => name)).toEqual(['tidemark_copies', 'tidemark_schema'])
  })
})
