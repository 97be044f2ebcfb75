/** The whole history of flights, late and repeated, through a runtime that is killed again and again: of all vectors that it served none is another by its log. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { regions } from '../../../regions.ts'
import { byDeparture, FLIGHT_ROWS, type Flight, readFlights, toEvent } from '../../../scripts/flights.ts'
import { paint } from '../../../scripts/lib/terminal.ts'
import { bundleWorkers } from '../../../scripts/local/bundle.ts'
import { freePort } from '../../../scripts/local/port.ts'
import { bucketFolder } from '../../../scripts/local/r2-service.ts'
import { localServices } from '../../../scripts/local/services.ts'
import { type Runtime, startRuntime } from '../../../scripts/local/workerd.ts'
import { openPlaces } from '../../../scripts/parity/logs.ts'
import { reportText } from '../../../scripts/parity/render.ts'
import { runParity } from '../../../scripts/parity/run.ts'
import { logBucket } from '../../../src/plan/index.ts'
import { type Random, random } from '../../support/random.ts'
import { SEED, sized } from '../size.ts'

const FLIGHTS = sized(FLIGHT_ROWS, 40_000)
const BATCH = 500
const BATCHES = Math.ceil(FLIGHTS / BATCH)
/** Rows of each lookup, and lookups after each batch: over 100,000 vectors in all. */
const ROWS = 100
const LOOKUPS = 2
const KILLS = sized(6, 2)
const HOUR_MS = 3_600_000
const LATENESS_MS = 24 * HOUR_MS
const TOKEN = 'parity'

const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-flights-parity-'))
const [region] = regions
let start: () => Promise<Runtime>
let runtime: Runtime

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  const bundles = await bundleWorkers({ workers: ['ingest', 'lookup'] })
  const services = localServices(bundles, { TOKENS: JSON.stringify({ [TOKEN]: ['*'] }), CONNECTIONS: '{}' })
  const ingest = await freePort(0)
  const sockets = [
    { service: 'ingest', port: ingest },
    { service: 'lookup', port: await freePort(0) },
  ] as const
  start = () => startRuntime({ services, sockets: [...sockets], stateDir })
  runtime = await start()
}, 60_000)

afterAll(async () => {
  await runtime?.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

async function post<T>(url: string, body: unknown, status: number): Promise<T> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  expect(response.status, text.slice(0, 300)).toBe(status)
  return JSON.parse(text) as T
}

/** By departure, but one of ten is late, by hours, and some come twice. */
function asSent(r: Random, flights: readonly Flight[]): Flight[] {
  const arrivals = byDeparture(flights).map((flight) => {
    return { flight, atMs: flight.departedMs + (r.chance(0.1) ? r.int(0, 20 * HOUR_MS) : 0) }
  })
  return arrivals.sort((a, b) => a.atMs - b.atMs).map(({ flight }) => flight)
}

test('all that was served over the history of flights is what the log gives', async () => {
  const r = random(SEED)
  const flights = asSent(r, await readFlights(FLIGHTS))
  const kills = new Set(Array.from({ length: KILLS }, () => r.int(1, BATCHES - 2)))
  let newestMs = 0
  let vectors = 0
  const startedMs = performance.now()
  for (let batch = 0; batch < BATCHES; batch++) {
    const from = batch * BATCH
    const own = flights.slice(from, from + BATCH)
    const again = r.chance(0.2) ? flights.slice(Math.max(0, from - 20), from) : []
    await post(`${runtime.urls.ingest}/v1/sources/flights/events`, [...again, ...own].map(toEvent), 202)
    newestMs = Math.max(newestMs, ...own.map(({ departedMs }) => departedMs))
    for (let n = 0; n < LOOKUPS; n++) {
      const entities = Array.from({ length: ROWS }, () => {
        const { origin, destination } = r.pick(own)
        return { airport: r.pick([origin, destination]), origin, destination: r.chance(0.05) ? 'NOWHERE' : destination }
      })
      const at = newestMs + r.pick([0, 1, -r.int(0, LATENESS_MS), r.int(0, 8 * LATENESS_MS)])
      await post(`${runtime.urls.lookup}/v1/features`, { service: 'delay_risk', entities, at }, 200)
      vectors += ROWS
    }
    if (kills.has(batch)) {
      await runtime.kill()
      runtime = await start()
    }
  }
  const servedMs = performance.now() - startedMs
  // What waits in the isolate leaves after some seconds.
  await new Promise((next) => setTimeout(next, 13_000))
  await post(`${runtime.urls.ingest}/v1/log/flush`, {}, 200)

  const checkedFrom = performance.now()
  const folder = join(stateDir, bucketFolder((region && logBucket(region)) ?? ''))
  const all = { service: undefined, sample: 9_999_999, seed: 1 }
  const report = await runParity(openPlaces([{ folder }]), all, { fromMs: 0, toMs: Date.now() + HOUR_MS })
  const seconds = (performance.now() - checkedFrom) / 1_000
  console.log(reportText(report, paint({ isTTY: false })))
  console.log(
    `${FLIGHTS} flights, ${vectors} vectors served in ${(servedMs / 1_000).toFixed(1)} s with ${kills.size} kills; ` +
      `${report.vectors.compared} kept and compared in ${seconds.toFixed(1)} s; ` +
      `${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MB resident after`,
  )
  expect(report.mismatches).toEqual([])
  expect(report.vectors.mismatched).toBe(0)
  expect(Object.values(report.vectors.skipped).every((count) => count === 0)).toBe(true)
  // A death takes along what the isolate has in memory: at most some hundred.
  expect(report.vectors.compared).toBeGreaterThan(vectors - 1_200 * (kills.size + 1))
}, 900_000)
