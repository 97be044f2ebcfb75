import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { bundleWorkers } from '../../scripts/local/bundle.ts'
import { freePort } from '../../scripts/local/port.ts'
import { localServices } from '../../scripts/local/services.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'

/** The command, as a process, against Workers as processes. */

const TOKEN = 'e2e'
const folder = mkdtempSync(join(tmpdir(), 'tidemark-import-'))
const files = join(folder, 'files')
let runtime: Runtime

beforeAll(async () => {
  mkdirSync(join(files, 'more'), { recursive: true })
  await writeFiles()
  const bundles = await bundleWorkers({ workers: ['ingest', 'lookup'] })
  const tokens = { [TOKEN]: ['import:flights', 'dead-letters', 'read:*'] }
  const services = localServices(bundles, { TOKENS: JSON.stringify(tokens), CONNECTIONS: '{}' })
  const ingest = await freePort(31_787)
  const sockets = [
    { service: 'ingest', port: ingest },
    { service: 'lookup', port: await freePort(ingest + 1) },
  ] as const
  runtime = await startRuntime({ services, sockets: [...sockets], stateDir: join(folder, 'state') })
}, 60_000)

afterAll(async () => {
  await runtime?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Flights `from` up to `to`, a minute apart, from three airports in turn. */
const flights = (from: number, to: number): string =>
  `SELECT i AS id, TIMESTAMPTZ '2001-01-01 00:00:00+00' + i * INTERVAL 1 MINUTE AS scheduled,
     TIMESTAMPTZ '2001-01-01 00:05:00+00' + i * INTERVAL 1 MINUTE AS departed, (i % 60)::INTEGER AS delay,
     100 + i AS distance, ['SEA', 'LAX', 'JFK'][i % 3 + 1] AS origin, ['LAX', 'JFK', 'SEA'][i % 3 + 1] AS destination,
     TIMESTAMPTZ '2002-01-01 00:00:00+00' AS loaded
   FROM range(${from}, ${to}) r(i)`

async function writeFiles(): Promise<void> {
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  const copy = (what: string, file: string, how = '') => duck.run(`COPY (${what}) TO '${join(files, file)}' ${how}`)
  await copy(flights(0, 6_000), 'history.parquet', '(FORMAT parquet)')
  await copy(flights(6_000, 9_000), 'more/a.csv', "(FORMAT csv, DELIMITER ';')")
  await copy(flights(9_000, 12_000), 'more/b.ndjson', '(FORMAT json)')
  await copy(flights(20_000, 32_000), 'slow.parquet', '(FORMAT parquet)')
  await copy(flights(50_000, 50_003), 'bad.csv', '(FORMAT csv)')
  duck.closeSync()
  const [header, first, second, third] = readFileSync(join(files, 'bad.csv'), 'utf8').split('\n')
  const late = (second ?? '').replace(/,\d+,(\d+),SEA/, ',late,$1,SEA')
  writeFileSync(join(files, 'bad.csv'), `${[header, first, late, 'too,short', third].join('\n')}\n`)
}

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command; `until` sends it a signal once its stderr says this. */
function run(
  args: readonly string[],
  until?: { readonly said: RegExp; readonly signal: NodeJS.Signals },
): Promise<Ran> {
  return new Promise((resolve) => {
    const all = ['import', '--source', 'flights', '--url', runtime.urls.ingest ?? '', '--token', TOKEN, ...args]
    const child = spawn(process.execPath, [join(root, 'scripts', 'tidemark.ts'), ...all], {
      cwd: files,
      env: { ...process.env, NO_COLOR: '1' },
    })
    let out = ''
    let err = ''
    let sent = false
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
      if (until && !sent && until.said.test(err)) sent = child.kill(until.signal)
    })
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** Departures of each airport, ever. */
async function departures(): Promise<unknown[]> {
  const body = {
    features: ['airport_departures.departures_ever'],
    entities: ['SEA', 'LAX', 'JFK'].map((airport) => ({ airport })),
    at: '2003-01-01T00:00:00Z',
  }
  const response = await fetch(`${runtime.urls.lookup}/v1/features`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  })
  const { rows } = (await response.json()) as { rows: { values: unknown[] }[] }
  return rows.map(({ values }) => values[0])
}

test('a file, a folder and a glob are counted once each, in three formats, and again not at all', async () => {
  const first = await run(['--known-at', 'column:loaded', 'history.parquet', 'more'])
  expect(first.err + first.out).toContain('Nothing was refused')
  expect(first.code).toBe(0)
  expect(await departures()).toEqual([4_000, 4_000, 4_000])
  const again = await run(['--known-at', 'column:loaded', '--json', 'history.parquet', 'more/*.{csv,ndjson}'])
  expect(JSON.parse(again.out)).toMatchObject({ rows: 12_000, accepted: 0, duplicates: 12_000, refused: 0, done: true })
  expect(await departures()).toEqual([4_000, 4_000, 4_000])
})

test('refused rows are told with file and line, and are dead letters with them', async () => {
  const { code, out } = await run(['--known-at', 'none', 'bad.csv'])
  expect(code).toBe(3)
  expect(out).toContain('bad.csv:3  "delay" is "late"; expected a whole number.')
  expect(out).toContain('bad.csv:4  The row has 2 cells, and the header 8')
  const response = await fetch(`${runtime.urls.ingest}/v1/dead-letters?source=flights&position=bad.csv`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  const { letters } = (await response.json()) as { letters: { position: string; reason: string }[] }
  expect(letters.map(({ position, reason }) => [position, reason]).sort()).toEqual([
    ['bad.csv:3', 'wrong_type'],
    ['bad.csv:4', 'not_object'],
  ])
  expect(await departures()).toEqual([4_000, 4_001, 4_001])
})

test('Ctrl-C ends cleanly and a crash does not, and both go on behind the last acknowledged row: nothing lost, nothing twice', async () => {
  const args = ['--known-at', 'event-time+5m', 'slow.parquet', '--batch', '500', '--rate', '8000']
  const stopped = await run(args, { said: /[12]\d %/, signal: 'SIGINT' })
  expect(stopped.code).toBe(130)
  expect(stopped.err).toMatch(/Interrupted after [\d,]+ rows\. The same command goes on there/)
  const killed = await run(args, { said: /[456]\d %/, signal: 'SIGKILL' })
  expect(killed.code).toBe(null)
  expect(killed.err).toMatch(/Going on behind slow\.parquet:\d+/)
  const rest = await run([...args.slice(0, 5), '--json'])
  const summary = JSON.parse(rest.out)
  // What was acknowledged and not noted before the kill is found counted.
  expect(summary).toMatchObject({ refused: 0, done: true })
  expect(summary.rows).toBe(12_000)
  const [sea, lax, jfk] = (await departures()) as number[]
  expect([sea, lax, jfk]).toEqual([8_000, 8_001, 8_001])
})

test('who may not import is told which scope it takes, and nothing is tried again', async () => {
  const { code, err } = await run(['--known-at', 'none', 'bad.csv', '--token', 'other'])
  expect([code, err]).toEqual([1, expect.stringContaining('401 from')])
})
