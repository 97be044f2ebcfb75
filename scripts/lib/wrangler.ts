/** Wrangler, held to the house's rules: no network, no questions, and a warning is an error. */
import { stripVTControlCharacters } from 'node:util'
import { binary, cacheFolder } from './paths.ts'
import { type RunResult, run } from './run.ts'

/**
 * Hiding the banner is what switches off the look-up of a newer version; without CI=1 Wrangler may ask questions. Logs go
 * to the repository's own folder, for the home folder may be read-only.
 */
const quietEnvironment = {
  CI: '1',
  NO_COLOR: '1',
  FORCE_COLOR: '0',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_LOG_PATH: `${cacheFolder}/wrangler-logs`,
}

/**
 * Runs one wrangler command. A binding that is missing in an `[env.X]` is only a warning to Wrangler, and it exits 0: here
 * any warning fails the command.
 */
export async function wrangler(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const result = await run(binary('wrangler'), args, { env: { ...quietEnvironment, ...env } })
  const output = stripVTControlCharacters(result.output).trim()
  return { ok: result.ok && !hasWarning(output), output }
}

/** Wrangler marks a warning with `▲ [WARNING]`. */
export function hasWarning(output: string): boolean {
  return output.includes('[WARNING]')
}
