/** Holds a set that Spark made against the one of this machine: contents, counts, and every cell of every row. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { listOf, named, openDuck, quoted, rowsOf } from '../../src/offline/node/duck.ts'
import type { SetManifest } from '../../src/offline/node/index.ts'

export interface MadeSet {
  readonly manifest: SetManifest
  /** A file, or a folder of parts in the order of the labels. */
  readonly out: string
}

/** What differs, in words; empty: nothing. */
export async function differences(here: MadeSet, there: MadeSet, temporary: string): Promise<string[]> {
  const found: string[] = []
  for (const member of ['content', 'counts', 'rows', 'definitions', 'mode', 'labels', 'log', 'columns'] as const)
    if (!isDeepStrictEqual(here.manifest[member], there.manifest[member]))
      found.push(`the manifests differ in ${member}`)
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: 1_000, temporary })
  try {
    const parts = readdirSync(there.out)
      .filter((name) => name.endsWith('.parquet'))
      .sort()
    const one = `read_parquet(${quoted(here.out)})`
    const other = `read_parquet(${listOf(parts.map((name) => join(there.out, name)))})`
    const columnsOf = async (relation: string): Promise<string[]> =>
      (await rowsOf<{ column_name: string }>(connection, `DESCRIBE SELECT * FROM ${relation}`)).map(
        (row) => row.column_name,
      )
    const columns = await columnsOf(one)
    if (!isDeepStrictEqual(columns, await columnsOf(other))) return [...found, 'the sets differ in their columns']
    const all = (relation: string, table: string) =>
      connection.run(
        `CREATE TABLE ${table} AS SELECT row_number() OVER () AS tm_n, ${columns
          // Of doubles the shortest decimals, which tell every bit, the sign of zero too.
          .map((name) => `CAST(${named(name)} AS VARCHAR) AS ${named(name)}`)
          .join(', ')} FROM ${relation}`,
      )
    await all(one, 'here')
    await all(other, 'there')
    const differs = columns.map(
      (name) => `count_if(a.${named(name)} IS DISTINCT FROM b.${named(name)}) AS ${named(name)}`,
    )
    const [counted = {}] = await rowsOf<Record<string, bigint>>(
      connection,
      `SELECT count_if(a.tm_n IS NULL OR b.tm_n IS NULL) AS tm_lost, ${differs.join(', ')}
        FROM here a FULL JOIN there b ON a.tm_n = b.tm_n`,
    )
    for (const [name, count] of Object.entries(counted)) if (count > 0n) found.push(`${name}: ${count} rows differ`)
    return found
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
