/** `npm start`: every Worker on this machine, real flights in, true vectors out. What it does is told by `--help`. */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import model from '../workers/inference/delay-model.json' with { type: 'json' }
import { batchesOf, type Flight, readFlights } from './flights.ts'
import { defaultStateDir, type Local, startLocal } from './start/local.ts'
import { HELP, parseOptions, type StartOptions, UsageError } from './start/options.ts'
import { grouped, Progress } from './start/progress.ts'
import { sendAll } from './start/send.ts'
import { curlLine, readShowcase } from './start/showcase.ts'
import { vectorTable } from './start/table.ts'

const IN_FLIGHT = 6
const MINUTE_MS = 60_000
const EXIT_FAILED = 1
const EXIT_USAGE = 2
const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

const say = (text: string): void => console.log(text)
let local: Local | undefined
let isServing = false
let isEnding = false

for (const [signal, code] of Object.entries(signalCodes)) {
  // Ending is what a served start is asked for, so no failure; before that something is left undone.
  process.on(signal, () => void end(isServing ? 0 : code))
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') say(HELP.trimEnd())
  else await start(options)
} catch (error) {
  // When workerd was ended by Ctrl-C first, what fails here only follows from it.
  if (!isEnding) {
    console.error(`npm start: ${error instanceof Error ? error.message : String(error)}`)
    await end(error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED)
  }
}

async function start({ port, rows, once, stateDir = defaultStateDir }: StartOptions): Promise<void> {
  say('Building the Workers and starting them on workerd ...')
  local = await startLocal(port, say, stateDir)
  const { runtime, token } = local
  void runtime.exited.then(() => endUnexpectedly(runtime.logFile))
  say(`Started in ${secondsSinceStart()} s on ${runtime.url}\n`)

  const flights = await readFlights(rows)
  const at = endOfData(flights)
  await send(runtime.url, token, flights)
  const { features, vectors } = await readShowcase(runtime.url, at)
  say(`\nThe vectors of the service delay_risk at ${at}, read from the shards:\n`)
  say(vectorTable(features, vectors))
  say('\nempty: nothing in the window. missing: never heard of. ~: not exact at the edge of its window.')
  if (at < model.train.from) {
    say(`The model learned from ${model.train.from.slice(0, 10)} on, when windows of 7 days are full; before that`)
    say('its odds mean little: leave out --rows for the whole story.')
  }
  say(`From the start to these vectors: ${secondsSinceStart()} s.\n`)
  if (once) return await end(0)

  say(`See it:  ${runtime.url}/?at=${at}`)
  say(`Ask it:  ${curlLine(runtime.url, at)}`)
  say(`Send to it with the token in ${relative(process.cwd(), join(stateDir, 'token'))}. Ctrl-C ends everything.`)
  isServing = true
}

/** The minute after the last flight was due: what was reported later has not happened yet at this time. */
function endOfData(flights: readonly Flight[]): string {
  const lastMs = flights.at(-1)?.scheduledMs ?? 0
  return new Date(lastMs + MINUTE_MS).toISOString().replace('.000Z', 'Z')
}

async function send(base: string, token: string, flights: readonly Flight[]): Promise<void> {
  say(`Sending ${grouped(flights.length)} real flights to POST /v1/sources/flights/events:`)
  const progress = new Progress(process.stdout, flights.length, () => performance.now())
  const { accepted, refused, firstRefusal, retries } = await sendAll(batchesOf(flights), {
    url: `${base}/v1/sources/flights/events`,
    token,
    inFlight: IN_FLIGHT,
    onProgress: (done) => progress.update(done),
  })
  const again = retries === 0 ? '' : ` ${grouped(retries)} requests were sent twice and counted once.`
  say(`  ${grouped(accepted)} accepted, ${grouped(refused)} refused.${again}`)
  if (firstRefusal !== undefined) say(`  The first refusal: ${firstRefusal}`)
}

function secondsSinceStart(): string {
  return (performance.now() / 1000).toFixed(1)
}

/** Ends what was started, once, and then this process. */
async function end(code: number): Promise<void> {
  if (isEnding) return
  isEnding = true
  await local?.runtime.stop()
  process.exit(code)
}

function endUnexpectedly(logFile: string): void {
  if (isEnding) return
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-10).join('\n')
  console.error(`npm start: workerd ended by itself. The end of ${relative(process.cwd(), logFile)}:\n${tail}`)
  void end(EXIT_FAILED)
}
