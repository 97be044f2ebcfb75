/** What `npm start` is asked for. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FLIGHT_ROWS } from '../flights.ts'

export interface StartOptions {
  readonly port: number
  /** How many flights are sent. */
  readonly rows: number
  /** Ends after the table instead of serving on. */
  readonly once: boolean
  /** Folder of the state, absolute; undefined: .tidemark/start. */
  readonly stateDir?: string
}

export const DEFAULT_PORT = 8787
const ALL_ROWS = 3_000_000

export const HELP = `npm start: every Worker on this machine, real flights sent in, true vectors read out.

  npm start                              serves on http://127.0.0.1:${DEFAULT_PORT} until Ctrl-C
  npm start -- --once                    ends after the table, with exit code 0
  npm start -- --port 9000 --rows 20000  another port, fewer flights

  --port N   the one port that is opened, on 127.0.0.1 (default ${DEFAULT_PORT}); taken: the next free one
  --rows N   how many flights are sent, 1 to ${ALL_ROWS} (default ${FLIGHT_ROWS})
  --once     end after the table
  --state F  keep the state in the folder F, so that two starts can run side by side
  --help     this text

State lives in .tidemark/start and begins anew with every start. Reading needs no token on this
machine; the one for sending events is in .tidemark/start/token.
`

/** A command line that cannot be followed: the message says what to write instead. */
export class UsageError extends Error {}

/** Reads the command line; 'help' when that was asked for. Throws a {@link UsageError}. */
export function parseOptions(args: readonly string[]): StartOptions | 'help' {
  let values: {
    readonly port?: string
    readonly rows?: string
    readonly once?: boolean
    readonly help?: boolean
    readonly state?: string
  }
  try {
    ;({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        rows: { type: 'string' },
        once: { type: 'boolean' },
        state: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }))
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npm start -- --help.`)
  }
  if (values.help) return 'help'
  return {
    // Port 0 is any free one: for tests, which run side by side.
    port: wholeNumber('--port', values.port, DEFAULT_PORT, 0, 65_535),
    rows: wholeNumber('--rows', values.rows, FLIGHT_ROWS, 1, ALL_ROWS),
    once: values.once ?? false,
    ...(values.state !== undefined && { stateDir: resolve(values.state) }),
  }
}

function wholeNumber(name: string, text: string | undefined, preset: number, least: number, most: number): number {
  if (text === undefined) return preset
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  const got = text === '' ? 'nothing' : `"${text}"`
  throw new UsageError(
    `${name} takes a whole number from ${least} to ${most}; got ${got}. For example ${name} ${preset}.`,
  )
}
