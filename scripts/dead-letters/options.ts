/** What `npx tidemark dead-letters` is asked for. */
import { parseArgs } from 'node:util'
import { nearest } from '../../src/util/did-you-mean.ts'
import { parseDuration } from '../../src/util/duration.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { UsageError } from '../lib/usage-error.ts'

const COMMANDS = ['list', 'show', 'replay', 'drop'] as const

export interface Filter {
  readonly source?: string
  readonly reason?: string
  readonly field?: string
  readonly position?: string
  /** RFC 3339. */
  readonly since?: string
  readonly until?: string
}

export interface Options {
  readonly address: IngestAddress
  readonly command: (typeof COMMANDS)[number]
  readonly ids: readonly string[]
  readonly filter: Filter
  readonly limit: number
  readonly json: boolean
  readonly yes: boolean
}

const MOST_LISTED = 1_000
const LISTED = 20

/**
 * Reads the command line. Throws a {@link UsageError}.
 *
 * @param env where `TIDEMARK_URL` and `TIDEMARK_TOKEN` may be
 */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
  nowMs = Date.now(),
): Options {
  const text = { type: 'string' } as const
  let parsed: ReturnType<typeof read>
  const read = () =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...ADDRESS_OPTIONS,
        ...{ source: text, reason: text, field: text, position: text },
        ...{ since: text, until: text, limit: text, json: { type: 'boolean' }, yes: { type: 'boolean' } },
      },
    })
  try {
    parsed = read()
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark dead-letters --help.`)
  }
  const [named = 'list', ...ids] = parsed.positionals
  const command = COMMANDS.find((one) => one === named)
  if (command === undefined) {
    const near = nearest(named, COMMANDS)
    const hint = near === undefined ? `There are: ${COMMANDS.join(', ')}.` : `Did you mean "${near}"?`
    throw new UsageError(`there is no "${named}". ${hint}`)
  }
  const { values } = parsed
  const { source, reason, field, position } = values
  if (command === 'show' && ids.length !== 1)
    throw new UsageError('show needs the id of one letter, as list prints it.')
  if (command === 'list' && ids.length > 0) throw new UsageError('list takes no ids: use show ID.')
  if ((command === 'replay' || (command === 'drop' && ids.length === 0)) && source === undefined)
    throw new UsageError(`${command} is of one source: add --source NAME.`)
  if (command === 'drop' && position !== undefined)
    throw new UsageError('drop takes no --position: name letters by their ids, or filter by reason, field and time.')
  const since = time('--since', values.since, nowMs)
  const until = time('--until', values.until, nowMs)
  return {
    command,
    address: ingestAddress(values, env),
    ids,
    filter: {
      ...(source !== undefined && { source }),
      ...(reason !== undefined && { reason }),
      ...(field !== undefined && { field }),
      ...(position !== undefined && { position }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    },
    limit: limit(values.limit),
    json: values.json ?? false,
    yes: values.yes ?? false,
  }
}

/** A time as it is, or a duration before now. */
function time(name: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined
  if (typeof parseRfc3339(text) === 'number') return text
  const ago = parseDuration(text)
  if ('ms' in ago && nowMs - ago.ms >= 0) return new Date(nowMs - ago.ms).toISOString()
  throw new UsageError(`${name} takes a time such as 2026-01-31T12:00:00Z, or a while ago such as 2h; got "${text}".`)
}

function limit(text: string | undefined): number {
  if (text === undefined) return LISTED
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value <= MOST_LISTED) return value
  throw new UsageError(`--limit takes a whole number up to ${MOST_LISTED}; got "${text}".`)
}
