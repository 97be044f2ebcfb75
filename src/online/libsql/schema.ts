import { blob, integer, primaryKey, sqliteTable, sqliteView, text } from 'drizzle-orm/sqlite-core'

/**
 * The tables as drizzle knows them, for those who read them with it. What the migrations make and the statements use is the same:
 * `test/online/libsql-schema.test.ts` compares them. No Worker imports this file, for drizzle is as large as the client.
 */
export const copies = sqliteTable(
  'tidemark_copies',
  {
    kind: text({ enum: ['entity', 'head'] }).notNull(),
    entity: text().notNull(),
    region: text().notNull(),
    /** Of an entity its slice, of a head the shard. */
    place: integer().notNull(),
    /** The entity's key; `#` and its hash where it cannot be kept as it is (`src/online/keys.ts`). */
    key: text().notNull(),
    epoch: integer().notNull(),
    mark: integer().notNull(),
    seq: integer().notNull(),
    revision: integer().notNull(),
    /** When it was taken from the shard, ms. */
    atMs: integer('at_ms').notNull(),
    format: integer().notNull(),
    /** Checksum of the body. */
    sum: integer().notNull(),
    /** The state, empty when the entity was erased; of a head JSON. */
    body: blob({ mode: 'buffer' }).notNull(),
    /** The values of all features of this part, by `view.feature`, as JSON. */
    features: text(),
    /** The time that the values were computed for, ms. */
    finalisedMs: integer('finalised_ms'),
  },
  (table) => [primaryKey({ columns: [table.kind, table.entity, table.region, table.place, table.key] })],
)

/** The migrations that a database has had. */
export const schemaVersions = sqliteTable('tidemark_schema', {
  version: integer().primaryKey(),
  name: text().notNull(),
  appliedMs: integer('applied_ms').notNull(),
})

/** What a reader with SQL wants to see. */
export const features = sqliteView('tidemark_features', {
  entity: text().notNull(),
  region: text().notNull(),
  place: integer().notNull(),
  key: text().notNull(),
  features: text().notNull(),
  finalisedMs: integer('finalised_ms').notNull(),
}).existing()
