import type { Client } from '@libsql/client/web'
import { wordsOf } from '../batches.ts'
import type { StoreConnection } from '../store.ts'
import { exchange, problemOf } from './client.ts'
import { MIGRATIONS, SCHEMA_VERSION, VERSIONS_TABLE } from './migrations.ts'

/** What of ours a database has. */
export type SchemaState = { readonly version: number } | { readonly problem: string }

const TIMEOUT_MS = 20_000
const OURS = ['tidemark_schema', 'tidemark_copies', 'tidemark_features']
const NAMES = `select name from sqlite_master where name in (${OURS.map((name) => `'${name}'`).join(', ')}) order by name`
const APPLIED = 'select version, name from tidemark_schema order by version'

/** Which version of the schema a database has: 0 when it has nothing of ours. `problem`: what else stands in our places. */
export async function schemaState(client: Client, mayRepeat = true): Promise<SchemaState> {
  let applied: readonly (readonly [version: number, name: string])[]
  try {
    applied = (await client.execute(APPLIED)).rows.map(({ version, name }) => [Number(version), String(name)])
  } catch (error) {
    if (!saysSql(error)) throw error
    const found = (await client.execute(NAMES)).rows.map(({ name }) => String(name))
    // Made between the two questions: somebody is migrating it.
    if (mayRepeat && found.includes('tidemark_schema') && wordsOf(error).includes('no such table'))
      return await schemaState(client, false)
    if (found.includes('tidemark_schema'))
      return { problem: `its table tidemark_schema is not one of Tidemark's: ${problemOf(error)}` }
    const other = found[0]
    if (other === undefined) return { version: 0 }
    return { problem: `it has a table ${other} that Tidemark did not make (there is no tidemark_schema beside it)` }
  }
  for (const [i, [version, name]] of applied.entries()) {
    const known = MIGRATIONS[i]
    if (version !== i + 1 || (known !== undefined && known.name !== name))
      return { problem: `its table tidemark_schema tells of a step ${version} "${name}" that Tidemark never had` }
  }
  return { version: applied.length }
}

/** Whether the database itself refused a statement, and not the way to it: its codes begin so (SQLITE_ERROR, SQL_PARSE_ERROR). */
const saysSql = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && /^SQL/.test(String(error.code))

/** Why a database of that state cannot be used by this code, or undefined when it can. */
export function schemaProblem(state: SchemaState): string | undefined {
  if ('problem' in state) return `${state.problem}. Give Tidemark a database of its own`
  if (state.version === SCHEMA_VERSION) return undefined
  const versions = `it has schema version ${state.version}, and this code needs ${SCHEMA_VERSION}`
  return state.version < SCHEMA_VERSION
    ? `${versions}. Run npx tidemark deploy, which migrates it`
    : `${versions}: a newer Tidemark has migrated it. Deploy that one, here too`
}

/** What {@link migrate} did, or would do. */
export interface Migrated {
  readonly from: number
  readonly to: number
  /** The steps in between. */
  readonly names: readonly string[]
}

/**
 * Brings a database to the schema of this code, step by step, each in a transaction of its own: it can be stopped and run
 * again, and two that run at once do each step once. Throws when something of another is in the way, or when the database is
 * newer; nothing is changed then.
 *
 * @param nowMs what is noted as the time
 * @param dryRun only says what would be done
 */
export async function migrate(client: Client, nowMs: number, dryRun = false): Promise<Migrated> {
  const state = await schemaState(client)
  if ('problem' in state || state.version > SCHEMA_VERSION)
    throw new Error(`The database cannot be migrated: ${schemaProblem(state)}.`)
  const steps = MIGRATIONS.slice(state.version)
  for (const [i, { name, statements }] of dryRun ? [] : steps.entries()) {
    const note = 'insert into tidemark_schema (version, name, applied_ms) values (?, ?, ?)'
    // The note comes first: of two at once the second fails on its key, before it has done anything.
    const step = [VERSIONS_TABLE, { sql: note, args: [state.version + i + 1, name, nowMs] }, ...statements]
    try {
      await client.batch(step, 'write')
    } catch (error) {
      if (!/constraint|locked|busy/i.test(problemOf(error)) || !(await reached(client, state.version + i + 1)))
        throw new Error(`The step "${name}" of the schema failed, and changed nothing: ${problemOf(error)}`)
    }
  }
  return { from: state.version, to: SCHEMA_VERSION, names: steps.map(({ name }) => name) }
}

async function reached(client: Client, version: number): Promise<boolean> {
  const state = await schemaState(client)
  return 'version' in state && state.version >= version
}

/** {@link migrate} of the database behind a connection, for the command that deploys. */
export const migrateStore = (connection: StoreConnection, nowMs: number, dryRun = false): Promise<Migrated> =>
  exchange(connection, TIMEOUT_MS, (client) => migrate(client, nowMs, dryRun))
