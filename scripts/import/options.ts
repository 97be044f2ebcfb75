/** What `npx tidemark import` is asked for. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { KNOWN_AT_CHOICES, type KnownAtRule, parseKnownAt } from '../../src/source/index.ts'
import { nearest } from '../../src/util/did-you-mean.ts'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { root } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'
import { type FileFormat, FORMATS } from './files.ts'
import { type ToUtc, zoneReader } from './zone.ts'

export interface Options {
  readonly address: IngestAddress
  readonly source: string
  /** Files, folders, globs. */
  readonly paths: readonly string[]
  readonly knownAt: string
  readonly rule: KnownAtRule
  readonly map: readonly string[]
  readonly timeZone: string | undefined
  readonly toUtc: ToUtc | undefined
  readonly format: FileFormat | undefined
  readonly definitions: string
  readonly batchRows: number
  readonly concurrency: number
  readonly rate: number | undefined
  readonly dryRun: boolean
  readonly restart: boolean
  readonly json: boolean
}

const BATCH_ROWS = 2_000
const MOST_BATCH_ROWS = 10_000
const MOST_CONCURRENCY = 16

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { values, positionals } = parsed(args)
  const { source, map = [], json = false, restart = false } = values
  if (source === undefined) throw new UsageError('into which source? Add --source NAME.')
  if (positionals.length === 0)
    throw new UsageError("what is imported? Name a file, a folder, or a glob such as 'history/*.parquet'.")
  const knownAt = values['known-at']
  if (knownAt === undefined) {
    const why = 'history has no arrival of its own, and training as it was served uses what was known at the time'
    throw new UsageError(`when could these rows be known? Add --known-at RULE (${why}):\n${KNOWN_AT_CHOICES}`)
  }
  const rule = parseKnownAt(knownAt)
  if ('error' in rule) throw new UsageError(`--known-at: ${rule.error}`)
  const format = FORMATS.find((one) => one === values.format)
  if (values.format !== undefined && format === undefined)
    throw new UsageError(`--format is one of ${FORMATS.join(', ')}; got "${values.format}".`)
  const timeZone = values['time-zone']
  const toUtc = timeZone === undefined ? undefined : zoneReader(timeZone)
  if (timeZone !== undefined && toUtc === undefined)
    throw new UsageError(
      `--time-zone: ${JSON.stringify(timeZone)} is no name of IANA such as UTC or Europe/Berlin.${nearZone(timeZone)}`,
    )
  const rate = values.rate === undefined ? undefined : whole('--rate', values.rate, 1, 1e9)
  const batchRows = whole('--batch', values.batch ?? String(BATCH_ROWS), 1, MOST_BATCH_ROWS)
  return {
    address: ingestAddress(values, env),
    source,
    paths: positionals,
    ...{ knownAt, rule, map, timeZone, toUtc, format, rate, json, restart },
    definitions: values.definitions ?? join(root, 'features', 'index.ts'),
    // So that a low rate is no rush of one request a minute.
    batchRows: rate === undefined ? batchRows : Math.min(batchRows, rate),
    concurrency: whole('--concurrency', values.concurrency ?? '1', 1, MOST_CONCURRENCY),
    dryRun: values['dry-run'] ?? false,
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
        ...{ source: text, 'known-at': text, 'time-zone': text, format: text, definitions: text },
        ...{ rate: text, batch: text, concurrency: text, map: { type: 'string', multiple: true } as const },
        ...{ 'dry-run': flag, restart: flag, json: flag },
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark import --help.`)
  }
}

function nearZone(name: string): string {
  const near = nearest(name, Intl.supportedValuesOf('timeZone'))
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}; got "${text}".`)
}
