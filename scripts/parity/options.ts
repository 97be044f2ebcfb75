/** What `npx tidemark parity` is asked for. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseDuration } from '../../src/util/duration.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { cacheFolder } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'

/** Where a region's log is: a folder that is its bucket, or the ingest Worker that reads it. */
export type LogPlace = { readonly folder: string } | { readonly at: IngestAddress }

export interface Options {
  readonly logs: readonly LogPlace[]
  /** How far back from each run, or from when on, ms. */
  readonly since: { readonly agoMs: number } | { readonly ms: number }
  readonly untilMs: number | undefined
  readonly service: string | undefined
  readonly sample: number
  readonly seed: number
  /** How long to wait for a log that does not have the newest commits yet. */
  readonly waitMs: number
  /** Run again and again, each so long after the one before began; undefined: once. */
  readonly everyMs: number | undefined
  readonly save: boolean
  readonly json: boolean
}

const MOST_VECTORS = 20_000
/** Where `npm start` keeps its buckets. */
const localBuckets = join(cacheFolder, 'start', 'r2')

/**
 * Reads the command line. Throws a {@link UsageError}.
 *
 * @param local the bucket of `npm start`
 */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
  local = join(localBuckets, 'tidemark-local'),
): Options {
  const values = read(args)
  const since = timeOf('--since', values.since ?? '1h')
  const until = values.until === undefined ? undefined : timeOf('--until', values.until)
  const everyMs = durationOf('--every', values.every)
  if (everyMs !== undefined && until !== undefined)
    throw new UsageError('--every looks at the newest vectors again and again: leave --until out.')
  if (everyMs !== undefined && 'ms' in since)
    throw new UsageError('--every takes --since as a length of time such as 1h, counted back from each run.')
  return {
    logs: logsOf(values.log ?? [], values.token, env, local),
    since,
    untilMs: until && ('ms' in until ? until.ms : Date.now() - until.agoMs),
    service: values.service,
    sample: numberOf('--sample', values.sample, MOST_VECTORS),
    seed: numberOf('--seed', values.seed, 1),
    waitMs: durationOf('--wait', values.wait) ?? 0,
    everyMs,
    save: values['no-save'] !== true,
    json: values.json ?? false,
  }
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ log: { type: 'string', multiple: true }, token: text, since: text, until: text, service: text },
        ...{ sample: text, seed: text, wait: text, every: text, 'no-save': flag, json: flag },
      },
    }).values
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark parity --help.`)
  }
}

function logsOf(
  given: readonly string[],
  token: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  local: string,
): LogPlace[] {
  if (given.length > 0) return given.map((one) => placeOf(one, token, env))
  if (env.TIDEMARK_URL !== undefined) return [{ at: ingestAddress({ token }, env) }]
  if (existsSync(local)) return [{ folder: local }]
  throw new UsageError(
    'where is the log? npm start keeps one on this machine; else give --log with the folder of a bucket, or with the address of an ingest Worker.',
  )
}

function placeOf(text: string, token: string | undefined, env: Readonly<Record<string, string | undefined>>): LogPlace {
  if (/^https?:\/\//.test(text)) return { at: ingestAddress({ url: text, token }, env, '--log') }
  const folder = resolve(text)
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UsageError(`--log ${text} is no folder, and no address that begins with http.`)
  if (!existsSync(join(folder, 'log')) && !existsSync(join(folder, 'served')))
    throw new UsageError(`--log ${text} is no bucket of a log: it has neither log/ nor served/ in it.`)
  return { folder }
}

function timeOf(name: string, text: string): { readonly agoMs: number } | { readonly ms: number } {
  const time = parseRfc3339(text)
  if (typeof time === 'number') return { ms: time }
  const ago = parseDuration(text)
  if ('ms' in ago) return { agoMs: ago.ms }
  throw new UsageError(`${name} takes a time such as 2026-01-31T12:00:00Z, or a while ago such as 2h; got "${text}".`)
}

function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const found = parseDuration(text)
  if ('ms' in found) return found.ms
  throw new UsageError(`${name} takes a length of time such as 15m; got "${text}".`)
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new UsageError(`${name} takes a whole number from 1 to 9999999; got "${text}".`)
}

/** The time that a run looks at, ms. */
export const spanOf = (
  { since, untilMs }: Options,
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } => ({
  fromMs: 'ms' in since ? since.ms : nowMs - since.agoMs,
  toMs: untilMs ?? nowMs,
})
