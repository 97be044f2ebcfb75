/** One run of chaos: load, SIGKILL at a random moment, start again on the same state; and at the end everything is counted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleWorkers } from '../local/bundle.ts'
import { freePort } from '../local/port.ts'
import { localServices } from '../local/services.ts'
import { type Runtime, startRuntime } from '../local/workerd.ts'
import { type Comparison, compareCounts, countDeadLetters } from './compare.ts'
import { seeded, wholeBetween } from './flights.ts'
import { Load, type LoadReport, pause } from './load.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly kills: number
  /** No new kill after this long: the run says then how many it did. */
  readonly timeLimitMs: number
  readonly say: (line: string) => void
}

export interface ChaosResult {
  readonly kills: number
  readonly load: LoadReport
  /** Just before the last kill, with everything acknowledged; and after the last start, from disk alone. */
  readonly before: Comparison
  readonly after: Comparison
  readonly deadLetters: number
}

const TOKEN = 'chaos-token'
const IN_FLIGHT = 8
const DUPLICATES = 0.15
const LONGEST_LIFE_MS = 2_500
/** After every event: the run's batches are a few days long. */
const READ_AT = '2001-12-31T00:00:00Z'
const PREFERRED_PORT = 29_787

/** Starts, kills and compares; leaves nothing behind but what it returns. */
export async function runChaos({ seed, kills, timeLimitMs, say }: ChaosOptions): Promise<ChaosResult> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const random = seeded(seed)
  const deadline = Date.now() + timeLimitMs
  let runtime: Runtime | undefined
  let load: Load | undefined
  try {
    const start = await starter(stateDir)
    runtime = await start()
    const url = urlOf(runtime, 'ingest')
    load = new Load({ seed, url, token: TOKEN, inFlight: IN_FLIGHT, duplicates: DUPLICATES })
    const sending = load.run()
    let done = 0
    while (done < kills && Date.now() < deadline) {
      // Squared: many lives are short, so that recovery itself is often killed.
      await pause(LONGEST_LIFE_MS * random() ** 2)
      await runtime.kill()
      done++
      // Time for every lane to notice, or none at all.
      await pause(wholeBetween(random, 0, 1) * 50)
      runtime = await start()
      say(`kill ${done} of ${kills}: ${load.report.truth.events} events acknowledged, ${load.report.retries} retries`)
    }
    load.stop()
    await sending
    const { truth } = load.report
    const before = await compareCounts(urlOf(runtime, 'lookup'), truth, READ_AT)
    await runtime.kill()
    runtime = await start()
    const after = await compareCounts(urlOf(runtime, 'lookup'), truth, READ_AT)
    const deadLetters = await countDeadLetters(urlOf(runtime, 'ingest'), TOKEN)
    return { kills: done + 1, load: load.report, before, after, deadLetters }
  } finally {
    load?.stop()
    await runtime?.kill()
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** Ports and bundles are the same for every start: a client finds the server where it was. */
async function starter(stateDir: string): Promise<() => Promise<Runtime>> {
  const bundles = await bundleWorkers({ workers: ['ingest', 'lookup'] })
  const tokens = { [TOKEN]: ['ingest:flights', 'dead-letters'], anonymous: ['read:*'] }
  const services = localServices(bundles, { TOKENS: JSON.stringify(tokens), CONNECTIONS: '{}' })
  const ingest = await freePort(PREFERRED_PORT)
  const lookup = await freePort(ingest + 1)
  const sockets = [
    { service: 'ingest', port: ingest },
    { service: 'lookup', port: lookup },
  ] as const
  return () => startRuntime({ services, sockets: [...sockets], stateDir })
}

function urlOf(runtime: Runtime, service: string): string {
  const url = runtime.urls[service]
  if (url === undefined) throw new Error(`no socket for ${service}`)
  return url
}
