/**
 * `npm run test:interop`: starts real peers on free ports in a folder of their own, runs the tests in test/interop against
 * them, and ends everything.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type InteropFile, interopFiles, missing } from './interop/suites.ts'
import { binary } from './lib/paths.ts'
import { type Counts, writeResults } from './lib/results.ts'
import { run } from './lib/run.ts'
import { startApicurio } from './peers/apicurio.ts'
import { startConnect } from './peers/connect.ts'
import { installPeer } from './peers/install.ts'
import { startKafka } from './peers/kafka.ts'
import { startPostgres } from './peers/postgres.ts'
import type { Peer } from './peers/process.ts'
import type { PeerName } from './peers/versions.ts'

const HELP = `npm run test:interop: tests against a real Kafka, PostgreSQL, Debezium, schema registry, Redis and libSQL.

  npm run test:interop                     everything; downloads about 1 GB the first time
  npm run test:interop -- --quick          what needs no large download, as CI does
  npm run test:interop -- kafka            only files with "kafka" in their path

Needs JDK 17, Maven, npm, and apt-get when PostgreSQL or Redis is not installed. What cannot be had is skipped and named.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
})
if (values.help) console.log(HELP)
else process.exitCode = await interop(values.quick, positionals)

/** The exit code. */
async function interop(quick: boolean, parts: readonly string[]): Promise<number> {
  const startedMs = Date.now()
  const { files, skipped } = await choose(quick, parts)
  for (const line of skipped) console.log(`interop: skipped ${line}`)
  if (files.length === 0) {
    console.error('interop: no file is left to run.')
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-interop-'))
  // The user postgres passes through it to its own.
  chmodSync(folder, 0o711)
  const peers: Peer[] = []
  let counts: Counts = { passed: 0, failed: 1 }
  try {
    const environment = await startNeeded(quick, new Set(files.flatMap(({ needs }) => needs)), folder, peers)
    counts = await runTests(files, folder, environment)
  } catch (error) {
    console.error(`interop: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  writeResults('interop', counts)
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.log(
    `interop: ${counts.passed} passed, ${counts.failed} failed, ${skipped.length} files skipped, ${seconds} s`,
  )
  return counts.failed > 0 ? 1 : 0
}

async function choose(quick: boolean, parts: readonly string[]): Promise<{ files: InteropFile[]; skipped: string[] }> {
  const wanted = interopFiles().filter(({ path }) => parts.length === 0 || parts.some((part) => path.includes(part)))
  const noRedis = wanted.some(({ needs }) => needs.includes('redis')) ? await problemWithRedis() : undefined
  const skipped: string[] = []
  const files = wanted.filter(({ path, needs }) => {
    const reasons = needs.map((peer) => missing(peer, quick) ?? (peer === 'redis' ? noRedis : undefined))
    const why = reasons.find((reason) => reason !== undefined)
    if (why !== undefined) skipped.push(`${path}: ${why}`)
    return why === undefined
  })
  return { files, skipped }
}

/** Redis is brought by the system's packages, which not every machine may install: the rest can be tested without it. */
async function problemWithRedis(): Promise<string | undefined> {
  try {
    await installPeer('redis', (line) => console.log(`interop: ${line}`))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)
  }
}

/** Where the peers are, as `test/interop/peers.ts` reads it. */
async function startNeeded(
  quick: boolean,
  needs: ReadonlySet<PeerName>,
  folder: string,
  peers: Peer[],
): Promise<Record<string, string>> {
  const say = (line: string, progress = false) => {
    if (!progress) console.log(`interop: ${line}`)
  }
  for (const peer of needs) await installPeer(peer, say)
  const started = async (name: string, starting: Promise<Peer>) => {
    const startedMs = Date.now()
    const peer = await starting
    peers.unshift(peer)
    say(`${name} on ${peer.address} after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`)
    return peer.address
  }
  const environment: Record<string, string> = quick ? { TIDEMARK_INTEROP_QUICK: '1' } : {}
  const [kafka, postgres] = await Promise.all([
    needs.has('kafka') ? started('Kafka', startKafka({ dir: join(folder, 'kafka') })) : undefined,
    needs.has('postgres') ? started('PostgreSQL', startPostgres({ dir: join(folder, 'postgres') })) : undefined,
  ])
  if (postgres !== undefined) environment.TIDEMARK_POSTGRES = postgres
  if (kafka !== undefined) environment.TIDEMARK_KAFKA = kafka
  if (kafka !== undefined && needs.has('debezium'))
    environment.TIDEMARK_CONNECT = await started('Kafka Connect', startConnect({ dir: join(folder, 'connect'), kafka }))
  if (needs.has('apicurio'))
    environment.TIDEMARK_APICURIO = await started('Apicurio', startApicurio({ dir: join(folder, 'apicurio') }))
  return environment
}

async function runTests(
  files: readonly InteropFile[],
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<Counts> {
  const reportFile = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
  const config = join('scripts', 'interop', 'vitest.config.ts')
  const { ok } = await run(
    binary('vitest'),
    ['run', '--config', config, ...reporters, ...files.map(({ path }) => path)],
    { env: { ...environment, TIDEMARK_INTEROP_FOLDER: folder }, onOutput: (text) => process.stdout.write(text) },
  )
  const report = JSON.parse(readFileSync(reportFile, 'utf8'))
  const passed = Number(report.numPassedTests)
  const failed = Number(report.numFailedTests)
  // A file that cannot be loaded fails the run without a failed test: it counts as one.
  return { passed, failed: ok ? failed : Math.max(failed, 1) }
}
