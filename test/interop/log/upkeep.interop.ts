/** Flights under load, while the log is flushed, compacted, filled from and erased from, and whatever is at work is killed again and again. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byDeparture, type Flight, readFlights, toEvent } from '../../../scripts/flights.ts'
import { root } from '../../../scripts/lib/paths.ts'
import { paint } from '../../../scripts/lib/terminal.ts'
import { openPlaces } from '../../../scripts/parity/logs.ts'
import { reportText } from '../../../scripts/parity/render.ts'
import { runParity } from '../../../scripts/parity/run.ts'
import { FileObjects, openDuck, openLog, readManifests } from '../../../src/offline/node/index.ts'
import { type Random, random } from '../../support/random.ts'
import { TestRegion, TOKEN } from '../region.ts'
import { SEED, sized } from '../size.ts'

const FLIGHTS = sized(60_000, 1_600)
const BATCH = 100
const KILLS = sized(12, 2)
const ERASED = 'SEA'
const folder = mkdtempSync(join(tmpdir(), 'tidemark-upkeep-interop-'))
let region: TestRegion
let app: 'log-app' | 'log-app-later' = 'log-app'

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  region = await TestRegion.start({ name: 'east', app: 'log-app', connections: {} })
}, 120_000)

afterAll(async () => {
  await region?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A command as a person calls it; `killAfterMs`: as a power cut would end it. */
function tidemark(args: readonly string[], killAfterMs?: number): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', TIDEMARK_URL: region.ingestUrl, TIDEMARK_TOKEN: TOKEN }
  const child = spawn(process.execPath, [join(root, 'scripts/tidemark.ts'), ...args], { env, cwd: folder })
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, out, err })
    }),
  )
}

/** Kills the command, or the runtime under it, some times; then lets it come to its end. */
async function insist(r: Random, args: readonly string[], deaths: number): Promise<Ended> {
  for (let i = 0; i < deaths; i++) {
    const running = tidemark(args, r.int(400, 2_500))
    if (r.chance(0.5)) {
      await pause(r.int(300, 1_500))
      await restart()
    }
    await running
  }
  for (let tries = 0; ; tries++) {
    const ended = await tidemark(args)
    if (ended.code === 0 || tries === 4) return ended
    console.log(`${args.join(' ')}: ${ended.code} ${ended.err.trim()} ${ended.out.trim()}`)
  }
}

let restarting: Promise<void> | undefined
async function restart(next = app): Promise<void> {
  restarting ??= (async () => {
    app = next
    await region.kill()
    await region.start(next)
  })()
  await restarting
  restarting = undefined
}

async function send(flights: readonly Flight[]): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      await region.call('POST', '/v1/sources/flights/events', flights.map(toEvent))
      return
    } catch (cause) {
      if (Date.now() > deadline || /: 4\d\d /.test(String(cause))) throw cause
      await pause(50)
    }
  }
}

async function ask(service: string, entities: readonly object[]): Promise<readonly (readonly unknown[])[]> {
  const answer = await region.call<{ rows: { values: unknown[] }[] }>(
    'POST',
    '/v1/features',
    { service, entities },
    region.lookupUrl,
  )
  return answer.rows.map(({ values }) => values)
}

/** Sends flights, each batch until it is taken, and looks up what they are about. */
class Load {
  isEnding = false
  sent = 0
  private readonly r: Random
  private readonly flights: readonly Flight[]
  private readonly pace: number

  constructor(r: Random, flights: readonly Flight[], pace: number) {
    this.r = r
    this.flights = flights
    this.pace = pace
  }

  async run(): Promise<void> {
    for (
      ;
      this.sent < this.flights.length && !this.isEnding;
      this.sent = Math.min(this.flights.length, this.sent + BATCH)
    ) {
      const own = this.flights.slice(this.sent, this.sent + BATCH)
      await send(this.r.chance(0.2) ? [...own, ...own.slice(0, 10)] : own)
      const { origin, destination } = this.r.pick(own)
      await ask('airports', [{ airport: origin }, { airport: destination }]).catch(() => {})
      await ask('routes', [{ origin, destination }]).catch(() => {})
      if (this.r.chance(0.3)) await region.call('POST', '/v1/log/flush').catch(() => {})
      await pause(this.pace)
    }
  }

  /** The rest, as fast as it goes. */
  async finish(): Promise<void> {
    this.isEnding = true
  }
}

/** So many vectors that the sample leaves at once. */
async function sampled(): Promise<void> {
  await ask(
    'airports',
    Array.from({ length: 1_000 }, () => ({ airport: 'NOWHERE' })),
  )
  await pause(1_500)
}

const sumOf = (flights: readonly Flight[], of: (flight: Flight) => number): number | null =>
  flights.length === 0 ? null : flights.reduce((sum, flight) => sum + of(flight), 0)

test(
  'each event is in the log once, online values are true, parity is 0 and who was erased is gone',
  async () => {
    const r = random(SEED)
    const all = byDeparture(await readFlights(FLIGHTS))
    const half = Math.floor(all.length / 2)
    const load = new Load(r, all.slice(0, half), sized(20, 40))
    const running = load.run()
    for (let i = 0; i < KILLS; i++) {
      await pause(r.int(100, 500))
      await restart()
    }
    const first = await insist(r, ['log', 'compact', '--all'], sized(3, 1))
    expect(first.code, first.err).toBe(0)
    await running

    // A view that comes later, while the rest comes in.
    await restart('log-app-later')
    const rest = new Load(r, all.slice(half), sized(20, 30))
    const resting = rest.run()
    const later = join(root, 'test/interop/log-app-later/definitions.ts')
    const filled = await insist(
      r,
      ['backfill', 'hauls', '--since', 'beginning', '--definitions', later, '--log', region.bucket],
      sized(3, 1),
    )
    expect(filled.code, filled.err).toBe(0)
    const second = await insist(r, ['log', 'compact', '--all'], sized(2, 1))
    expect(second.code, second.err).toBe(0)
    await resting

    const airports = [...new Set(all.flatMap(({ origin, destination }) => [origin, destination]))].sort()
    const seen = async () => {
      const values = await ask(
        'airports',
        airports.map((airport) => ({ airport })),
      )
      const hauls = await ask(
        'hauls',
        airports.map((airport) => ({ airport })),
      )
      return airports.map((_, i) => [...(values[i] ?? []), ...(hauls[i] ?? [])])
    }
    const truth = airports.map((airport) => {
      const out = all.filter(({ origin }) => origin === airport)
      const into = all.filter(({ destination }) => destination === airport)
      const distance = sumOf(out, (flight) => flight.distance)
      return [
        out.length,
        sumOf(out, ({ delay }) => delay),
        into.length,
        sumOf(into, (flight) => flight.distance),
        out.length,
        distance,
      ]
    })
    expect(await seen()).toEqual(truth)

    await region.call('POST', '/v1/log/flush')
    const ids = all.map(({ id }) => id).sort((a, b) => a - b)
    expect(await loggedIds()).toEqual(ids)
    console.log((await tidemark(['log'])).out)

    await sampled()
    const erasing = [
      'erase',
      '--entity',
      'airport',
      '--key',
      `airport=${ERASED}`,
      '--definitions',
      later,
      '--yes',
      '--out',
      join(folder, 'certificate.json'),
    ]
    const erased = await insist(r, erasing, sized(4, 1))
    console.log(erased.out)
    expect(erased.code, `${erased.out}${erased.err}`).toBe(0)
    const certificate = JSON.parse(readFileSync(join(folder, 'certificate.json'), 'utf8')) as {
      readonly isProved: boolean
    }
    expect(certificate.isProved).toBe(true)
    expect(JSON.stringify(certificate)).not.toContain(ERASED)

    // Others are as they were, online and in the log.
    const left = airports.map((airport, i) => (airport === ERASED ? [0, null, 0, null, 0, null] : truth[i]))
    expect(await seen()).toEqual(left)
    await region.call('POST', '/v1/log/flush')
    // A flight of theirs is in the other airport's log only, without its id.
    expect(await loggedIds()).toEqual(
      all
        .filter(({ origin, destination }) => origin !== ERASED && destination !== ERASED)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    )
    expect(await bytesWith(ERASED)).toEqual([])

    await sampled()
    const report = await runParity(
      openPlaces([{ folder: region.bucket }]),
      { service: undefined, sample: 1_000_000, seed: 1 },
      { fromMs: 0, toMs: Date.now() + 3_600_000 },
    )
    console.log(reportText(report, paint({ isTTY: false })))
    expect(report.mismatches).toEqual([])
    expect(report.vectors.compared).toBeGreaterThan(20)

    const swept = await tidemark(['log', 'sweep', '--grace', '1ms'])
    expect(swept.code, swept.err).toBe(0)
    console.log(swept.out)
    const objects = new FileObjects(region.bucket)
    const named = (await readManifests(objects)).flatMap(({ segments }) => segments.map(({ key }) => key)).sort()
    expect((await objects.list('log/tm_')).map(({ key }) => key)).toEqual(named)
    await openLog(region.bucket)
    console.log((await tidemark(['log', 'compact', '--all'])).out, (await tidemark(['log'])).out)
  },
  sized(900_000, 240_000),
)

/** By DuckDB alone, from the files that the manifests name: each event's id, by each of its keys and its route once. */
async function loggedIds(): Promise<number[]> {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 300, temporary: folder })
  try {
    const logs = await openLog(region.bucket)
    const ids = async (entity: string) => {
      const files = logs
        .filter(({ manifest }) => manifest.shard.entity === entity)
        .flatMap((log) => log.files.map(({ path }) => `'${path}'`))
      const query = `SELECT CAST(tm_id AS BIGINT) AS id, count(*) AS n, count(DISTINCT tm_key) AS keys, bool_and(tm_id = CAST(id AS VARCHAR)) AS same
        FROM read_parquet([${files.join(', ')}], hive_partitioning = false) WHERE tm_id IS NOT NULL GROUP BY 1 ORDER BY 1`
      return (await connection.runAndReadAll(query)).getRowObjectsJS() as {
        id: bigint
        n: bigint
        keys: bigint
        same: boolean
      }[]
    }
    const [airport, route] = [await ids('airport'), await ids('route')]
    for (const { n, keys, same } of [...airport, ...route]) {
      expect(n).toBe(keys)
      expect(same).toBe(true)
    }
    expect(route.every(({ n }) => n === 1n)).toBe(true)
    expect(route.map(({ id }) => id)).toEqual(airport.map(({ id }) => id))
    return airport.map(({ id }) => Number(id))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Files of the bucket in which DuckDB finds the key in any text. */
async function bytesWith(key: string): Promise<string[]> {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 300, temporary: folder })
  try {
    const found: string[] = []
    for (const { key: name } of await new FileObjects(region.bucket).list('log/tm_')) {
      const path = join(region.bucket, name)
      if (!existsSync(path)) continue
      const query = `SELECT count(*) AS n FROM read_parquet('${path}', hive_partitioning = false) r WHERE CAST(r AS VARCHAR) LIKE '%${key}%'`
      const [row] = (await connection.runAndReadAll(query)).getRowObjectsJS() as { n: bigint }[]
      if (row && row.n > 0n) found.push(name)
    }
    return found
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
