/** The log as a folder of this machine, with what was accepted just now: for commands that compute from it. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { FileObjects, HttpObjects, mirrorLog } from '../../src/offline/node/index.ts'
import type { Region } from '../../src/plan/index.ts'
import { type IngestAddress, IngestClient, ingestAddress, LOCAL_URL } from './ingest-client.ts'
import { logFolder } from './log-folder.ts'
import { cacheFolder } from './paths.ts'

/** Where logs of addresses are kept from one command to the next. */
export const mirrorsFolder = join(cacheFolder, 'logs')

/** The mirror of an address: two deployments may have a region of one name. */
export const mirrorOf = (url: string, mirrors = mirrorsFolder): string =>
  join(mirrors, createHash('sha256').update(url).digest('hex').slice(0, 16))

const PROBE_MS = 1_000

/**
 * The folder of a log: `--log FOLDER` as it is; `--log URL` (an ingest Worker) flushed and brought here as far as it is not here
 * yet; by default that of `npm start`, flushed when it runs. Throws a `UsageError` for a folder that is not there.
 *
 * @param entities whose logs are needed
 */
export async function freshLog(
  given: string | undefined,
  regions: readonly Region[],
  entities: readonly string[],
  { token, env = process.env }: { readonly token?: string | undefined; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  if (given !== undefined && /^https?:\/\//.test(given)) {
    const at = ingestAddress({ url: given, token }, env, '--log')
    await flush(at)
    const folder = mirrorOf(at.url)
    await mirrorLog(new HttpObjects(at), new FileObjects(folder), entities)
    return folder
  }
  if (given === undefined && (await isServed(LOCAL_URL))) await flush(ingestAddress({}, {}))
  return logFolder(given, regions)
}

/** A token that may not is no reason to stop: what has left by itself is there. */
async function flush(at: IngestAddress): Promise<void> {
  await new IngestClient(at, fetch).ask('POST', '/v1/log/flush').catch((error: unknown) => {
    console.error(
      `The log was not flushed, what came in the last minute may lack: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
}

async function isServed(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v1/health`, { signal: AbortSignal.timeout(PROBE_MS) })).ok
  } catch {
    return false
  }
}
