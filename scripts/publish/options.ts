/** What `npx tidemark publish` is asked for. */
import { parseArgs } from 'node:util'
import { ADDRESS_OPTIONS, type IngestAddress, ingestAddress } from '../lib/ingest-client.ts'
import { UsageError } from '../lib/usage-error.ts'

export interface Options {
  readonly at: IngestAddress
  readonly json: boolean
  /** `REGION/NAME`; absent: all are shown. */
  readonly store?: string
  /** Everything is published anew. */
  readonly all: boolean
  /** Does not wait until it is done. */
  readonly detach: boolean
}

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Options {
  const { store, all = false, json = false, detach = false, ...at } = parsed(args)
  if (store !== undefined && !/^[^/\s]+\/[^/\s]+$/.test(store))
    throw new UsageError(`--store takes a region and a store, such as weur/redis; got "${store}".`)
  if (all && store === undefined) throw new UsageError('--all is of one store: add --store REGION/NAME.')
  if (detach && !all) throw new UsageError('--detach goes with --all.')
  return { at: ingestAddress(at, env), json, all, detach, ...(store !== undefined && { store }) }
}

function parsed(args: readonly string[]) {
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      options: { ...ADDRESS_OPTIONS, store: { type: 'string' }, all: flag, json: flag, detach: flag },
    }).values
  } catch (error) {
    const what = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error)
    throw new UsageError(`${what}. See npx tidemark publish --help.`)
  }
}
