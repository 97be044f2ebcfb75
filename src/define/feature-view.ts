import type { EntitySpec, SourceSpec, ViewSpec } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { Entity, KeyRow, KeyShape } from './entity.ts'
import type { BuiltValue, FeatureBuilder } from './feature-builder.ts'
import { featureSpec } from './feature-spec.ts'
import { zonesOf } from './time-zones.ts'
import { type HandlesOf, type KeyMappingOf, rowSource, type ViewSource } from './view-source.ts'
import { MIN_WINDOW_MS } from './window-tiles.ts'

/** What a view and its features are made of, under a symbol: every plain property of a view is a feature. */
export const VIEW: unique symbol = Symbol.for('tidemark.view')
/** Marks a reference to one feature. */
export const FEATURE: unique symbol = Symbol.for('tidemark.feature')

/** A view as data, with what it refers to. */
export interface ViewParts {
  readonly spec: ViewSpec
  readonly entity: EntitySpec
  /** The sources that feed it, each once. */
  readonly sources: readonly SourceSpec[]
}

/** One feature of a view: `userStats.clicks_5m`. */
export interface FeatureRef<View extends string = string, Name extends string = string, T = unknown, Keys = unknown> {
  readonly [FEATURE]: { readonly view: ViewParts; readonly name: Name }
  /** For the compiler only. */
  readonly '~feature'?: { readonly view: View; readonly name: Name; readonly value: T; readonly keys: Keys }
}

/** A feature view: an object with its features as properties. Made by {@link featureView}. */
export type FeatureView<View extends string = string, Keys = unknown, Values extends object = object> = {
  readonly [VIEW]: ViewParts
  /** For the compiler only. */
  readonly '~view'?: { readonly view: View; readonly keys: Keys; readonly values: Values }
} & { readonly [Name in keyof Values & string]: FeatureRef<View, Name, Values[Name], Keys> }

/** The options of {@link featureView}. */
export interface FeatureViewOptions<Keys extends KeyShape, Source extends ViewSource> {
  readonly entity: Entity<Keys>
  /** A stream, a table, a `union(...)` of them, or an `intervalJoin(...)` of two. */
  readonly source: Source
  /**
   * Entity key to source field: `{ user_id: 'uid' }`. Of several sources the field of each, by the name it has in the view:
   * `{ user_id: { web: 'uid', app: 'user' } }`, `{ user_id: { left: 'uid', right: 'user' } }`; or one name that all have.
   */
  readonly key: KeyMappingOf<Keys, Source>
  /**
   * From when on the history is complete: `'beginning'` (as in a replay), an RFC 3339 time, or epoch milliseconds. Absent:
   * from when a feature was first deployed; windows that reach further back are `partial`.
   */
  readonly since?: 'beginning' | (string & {}) | number
  /**
   * How many newest rows of an entity are kept as rows, 1 to 10,000; default 128. Windows within them are exact to the ms.
   * Over a join rows of both sides together, default 1,000: a window that would need older ones is an error.
   */
  readonly exactRows?: number
  /** How far behind an entity's newest event an event may come, and a read may ask; at least 128 ms, default `'5m'`. */
  readonly allowedLateness?: Duration
  readonly description?: string
}

/**
 * Declares features of an entity over a source, a union or a join. The callback gets a handle of each field (`e.amount`;
 * of a join `e.left.amount`) and gives the features by name.
 *
 * @throws DefinitionError that names the view, the feature or key, and the way to mend it
 * @example
 * const userStats = featureView('user_stats', { entity: user, source: activity, key: { user_id: 'uid' } }, (e) => ({
 *   clicks_5m: count().where(e.type.eq('click')).over('5m'),
 *   spend_avg_1h: avg(e.amount).where(e.type.eq('purchase')).over('1h'),
 *   last_type: latest(e.type),
 * }))
 */
export function featureView<
  const View extends string,
  Keys extends KeyShape,
  Source extends ViewSource,
  Features extends Readonly<Record<string, FeatureBuilder<unknown, unknown>>>,
>(
  name: View,
  options: FeatureViewOptions<Keys, Source>,
  features: (e: HandlesOf<Source>) => Features,
): FeatureView<View, KeyRow<Keys>, { readonly [F in keyof Features]: BuiltValue<Features[F]> }> {
  const where = `feature view ${name}`
  checkName('feature view', name)
  checkOptions(where, options, optionNames)
  const entity = options.entity?.spec
  if (!entity?.keys)
    throw new DefinitionError('bad_option', where, 'entity is not one: give it what entity(...) returned.')
  const rows = rowSource(where, options.source)
  const allowedLatenessMs = durationMs(where, 'allowedLateness', options.allowedLateness ?? '5m', MIN_WINDOW_MS)
  const drafts = features(rows.handles(where) as HandlesOf<Source>)
  if (typeof drafts !== 'object' || drafts === null || Object.keys(drafts).length === 0) {
    throw new DefinitionError('empty', where, `a view needs features: (e) => ({ events_1h: count().over('1h') }).`)
  }
  const { name: source, isJoin, changes } = rows
  const context = { where, source: rows, isJoin, changes, allowedLatenessMs }
  const specs = Object.entries(drafts).map(([feature, draft]) => featureSpec(context, feature, draft))
  const zones = zonesOf(specs.map((feature) => feature.window))
  const since = sinceSpec(where, options.since)
  const description = optionalText(where, 'description', options.description)
  const spec: ViewSpec = {
    name,
    entity: entity.name,
    source,
    ...rows.keyed(where, entity, options.key),
    ...(changes && { changes: true as const }),
    features: specs,
    ...(zones !== undefined && { zones }),
    exactRows: rowCount(where, options.exactRows ?? (isJoin ? JOINED_ROWS : EXACT_ROWS)),
    allowedLatenessMs,
    ...(since !== undefined && { since }),
    ...(description !== undefined && { description }),
  }
  const parts: ViewParts = { spec, entity, sources: rows.sources }
  const references = spec.features.map((feature) => [
    feature.name,
    Object.freeze({ [FEATURE]: { view: parts, name: feature.name } }),
  ])
  return Object.freeze({ [VIEW]: parts, ...Object.fromEntries(references) })
}

const EXACT_ROWS = 128
const JOINED_ROWS = 1_000

const optionNames = ['entity', 'source', 'key', 'since', 'exactRows', 'allowedLateness', 'description']

/** Dates end here; more is most often microseconds. */
const LAST_DATE_MS = 8.64e15

function sinceSpec(where: string, since: unknown): 'beginning' | number | undefined {
  if (since === undefined || since === 'beginning') return since
  const ms = typeof since === 'string' ? parseRfc3339(since) : since
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && Math.abs(ms) <= LAST_DATE_MS) return ms
  const problem = typeof ms === 'string' ? `: ${ms}` : ''
  throw new DefinitionError(
    'bad_option',
    where,
    `since is 'beginning', an RFC 3339 time or epoch milliseconds${problem}.`,
  )
}

function rowCount(where: string, rows: unknown): number {
  if (typeof rows === 'number' && Number.isInteger(rows) && rows >= 1 && rows <= 10_000) return rows
  throw new DefinitionError('bad_option', where, `exactRows is a whole number from 1 to 10,000; got ${String(rows)}.`)
}
