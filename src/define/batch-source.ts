import type { $ZodObject, $ZodShape } from 'zod/v4/core'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { Entity, KeyRow, KeyShape } from './entity.ts'
import type { Expectation } from './expectations.ts'
import { type FeatureView, featureView } from './feature-view.ts'
import type { FieldHandle } from './field-handle.ts'
import type { Flat, RequiredKeys, ValueOf } from './field-types.ts'
import { type Intake, webhook } from './intakes.ts'
import { latest } from './row-aggregates.ts'
import { streamSource } from './stream-source.ts'
import type { KeyMapping } from './view-key.ts'

/** The options of {@link batchSource}. */
export interface BatchSourceOptions<Keys extends KeyShape, Shape extends $ZodShape, Time, Mapping, Version> {
  /** What the values are about. */
  readonly entity: Entity<Keys>
  /** One row: the entity's key, the time, and the values. */
  readonly values: $ZodObject<Shape>
  /** The field that says as of when the values hold: `z.iso.datetime({ offset: true })` or `epochMs()`. */
  readonly time: Time & RequiredKeys<Shape, 'timestamp'>
  /** Entity key to field; absent: the fields have the names of the keys. */
  readonly key?: Mapping & KeyMapping<Keys, Shape>
  /** How long a row's values are served: older than this at the time of a read they are null, and `expired`. Absent: for ever. */
  readonly ttl?: Duration
  /**
   * Of the computation, from 1; default 1. Values of another version never mix: version 2 of `ltv` is the source and view `ltv_v2`,
   * with imports of its own, and both are served while services move from one to the other.
   */
  readonly version?: Version
  /** How rows come in besides imports; default `[webhook()]`. */
  readonly from?: readonly Intake[]
  /** What is expected of rows beyond their schema. */
  readonly expect?: readonly Expectation<keyof Shape & string>[]
  /** How far a row's time may be ahead of its arrival; default `'5m'`. */
  readonly maxFuture?: Duration
  readonly description?: string
}

/** What a version of a batch source is called. */
export type BatchName<Name extends string, Version> = [Version] extends [1] ? Name : `${Name}_v${Version & number}`

/** The values of a row: every field but its key and its time. Null where the newest row has none, and where there is no row. */
export type BatchValues<Keys, Shape extends $ZodShape, Time, Mapping> = Flat<{
  readonly [F in Exclude<keyof Shape & string, Time | KeyFields<Keys, Mapping>>]: ValueOf<Shape[F]> | null
}>
type KeyFields<Keys, Mapping> = [Mapping] extends [never] ? keyof Keys : Mapping[keyof Mapping]

/**
 * Declares values that are computed elsewhere, with the time that they hold from: a nightly lifetime value, an embedding. What it
 * gives is a feature view, with the values as its features: at t an entity has those of its newest row before t, all of one row
 * (a null in it is null, and not the value of an older row). Rows come by `npx tidemark import --source NAME`, and by the doors
 * that `from` names; the same row again counts once.
 *
 * @throws DefinitionError that names the field or option, and the way to mend it
 * @example
 * const ltv = batchSource('ltv', {
 *   entity: user,
 *   values: z.object({ user_id: z.string(), lifetime_value: z.number(), taste: vector(64).optional(), as_of: z.iso.datetime({ offset: true }) }),
 *   time: 'as_of', ttl: '2d',
 * })
 * const fraud = featureService('fraud', [userStats, ltv.lifetime_value])
 */
export function batchSource<
  const Name extends string,
  Keys extends KeyShape,
  Shape extends $ZodShape,
  const Time extends string,
  const Mapping extends Readonly<Record<string, string>> = never,
  const Version extends number = 1,
>(
  name: Name,
  options: BatchSourceOptions<Keys, Shape, Time, Mapping, Version>,
): FeatureView<BatchName<Name, Version>, KeyRow<Keys>, BatchValues<Keys, Shape, Time, Mapping>> {
  const where = `batch source ${name}`
  checkName('batch source', name)
  checkOptions(where, options, optionNames)
  const entity = options.entity?.spec
  if (!entity?.keys)
    throw new DefinitionError('bad_option', where, 'entity is not one: give it what entity(...) returned.')
  const own = ownName(where, name, options.version ?? 1)
  const { values, time, ttl, maxFuture, expect, description, from = [webhook()] } = options
  const more = {
    ...(maxFuture !== undefined && { maxFuture }),
    ...(expect !== undefined && { expect }),
    ...(description !== undefined && { description }),
  }
  // Its content identifies a row: a dump that is imported again, or repeats what has not changed, counts nothing twice.
  const source = streamSource<Shape>(own, { event: values, time, from, idempotency: 'content', ...more })
  const key: Readonly<Record<string, unknown>> =
    options.key ?? Object.fromEntries(entity.keys.map((one) => [one.name, one.name]))
  const used = new Set<unknown>([time, ...Object.values(key)])
  const fields = source.spec.fields.filter((field) => !used.has(field.name))
  if (fields.length === 0)
    throw new DefinitionError('empty', where, 'a row has its key and its time, and no value: add one to values.')
  const kept = { nulls: 'keep', ...(ttl !== undefined && { ttl: durationMs(where, 'ttl', ttl) }) } as const
  const view = featureView(
    own,
    {
      entity: options.entity,
      source,
      key: key as KeyMapping<Keys, Shape>,
      // The newest row is the newest, whatever came before it: nothing is undercounted.
      since: 'beginning',
      exactRows: KEPT_ROWS,
      ...(description !== undefined && { description }),
    },
    (e) => {
      const handles = e as unknown as Readonly<Record<string, FieldHandle>>
      return Object.fromEntries(fields.map((field) => [field.name, latest(handles[field.name] as FieldHandle, kept)]))
    },
  )
  return view as unknown as ReturnType<typeof batchSource<Name, Keys, Shape, Time, Mapping, Version>>
}

const optionNames = ['entity', 'values', 'time', 'key', 'ttl', 'version', 'from', 'expect', 'maxFuture', 'description']

/** An entity has a row a night, and its embeddings are long: what is older is one value. */
const KEPT_ROWS = 4

function ownName(where: string, name: string, version: unknown): string {
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1)
    throw new DefinitionError('bad_option', where, `version is a whole number from 1; got ${String(version)}.`)
  if (version === 1) return name
  const own = `${name}_v${version}`
  checkName('batch source', own, `${where}, version ${version}`)
  return own
}
