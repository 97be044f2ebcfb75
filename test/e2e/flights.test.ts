import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { regions } from '../../regions.ts'
import { type Flight, readFlights, toEvent } from '../../scripts/flights.ts'
import { bundleWorkers } from '../../scripts/local/bundle.ts'
import { freePort } from '../../scripts/local/port.ts'
import { localServices } from '../../scripts/local/services.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'
import type { Region } from '../../src/plan/index.ts'
import { type Random, random } from '../support/random.ts'
import { FlightTruth, type Row } from './truth.ts'

const SEED = 20_010_101
const FLIGHTS = 20_000
const BATCH = 500
/** Read requests after each batch, and rows of each: one time a request. */
const READS = 13
const ROWS = 10
const HOUR_MS = 3_600_000
const LATENESS_MS = 24 * HOUR_MS
const TOKEN = 'e2e'

const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-e2e-'))
let runtime: Runtime

beforeAll(async () => {
  const bundles = await bundleWorkers({ workers: ['ingest', 'lookup'] })
  const tokens = { [TOKEN]: ['ingest:flights'], anonymous: ['read:delay_risk'] }
  const services = localServices(bundles, { TOKENS: JSON.stringify(tokens), CONNECTIONS: '{}' })
  const ingest = await freePort(30_787)
  const sockets = [
    { service: 'ingest', port: ingest },
    { service: 'lookup', port: await freePort(ingest + 1) },
  ] as const
  runtime = await startRuntime({ services, sockets: [...sockets], stateDir })
})

afterAll(async () => {
  await runtime?.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

/** A list, NDJSON or gzip: what is counted does not depend on it. */
async function send(flights: readonly Flight[], form: number): Promise<{ accepted: number; commits: string[] }> {
  const events = flights.map((flight) => JSON.stringify(toEvent(flight)))
  const isLines = form % 3 === 1
  const text = isLines ? events.join('\n') : `[${events.join()}]`
  const isGzip = form % 5 === 2
  const response = await fetch(`${runtime.urls.ingest}/v1/sources/flights/events`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': isLines ? 'application/x-ndjson' : 'application/json',
      ...(isGzip && { 'content-encoding': 'gzip' }),
    },
    body: isGzip ? gzipSync(text) : text,
  })
  const body = (await response.json()) as { accepted: number; commits: string[] }
  expect(response.status, JSON.stringify(body).slice(0, 300)).toBe(202)
  return body
}

interface Vector {
  readonly values: readonly unknown[]
  readonly status: readonly string[]
  readonly exact: readonly boolean[]
}

async function read(entities: readonly Row[], t: number): Promise<readonly Vector[]> {
  const response = await fetch(`${runtime.urls.lookup}/v1/features`, {
    method: 'POST',
    body: JSON.stringify({ service: 'delay_risk', entities, at: t }),
  })
  const body = (await response.json()) as { rows: readonly Vector[] }
  expect(response.status, JSON.stringify(body).slice(0, 300)).toBe(200)
  return body.rows
}

/** As far behind the newest flight as any entity can be read, on the edges of events and of windows, and ahead. */
function readTime(r: Random, sent: readonly Flight[], newestMs: number): number {
  const { departedMs } = r.pick(sent)
  const near = departedMs + r.pick([0, 1, HOUR_MS, HOUR_MS + 1, 6 * HOUR_MS, 24 * HOUR_MS])
  const any = newestMs - r.int(0, LATENESS_MS)
  const ahead = newestMs + r.int(1, 8 * 24 * HOUR_MS)
  const wanted = r.pick([near, near, any, ahead, newestMs, newestMs + 1])
  return Math.max(wanted, newestMs - LATENESS_MS)
}

/** Airports that nobody flew from or to, busy ones and small ones; routes that were flown, and some that were not. */
function readRow(r: Random, sent: readonly Flight[], airports: readonly string[]): Row {
  const { origin, destination } = r.pick(sent)
  if (r.chance(0.02)) return { airport: 'NOWHERE', origin, destination: 'NOWHERE' }
  const airport = r.chance(0.2) ? origin : r.pick(airports)
  return r.chance(0.1) ? { airport, origin: destination, destination: origin } : { airport, origin, destination }
}

// Flights go in by schedule and count from when they left, so hundreds arrive hours behind their airport's mark.
test('every value, status and exactness of 20,000 flights equal the oracle, read while they are sent', async () => {
  const r = random(SEED)
  const flights = await readFlights(FLIGHTS)
  const truth = new FlightTruth(regions[0] as Region)
  const airports = [...new Set(flights.flatMap(({ origin, destination }) => [origin, destination]))]
  let reads = 0
  let inexact = 0
  let newestMs = 0
  for (let from = 0; from < flights.length; from += BATCH) {
    const batch = flights.slice(from, from + BATCH)
    const receipt = await send(batch, from / BATCH)
    expect(receipt.accepted, `batch at ${from}, seed ${SEED}`).toBe(batch.length)
    for (const flight of batch) {
      truth.add(flight)
      newestMs = Math.max(newestMs, flight.departedMs)
    }
    expect(receipt.commits).toEqual(truth.commits(receipt.commits))
    const sent = flights.slice(0, from + batch.length)
    for (let i = 0; i < READS; i++) {
      const t = readTime(r, sent, newestMs)
      const rows = Array.from({ length: ROWS }, () => readRow(r, sent, airports))
      const vectors = await read(rows, t)
      rows.forEach((row, at) => {
        const { values, status, exact } = vectors[at] as Vector
        const want = truth.vector(row, t)
        expect({ seed: SEED, row, t, values, status, exact }).toEqual({
          seed: SEED,
          row,
          t,
          values: want.map((feature) => feature.value),
          status: want.map((feature) => feature.status),
          exact: want.map((feature) => feature.exact),
        })
        reads++
        if (exact.includes(false)) inexact++
      })
    }
  }
  expect(reads).toBeGreaterThanOrEqual(5_000)
  // The rule for tiles at a window's edge was met as well, not only rows.
  expect(inexact).toBeGreaterThan(0)
}, 120_000)
