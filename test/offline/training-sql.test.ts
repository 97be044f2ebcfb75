import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AGGREGATES, spec, WINDOWS, writeLabels, writeLog } from '../../scripts/bench/training-data.ts'
import { openDuck, rowsOf } from '../../src/offline/node/duck.ts'
import { type SetManifest, trainingSet } from '../../src/offline/node/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-sql-'))
const path = (name: string) => join(folder, name)
let duck: Awaited<ReturnType<typeof openDuck>>

beforeAll(async () => {
  duck = await openDuck({ threads: 2, memoryMb: 500, temporary: folder })
  await writeLog(duck.connection, folder, { events: 20_000, users: 300, segments: 7, lateMs: 3 * 86_400_000 })
})

afterAll(() => {
  duck.connection.closeSync()
  duck.instance.closeSync()
  rmSync(folder, { recursive: true, force: true })
})

async function make(
  out: string,
  mode: string,
  more: { threads?: number; service?: string } = {},
): Promise<SetManifest> {
  const labels = path('labels.parquet')
  return await trainingSet({
    definitions: { spec },
    service: 'bench',
    labels,
    out: path(out),
    log: folder,
    mode,
    ...more,
  })
}

/** What SQL says of one label after the other: all events that it may see, window by window. */
const SEEN = {
  'as-served': 'e.tm_available_at <= l."at"',
  'lag:6h': 'e.tm_time <= l."at" - INTERVAL 6 HOUR',
  ideal: 'true',
}

test.each(Object.entries(SEEN))('%s is what SQL finds, event by event', async (mode, seen) => {
  await writeLabels(duck.connection, folder, { labels: 3_000, users: 330 })
  await make('set.parquet', mode, { threads: 2 })
  const columns = Object.entries(WINDOWS).flatMap(([name, ms]) =>
    AGGREGATES.map((aggregate) => {
      const within = `e.tm_time < l."at" AND e.tm_time >= l."at" - to_milliseconds(${ms})`
      return `${aggregate}(e.amount) FILTER (${within}) AS payments__${aggregate}_${name}`
    }),
  )
  const events = `read_parquet('${folder}/log/tm_source=paid/**/*.parquet', hive_partitioning = false)`
  await duck.connection.run(
    `CREATE OR REPLACE TABLE truth AS SELECT l.n AS n, l.user_id, l."at", l.label, ${columns.join(', ')}
      FROM (SELECT row_number() OVER () AS n, * FROM '${path('labels.parquet')}') l
      LEFT JOIN ${events} e ON e.tm_key = l.user_id AND ${seen}
      GROUP BY l.n, l.user_id, l."at", l.label ORDER BY l.n`,
  )
  const rows = async (query: string) => await rowsOf<Record<string, unknown>>(duck.connection, query)
  const got = await rows(`SELECT * FROM '${path('set.parquet')}'`)
  const want = await rows('SELECT * EXCLUDE (n) FROM truth ORDER BY n')
  expect(got.length).toBe(3_000)
  expect(got).toEqual(want)
  // There is something to see.
  expect(got.filter((row) => Number(row.payments__count_d) > 1).length).toBeGreaterThan(200)
})

test('of more labels than DuckDB takes in at once none is lost', async () => {
  const labels = 210_000
  await writeLabels(duck.connection, folder, { labels, users: 300 })
  const small = {
    ...spec,
    services: [{ name: 'small', version: 1, features: ['payments.count_h'], maxStalenessMs: 0 }],
  }
  for (const threads of [0, 2]) {
    const out = path(`many-${threads}.parquet`)
    const options = { definitions: { spec: small }, service: 'small', labels: path('labels.parquet'), log: folder }
    expect((await trainingSet({ ...options, out, threads })).rows).toBe(labels)
    const [counted] = await rowsOf<{ n: bigint; s: bigint }>(
      duck.connection,
      `SELECT count(*) AS n, count(*) FILTER (s.user_id = l.user_id AND s."at" = l."at" AND s.label = l.label) AS s
        FROM '${out}' s POSITIONAL JOIN '${path('labels.parquet')}' l`,
    )
    expect(counted).toEqual({ n: BigInt(labels), s: BigInt(labels) })
  }
})
