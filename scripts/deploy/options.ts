/** What `npx tidemark deploy` is asked for. */
import { parseArgs } from 'node:util'
import { UsageError } from '../lib/usage-error.ts'
import { type WorkerName, workerNames } from '../lib/workers.ts'

/** Asks for the names of the regions of an environment, in the order in which they are deployed. */
export interface ListOptions {
  readonly command: 'list'
  readonly environment: string
  readonly json: boolean
}

export interface Options {
  readonly command: 'deploy'
  readonly region: string
  readonly dryRun: boolean
  readonly json: boolean
  /** Does not compare with what is deployed. */
  readonly unasked: boolean
  /** Where Workers answer that have an address of their own. */
  readonly urls: Partial<Readonly<Record<WorkerName, string>>>
}

/** Reads the command line. Throws a {@link UsageError}. */
export function parseOptions(args: readonly string[]): Options | ListOptions {
  const { region, 'dry-run': dryRun = false, json = false, unasked = false, url = [], list, environment } = parsed(args)
  if (list) return { command: 'list', environment: environment ?? 'production', json }
  if (environment !== undefined) throw new UsageError('--environment goes with --list; a region is in one already.')
  if (region === undefined) throw new UsageError('--region is missing: npx tidemark deploy --region weur --dry-run')
  const urls: Partial<Record<WorkerName, string>> = {}
  for (const text of url) {
    const cut = text.indexOf('=')
    const worker = workerNames.find((name) => name === text.slice(0, cut))
    const address = URL.parse(text.slice(cut + 1))
    const isWeb = address?.protocol === 'https:' || address?.protocol === 'http:'
    if (worker === undefined || address === null || !isWeb)
      throw new UsageError(`--url takes WORKER=ADDRESS, such as ingest=https://events.example.com; got "${text}".`)
    urls[worker] = address.href.replace(/\/$/, '')
  }
  return { command: 'deploy', region, dryRun, json, unasked, urls }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        region: { type: 'string' },
        'dry-run': { type: 'boolean' },
        json: { type: 'boolean' },
        unasked: { type: 'boolean' },
        url: { type: 'string', multiple: true },
        list: { type: 'boolean' },
        environment: { type: 'string' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
