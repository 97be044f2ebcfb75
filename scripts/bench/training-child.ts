/** Makes the set of the bench, by the engine or by SQL, and prints seconds, peak memory and what its columns come to. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDuck, quoted, rowsOf } from '../../src/offline/node/duck.ts'
import { trainingSet } from '../../src/offline/node/index.ts'
import { AGGREGATES, spec, WINDOWS } from './training-data.ts'

const [what, folder = ''] = process.argv.slice(2)
const out = join(folder, `${what}.parquet`)
const started = performance.now()
if (what === 'sql') await bySql()
else
  await trainingSet({
    definitions: { spec },
    service: 'bench',
    labels: join(folder, 'labels.parquet'),
    out,
    log: folder,
  })
const seconds = (performance.now() - started) / 1_000
const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN)
console.log(JSON.stringify({ seconds, peakMb: Math.round(peakKb / 1_024), sums: await sums() }))

/** Events and labels in one list, and for each label the windows before it. */
async function bySql(): Promise<void> {
  const { connection, instance } = await openDuck({ threads: 2, memoryMb: 2_000, temporary: folder })
  const windows = Object.entries(WINDOWS).map(
    ([name, ms]) => `${name} AS (PARTITION BY user_id ORDER BY t RANGE BETWEEN ${ms} PRECEDING AND 1 PRECEDING)`,
  )
  const columns = Object.keys(WINDOWS).flatMap((name) =>
    AGGREGATES.map((aggregate) => `${aggregate}(amount) OVER ${name} AS payments__${aggregate}_${name}`),
  )
  await connection.run(
    `COPY (SELECT * EXCLUDE (t, amount, is_label, n) FROM (
      SELECT *, ${columns.join(', ')} FROM (
        SELECT user_id, epoch_ms("at") AS t, NULL AS amount, true AS is_label, label, row_number() OVER () AS n
          FROM read_parquet(${quoted(join(folder, 'labels.parquet'))})
        UNION ALL
        SELECT tm_key, epoch_ms(tm_time), amount, false, NULL, NULL
          FROM read_parquet(${quoted(join(folder, 'log/tm_source=paid/**/*.parquet'))}, hive_partitioning = false)
      ) WINDOW ${windows.join(', ')}
    ) WHERE is_label ORDER BY n) TO ${quoted(out)} (FORMAT parquet, COMPRESSION zstd)`,
  )
  connection.closeSync()
  instance.closeSync()
}

/** The sum of each column: not in the time. */
async function sums(): Promise<number[]> {
  const { connection } = await openDuck({ threads: 1, memoryMb: 500, temporary: folder })
  const columns = Object.keys(WINDOWS).flatMap((name) =>
    AGGREGATES.map((aggregate) => `CAST(sum(payments__${aggregate}_${name}) AS DOUBLE) AS ${aggregate}_${name}`),
  )
  const [row = {}] = await rowsOf<Record<string, number>>(
    connection,
    `SELECT ${columns.join(', ')} FROM ${quoted(out)}`,
  )
  return Object.values(row)
}
