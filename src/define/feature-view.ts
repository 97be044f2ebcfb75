import type { $ZodShape } from 'zod/v4/core'
import type { EntitySpec, KeyType, SourceSpec, ViewSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import type { Duration } from '../util/duration.ts'
import { parseRfc3339 } from '../util/rfc3339.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { Entity, KeyRow, KeyShape } from './entity.ts'
import type { BuiltValue, FeatureBuilder } from './feature-builder.ts'
import { featureSpec } from './feature-spec.ts'
import { fieldHandles, type Handles } from './field-handle.ts'
import type { KeySourceKinds, KindOf, RequiredKeys } from './field-types.ts'
import { requiredField, type StreamSource } from './stream-source.ts'
import { zonesOf } from './time-zones.ts'
import { MIN_WINDOW_MS } from './window-tiles.ts'

/** What a view and its features are made of, under a symbol: every plain property of a view is a feature. */
export const VIEW: unique symbol = Symbol.for('tidemark.view')
/** Marks a reference to one feature. */
export const FEATURE: unique symbol = Symbol.for('tidemark.feature')

/** A view as data, with what it refers to. */
export interface ViewParts {
  readonly spec: ViewSpec
  readonly entity: EntitySpec
  readonly source: SourceSpec
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

/** Which field of the source feeds each key of the entity. */
export type KeyMapping<Keys extends KeyShape, Shape extends $ZodShape> = {
  readonly [K in keyof Keys]: RequiredKeys<Shape, KeySourceKinds[KindOf<Keys[K]>]>
}

/** The options of {@link featureView}. */
export interface FeatureViewOptions<Keys extends KeyShape, Shape extends $ZodShape> {
  readonly entity: Entity<Keys>
  readonly source: StreamSource<Shape>
  /** Entity key to source field: `{ user_id: 'uid' }`. */
  readonly key: KeyMapping<Keys, Shape>
  /**
   * From when on the history is complete: `'beginning'` (as in a replay), an RFC 3339 time, or epoch milliseconds. Absent:
   * from when a feature was first deployed; windows that reach further back are `partial`.
   */
  readonly since?: 'beginning' | (string & {}) | number
  /** How many newest rows of an entity are kept as rows, 1 to 10,000; default 128. Windows within them are exact to the ms. */
  readonly exactRows?: number
  /** How far behind an entity's newest event an event may come, and a read may ask; at least 128 ms, default `'5m'`. */
  readonly allowedLateness?: Duration
  readonly description?: string
}

/**
 * Declares features of an entity over a source. The callback gets a handle of each field of the source (`e.amount`) and
 * gives the features by name.
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
  Shape extends $ZodShape,
  Features extends Readonly<Record<string, FeatureBuilder<unknown, unknown>>>,
>(
  name: View,
  options: FeatureViewOptions<Keys, Shape>,
  features: (e: Handles<Shape>) => Features,
): FeatureView<View, KeyRow<Keys>, { readonly [F in keyof Features]: BuiltValue<Features[F]> }> {
  const where = `feature view ${name}`
  checkName('feature view', name)
  checkOptions(where, options, optionNames)
  const entity = options.entity?.spec
  const source = options.source?.spec
  if (!entity?.keys)
    throw new DefinitionError('bad_option', where, 'entity is not one: give it what entity(...) returned.')
  if (!source?.fields)
    throw new DefinitionError('bad_option', where, 'source is not one: give it what streamSource(...) returned.')

  const allowedLatenessMs = durationMs(where, 'allowedLateness', options.allowedLateness ?? '5m', MIN_WINDOW_MS)
  const drafts = features(fieldHandles(where, source.fields) as unknown as Handles<Shape>)
  if (typeof drafts !== 'object' || drafts === null || Object.keys(drafts).length === 0) {
    throw new DefinitionError('empty', where, `a view needs features: (e) => ({ events_1h: count().over('1h') }).`)
  }
  const context = { where, source, allowedLatenessMs }
  const specs = Object.entries(drafts).map(([feature, draft]) => featureSpec(context, feature, draft))
  const zones = zonesOf(specs.map((feature) => feature.window))
  const since = sinceSpec(where, options.since)
  const description = optionalText(where, 'description', options.description)
  const spec: ViewSpec = {
    name,
    entity: entity.name,
    source: source.name,
    key: keySpec(where, entity, source, options.key),
    ...(source.changes !== undefined && { changes: true as const }),
    features: specs,
    ...(zones !== undefined && { zones }),
    exactRows: rowCount(where, options.exactRows ?? 128),
    allowedLatenessMs,
    ...(since !== undefined && { since }),
    ...(description !== undefined && { description }),
  }
  const parts: ViewParts = { spec, entity, source }
  const references = spec.features.map((feature) => [
    feature.name,
    Object.freeze({ [FEATURE]: { view: parts, name: feature.name } }),
  ])
  return Object.freeze({ [VIEW]: parts, ...Object.fromEntries(references) })
}

const optionNames = ['entity', 'source', 'key', 'since', 'exactRows', 'allowedLateness', 'description']

function keySpec(
  where: string,
  entity: EntitySpec,
  source: SourceSpec,
  mapping: unknown,
): Readonly<Record<string, string>> {
  const names = entity.keys.map((key) => key.name)
  if (typeof mapping !== 'object' || mapping === null) {
    const line = `key: { ${names.map((name) => `${name}: '...'`).join(', ')} }`
    throw new DefinitionError(
      'bad_key',
      where,
      `which fields of ${source.name} are the key of ${entity.name}? Write ${line}.`,
    )
  }
  for (const name of Object.keys(mapping)) {
    if (names.includes(name)) continue
    throw new DefinitionError('bad_key', where, `entity ${entity.name} has no key "${name}".${didYouMean(name, names)}`)
  }
  const spec: Record<string, string> = {}
  for (const key of entity.keys) {
    const keyWhere = `${where}, key ${key.name}`
    const field = requiredField(
      keyWhere,
      `the key of ${entity.name}`,
      source.fields,
      (mapping as Record<string, unknown>)[key.name],
    )
    const feeds = field.type === 'string' && field.format === 'uuid' ? 'uuid' : field.type
    if (!feedsOf[key.type].includes(feeds)) {
      const mend = `declare the key as ${keySchema[feeds] ?? 'another type'}, or feed it from a field of type ${feedsOf[key.type].join(' or ')}`
      const problem = `a ${key.type} key cannot come from "${field.name}" of type ${feeds}: ${mend}.`
      throw new DefinitionError('bad_key', keyWhere, problem)
    }
    spec[key.name] = field.name
  }
  return spec
}

const feedsOf: Readonly<Record<KeyType, readonly string[]>> = {
  string: ['string'],
  uuid: ['uuid'],
  bool: ['bool'],
  int64: ['int64', 'int'],
}
const keySchema: Readonly<Record<string, string>> = {
  string: 'z.string()',
  uuid: 'z.uuid()',
  bool: 'z.boolean()',
  int64: 'int64()',
  int: 'int64()',
}

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
