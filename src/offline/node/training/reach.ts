import type { DuckDBConnection } from '@duckdb/node-api'
import type { EntityRuntime, FeatureRef } from '../../../plan/index.ts'
import { named, rowsOf } from '../duck.ts'
import { OfflineError } from '../offline-error.ts'

export interface ReachOptions {
  readonly file: string
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  /** The table of what the labels ask for. */
  readonly asked: string
  /** The logs have everything since, ms. */
  readonly wholeMs: number
}

/**
 * Refuses labels whose features reach back to before what the log has: their values would be other than what was served.
 * Throws an {@link OfflineError} that names the first one.
 */
export async function checkReach(
  connection: DuckDBConnection,
  { file, entity, features, asked, wholeMs }: ReachOptions,
): Promise<void> {
  if (wholeMs === Number.NEGATIVE_INFINITY) return
  const farthest = features.reduce((a, b) => (b.feature.window.reachMs > a.feature.window.reachMs ? b : a))
  const { reachMs } = farthest.feature.window
  const tooEarly = reachMs === Number.POSITIVE_INFINITY ? 'true' : `t - ${reachMs} < ${wholeMs}`
  const [found] = await rowsOf<{ n: bigint; first: number | null; t: number }>(
    connection,
    `SELECT count(*) AS n, min(row) AS first, arg_min(t, row) AS t FROM ${named(asked)} WHERE ${tooEarly}`,
  )
  if (found === undefined || found.first === null) return
  const since = new Date(wholeMs).toISOString()
  throw new OfflineError(
    `labels: ${file}, row ${found.first + 1} (${new Date(found.t).toISOString()})${found.n > 1n ? ` and ${found.n - 1n} more` : ''}: ` +
      `${farthest.name} reaches back to before ${since}, and the log of entity ${entity.spec.name} has not everything from before then ` +
      '(retention took it away, or the log began later). Leave these labels out, or give --allow-partial: their values are of what is left, with the status partial.',
  )
}
