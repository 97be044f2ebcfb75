/** What `npx tidemark backfill` is asked for. */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress, LOCAL_URL } from '../lib/ingest-client.ts'
import { root } from '../lib/paths.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  /** What is filled: a view that came later, or an entity that came later than its sources. */
  readonly what: { readonly view: string } | { readonly entity: string }
  readonly at: IngestAddress
  /** The bucket of the region as a folder, or the address of its ingest Worker; absent: that of npm start, or of --url. */
  readonly log?: string
  readonly definitions: string
  readonly json: boolean
  /** From when on the history is complete, ms; null: since the shards began. */
  readonly sinceMs: number | null
  /** At most so many entities a second; null: as many as go. */
  readonly ratePerS: number | null
  readonly memoryMb: number
}

const DEFAULT_MEMORY_MB = 1_024

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { values, positionals } = parsed(args)
  const { log, definitions, json = false, since, rate, memory, entity, ...at } = values
  const [view, ...rest] = positionals
  if ((view === undefined) === (entity === undefined) || rest.length > 0)
    throw new UsageError(
      'name one feature view (npx tidemark backfill user_stats), or an entity with --entity. See npx tidemark backfill --help.',
    )
  return {
    what: view === undefined ? { entity: entity ?? '' } : { view },
    at: ingestAddress(at, env),
    definitions: definitions ?? join(root, 'features', 'index.ts'),
    json,
    sinceMs: since === undefined ? null : sinceOf(since),
    ratePerS: rate === undefined ? null : positive('--rate', rate),
    memoryMb: memory === undefined ? DEFAULT_MEMORY_MB : positive('--memory', memory),
    ...logOf(log, ingestAddress(at, env)),
  }
}

/** The log of a deployment is read through its ingest Worker, where no folder is named. */
function logOf(given: string | undefined, { url }: IngestAddress): { readonly log?: string } {
  const log = given ?? (url === LOCAL_URL ? undefined : url)
  return log === undefined ? {} : { log }
}

function sinceOf(text: string): number {
  if (text === 'beginning') return 0
  const ms = parseRfc3339(text)
  if (typeof ms === 'number' && ms >= 0) return ms
  throw new UsageError(`--since takes "beginning" or a time such as 2026-01-01T00:00:00Z; got "${text}".`)
}

function positive(option: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new UsageError(`${option} takes a number above 0; got "${text}".`)
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...ADDRESS_OPTIONS,
        log: text,
        entity: text,
        definitions: text,
        json: { type: 'boolean' },
        since: text,
        rate: text,
        memory: text,
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark backfill --help.`)
  }
}
