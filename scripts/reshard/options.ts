/** What `npx tidemark reshard` is asked for. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { root } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  readonly region: string
  readonly at: IngestAddress
  /** Files that export the regions and the definitions. */
  readonly regionsFile: string
  readonly definitionsFile: string
  /** Shards that work side by side. */
  readonly concurrency: number
  readonly dryRun: boolean
  readonly json: boolean
}

const DEFAULT_CONCURRENCY = 4
const MOST_CONCURRENCY = 64

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { values, positionals } = parsed(args)
  if (positionals[0] !== undefined)
    throw new UsageError(`"${positionals[0]}" is too much: name the region with --region.`)
  const { region, regions, definitions, concurrency, json = false } = values
  if (region === undefined) throw new UsageError('--region says whose shards: --region weur, as regions.ts calls it.')
  return {
    region,
    at: ingestAddress(values, env),
    regionsFile: regions === undefined ? resolve(root, 'regions.ts') : resolve(regions),
    definitionsFile: definitions === undefined ? resolve(root, 'features/index.ts') : resolve(definitions),
    concurrency: concurrency === undefined ? DEFAULT_CONCURRENCY : wholeNumber(concurrency),
    dryRun: values['dry-run'] ?? false,
    json,
  }
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...ADDRESS_OPTIONS,
        ...{ region: text, regions: text, definitions: text, concurrency: text },
        ...{ 'dry-run': flag, json: flag },
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark reshard --help.`)
  }
}

function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= 1 && value <= MOST_CONCURRENCY) return value
  throw new UsageError(`--concurrency takes a whole number from 1 to ${MOST_CONCURRENCY}; got "${text}".`)
}
