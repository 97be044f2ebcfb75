/** `npm run bench`: measures every row of the bar that this version reaches, each beside its yardstick. Asserts nothing. */
import { stripVTControlCharacters } from 'node:util'
import { bundle } from './bench/bundle.ts'
import { SEED } from './bench/data.ts'
import { engine } from './bench/engine.ts'
import { freshness } from './bench/freshness.ts'
import { ingest } from './bench/ingest.ts'
import { kafka } from './bench/kafka.ts'
import { log } from './bench/log.ts'
import { lookup } from './bench/lookup.ts'
import { publish } from './bench/publish.ts'
import { recovery } from './bench/recovery.ts'
import { jsonLine, report } from './bench/report.ts'
import { reshard } from './bench/reshard.ts'
import type { Part, Result } from './bench/rows.ts'
import { setup } from './bench/setup.ts'
import { state } from './bench/state.ts'
import { training } from './bench/training.ts'
import { forgetBundles } from './local/app-bundle.ts'

const parts: Readonly<Record<string, Part>> = {
  engine,
  state,
  ingest,
  recovery,
  lookup,
  freshness,
  publish,
  kafka,
  reshard,
  log,
  training,
  bundle,
  setup,
}
/** Minutes of network and disk for a few rows: only when they are asked for. */
const onlyByName = ['setup', 'kafka', 'reshard', 'publish', 'log', 'training']

const help = `Measures Tidemark beside a no-op in the same run. Timings are CPU time of workerd where a row says "core".

  npm run bench                     all parts but setup, reshard, log, training, kafka and publish (a real Kafka and Redis), about 4 minutes
  npm run bench -- ingest lookup    some parts: ${Object.keys(parts).join(', ')}
  npm run bench -- --quick          smaller sizes, about 1 minute
  npm run bench -- --json           one JSON object a line: {"name","value","unit","noop"?,"note"?}
  npm run bench -- ingest --profile also CPU profiles of the Workers (ingest, lookup)
  node scripts/bench/shard-cpu.ts   where the time of ingest goes, by stage, in Node alone

Example: npm run bench -- engine --quick --json`

interface Arguments {
  readonly parts: readonly string[]
  readonly json: boolean
  readonly quick: boolean
  readonly profile: boolean
}

/** Undefined when help is asked for; throws on what it does not know. */
function parseArguments(args: readonly string[]): Arguments | undefined {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const names = args.filter((arg) => !arg.startsWith('-'))
  if (flags.includes('--help') || flags.includes('-h')) return undefined
  const flag = flags.find((given) => !['--json', '--quick', '--profile'].includes(given))
  if (flag !== undefined) throw new Error(`bench does not know the option ${flag}. npm run bench -- --help lists them.`)
  const name = names.find((given) => !Object.hasOwn(parts, given))
  if (name !== undefined) throw new Error(`bench has no part "${name}". It has: ${Object.keys(parts).join(', ')}.`)
  return {
    parts: names.length > 0 ? names : Object.keys(parts).filter((part) => !onlyByName.includes(part)),
    json: flags.includes('--json'),
    quick: flags.includes('--quick'),
    profile: flags.includes('--profile'),
  }
}

async function main(): Promise<void> {
  const asked = parseArguments(process.argv.slice(2))
  if (asked === undefined) return console.log(help)
  // Standard output is for results alone.
  const say = (text: string) => console.error(stripVTControlCharacters(text))
  say(`seed ${SEED}${asked.quick ? ', quick: smaller sizes than bar.md asks for' : ''}`)
  const results: Result[] = []
  try {
    for (const name of asked.parts) {
      const part = parts[name]
      if (part === undefined) continue
      say(`${name} ...`)
      for await (const result of part({ quick: asked.quick, profile: asked.profile, say })) {
        results.push(result)
        if (asked.json) console.log(jsonLine(result))
      }
    }
  } finally {
    forgetBundles()
    // What was measured before something failed is shown as well.
    if (!asked.json && results.length > 0) console.log(report(results))
  }
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
