import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { regions } from '../../regions.ts'
import { byDeparture, readFlights } from '../../scripts/flights.ts'
import { root } from '../../scripts/lib/paths.ts'
import { freePort } from '../../scripts/local/port.ts'
import { PAIRS } from '../../scripts/start/showcase.ts'
import { type Vector, vectorTable } from '../../scripts/start/table.ts'
import type { Region } from '../../src/plan/index.ts'
import { FlightTruth } from './truth.ts'

const FLIGHTS = 20_000

/** `npm start -- --once` from outside: everything that it prints, and how it ends. */
async function startOnce(): Promise<{ readonly code: number | null; readonly output: string }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-once-'))
  try {
    const port = String(await freePort(32_787))
    const args = ['scripts/start.ts', '--once', '--rows', String(FLIGHTS), '--state', stateDir, '--port', port]
    const child = spawn(process.execPath, args, { cwd: root })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const code = await new Promise<number | null>((ended) => child.on('close', ended))
    return { code, output }
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** Requests are in flight side by side, so of flights that left one airport in one minute any may have come last. */
const BY_ARRIVAL = /^ {2}(last_destination|last_inbound_origin|route_last_delay) .*$/gm

test('npm start -- --once exits 0, and every vector that it prints is the oracle of the flights it sent', async () => {
  const { code, output } = await startOnce()
  expect(code, output).toBe(0)
  const at = /The vectors of the service delay_risk at (\S+),/.exec(output)?.[1] ?? ''
  const truth = new FlightTruth(regions[0] as Region)
  for (const flight of byDeparture(await readFlights(FLIGHTS))) truth.add(flight)

  const names = truth.features()
  const vectors = PAIRS.map(({ origin, destination }): Vector => {
    const row = truth.vector({ airport: origin, origin, destination }, Date.parse(at))
    return {
      title: `${origin}-${destination}`,
      values: row.map(({ value }) => value),
      status: row.map(({ status }) => status),
      exact: row.map(({ exact }) => exact),
      probability: 0,
    }
  })
  const table = vectorTable(names, vectors)
  const wanted = table.slice(0, table.lastIndexOf('\n\n')).replaceAll(BY_ARRIVAL, '')
  expect(wanted.split('\n').length).toBeGreaterThan(30)
  expect(output.replaceAll(BY_ARRIVAL, '')).toContain(wanted)
})
