/** One step of the schema. */
export interface Migration {
  readonly name: string
  readonly statements: readonly string[]
}

/**
 * The steps of the schema, in order; the number of one is its place, from 1. What was released is never changed: a change is
 * one more step. Tables are strict: a text where a version belongs would be greater than every number, and never be replaced.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'copies',
    statements: [
      `create table tidemark_copies (
  kind text not null,
  entity text not null,
  region text not null,
  place integer not null,
  key text not null,
  epoch integer not null,
  mark integer not null,
  seq integer not null,
  revision integer not null,
  at_ms integer not null,
  format integer not null,
  sum integer not null,
  body blob not null,
  features text,
  finalised_ms integer,
  primary key (kind, entity, region, place, key)
) strict`,
      `create view tidemark_features as
select entity, region, place, key, features, finalised_ms
from tidemark_copies
where kind = 'entity' and features is not null`,
    ],
  },
]

/** What a database must be at for this code. */
export const SCHEMA_VERSION = MIGRATIONS.length

/** Kept by {@link MIGRATIONS} themselves: made before the first of them. */
export const VERSIONS_TABLE = `create table if not exists tidemark_schema (
  version integer primary key not null,
  name text not null,
  applied_ms integer not null
) strict`
