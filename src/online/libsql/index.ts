import type { StoreAdapter } from '../store.ts'
import { LibsqlStore } from './libsql-store.ts'

export { LibsqlStore, type LibsqlStoreOptions } from './libsql-store.ts'
export { type Migrated, migrate, migrateStore, type SchemaState, schemaProblem, schemaState } from './migrate.ts'
export { MIGRATIONS, type Migration, SCHEMA_VERSION } from './migrations.ts'

/** Opens the libSQL database of a place; throws when the place has no connection. */
export const openLibsql: StoreAdapter = ({ region, spec, connection }) => {
  if (connection === undefined) throw new Error(`The store ${region}/${spec.name} has no connection.`)
  return new LibsqlStore(connection, { name: `${region}/${spec.name}` })
}
