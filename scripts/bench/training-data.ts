/** What the bench of training sets is over: one source, and a view of 20 features. */
import type { DefinitionsSpec, FeatureSpec, SourceSpec } from '../../src/engine/index.ts'

export const FROM_MS = Date.UTC(2026, 0, 1)
export const SPAN_MS = 60 * 86_400_000

/** Windows, ms. */
export const WINDOWS = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, m: 30 * 86_400_000 } as const
export const AGGREGATES = ['count', 'sum', 'avg', 'min', 'max'] as const

/** The columns of the source's fields, in SQL. */
export const FIELDS = 'CAST(i AS VARCHAR) AS id, user_id, amount, make_timestamptz(t * 1000) AS "at"'

const plain = { nullable: false, optional: false }

export const source: SourceSpec = {
  name: 'paid',
  fields: [
    { name: 'id', type: 'string', ...plain },
    { name: 'user_id', type: 'string', ...plain },
    { name: 'amount', type: 'float64', ...plain },
    { name: 'at', type: 'timestamp', format: 'ms', ...plain },
  ],
  id: 'id',
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 7 * 86_400_000,
  from: [{ kind: 'webhook' }],
}

const features: readonly FeatureSpec[] = Object.entries(WINDOWS).flatMap(([window, widthMs]) =>
  AGGREGATES.map((aggregate) => ({
    name: `${aggregate}_${window}`,
    aggregate,
    field: 'amount',
    window: { kind: 'sliding' as const, widthMs, delayMs: 0 },
  })),
)

export const spec: DefinitionsSpec = {
  entities: [{ name: 'user', keys: [{ name: 'user_id', type: 'string' }] }],
  sources: [source],
  views: [
    {
      name: 'payments',
      entity: 'user',
      source: 'paid',
      key: { user_id: 'user_id' },
      features,
      // Enough that no user's window is counted from tiles: SQL is compared to the last row.
      exactRows: 1_000,
      allowedLatenessMs: 300_000,
      since: 'beginning',
    },
  ],
  services: [
    { name: 'bench', version: 1, features: features.map(({ name }) => `payments.${name}`), maxStalenessMs: 0 },
  ],
}
