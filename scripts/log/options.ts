/** What `npx tidemark log` is asked for. */
import { parseArgs } from 'node:util'
import { parseDuration } from '../../src/util/duration.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { UsageError } from '../lib/usage-error.ts'

const COMMANDS = ['status', 'compact', 'expire', 'sweep'] as const

export interface Options {
  readonly command: (typeof COMMANDS)[number]
  readonly at: IngestAddress
  /** Of compact: what arrived today, too; how many days a file may have. */
  readonly all: boolean
  readonly days: number
  /** Of expire: what arrived before goes, ms. */
  readonly beforeMs: number
  /** Of sweep: younger files stay, ms. */
  readonly graceMs: number
  readonly yes: boolean
  readonly dryRun: boolean
  readonly memoryMb: number
  readonly json: boolean
}

const MEMORY_MB = 512
const GRACE = '1h'

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
  nowMs = Date.now(),
): Options {
  const { values, positionals } = parsed(args)
  const [name = 'status', ...rest] = positionals
  const command = COMMANDS.find((one) => one === name)
  if (command === undefined || rest.length > 0)
    throw new UsageError(`tidemark log takes one of ${COMMANDS.join(', ')}; got "${positionals.join(' ')}".`)
  const only = (option: keyof typeof values, of: Options['command']): void => {
    if (values[option] !== undefined && command !== of) throw new UsageError(`--${option} is of log ${of}.`)
  }
  only('all', 'compact')
  only('days', 'compact')
  only('before', 'expire')
  only('grace', 'sweep')
  if (command === 'expire' && values.before === undefined)
    throw new UsageError('log expire needs --before: a time such as 2026-01-01T00:00:00Z, or a while ago such as 400d.')
  return {
    command,
    at: ingestAddress(values, env),
    all: values.all ?? false,
    days: whole('--days', values.days ?? '1'),
    beforeMs: values.before === undefined ? 0 : timeOf(values.before, nowMs),
    graceMs: durationOf(values.grace ?? GRACE),
    yes: values.yes ?? false,
    dryRun: values['dry-run'] ?? false,
    memoryMb: whole('--memory', values.memory ?? String(MEMORY_MB)),
    json: values.json ?? false,
  }
}

function timeOf(text: string, nowMs: number): number {
  const time = parseRfc3339(text)
  const ago = parseDuration(text)
  const ms = typeof time === 'number' ? time : 'ms' in ago ? nowMs - ago.ms : undefined
  if (ms === undefined)
    throw new UsageError(
      `--before takes a time such as 2026-01-01T00:00:00Z, or a while ago such as 400d; got "${text}".`,
    )
  if (ms > nowMs)
    throw new UsageError(`--before ${text} is in the future: everything would go, also what is yet to come.`)
  return ms
}

function durationOf(text: string): number {
  const found = parseDuration(text)
  if ('ms' in found) return found.ms
  throw new UsageError(`--grace takes a length of time such as 1h; got "${text}".`)
}

function whole(option: string, text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new UsageError(`${option} takes a whole number from 1 on; got "${text}".`)
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
        ...{ all: flag, days: text, before: text, grace: text, yes: flag, 'dry-run': flag, memory: text, json: flag },
      },
    })
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark log --help.`)
  }
}
