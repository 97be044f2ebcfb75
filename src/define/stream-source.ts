import type { $ZodObject, $ZodShape } from 'zod/v4/core'
import type { FieldSpec, SourceSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { type Enrichment, enrichSpecs, keepTables } from './enrich.ts'
import { type Expectation, expectSpecs } from './expectations.ts'
import type { Both, Flat, RequiredKeys } from './field-types.ts'
import { checkIntakes, type Intake } from './intakes.ts'
import { objectShape, readField } from './schema-fields.ts'

/** A stream of events. Made by {@link streamSource}. */
export interface StreamSource<Shape extends $ZodShape = $ZodShape> {
  /** The declaration as data. */
  readonly spec: SourceSpec
  /** For the compiler only. */
  readonly '~shape'?: Shape
}

/** Enrichments whose rows are named by fields of these events. */
export type Enrichments<Shape extends $ZodShape> =
  | Enrichment<$ZodShape, keyof Shape & string>
  | readonly Enrichment<$ZodShape, keyof Shape & string>[]

/** The fields of events with those that they are enriched with. */
export type EnrichedShape<Shape extends $ZodShape, E> = [E] extends [never]
  ? Shape
  : Both<E extends readonly (infer One)[] ? AddedBy<One> : AddedBy<E>> extends infer Added
    ? Flat<Shape & Added> extends infer All extends $ZodShape
      ? All
      : never
    : never
type AddedBy<E> = E extends Enrichment<infer Added, infer _On> ? Added : never

/** The options of {@link streamSource}. */
export interface StreamSourceOptions<Shape extends $ZodShape, E = never> {
  /** One event: a flat `z.object`. Keys that it does not name are ignored. */
  readonly event: $ZodObject<Shape>
  /** The field that identifies an event (string, uuid, `z.int()` or `int64()`): the same id again counts once. */
  readonly id?: RequiredKeys<Shape, 'string' | 'choice' | 'uuid' | 'number' | 'int64'>
  /** The field that says when it happened: `z.iso.datetime({ offset: true })` or `epochMs()`. */
  readonly time: RequiredKeys<Shape, 'timestamp'>
  /** How events come in: `[webhook()]`, `[kafka('clicks')]`, or several. */
  readonly from: readonly Intake[]
  /**
   * What stands in when neither an id field nor the sender's `webhook-id` identifies an event: `'content'` counts events
   * of equal fields once, `'none'` counts every delivery. Absent: such events are refused.
   */
  readonly idempotency?: 'content' | 'none'
  /** What events take from tables when they are accepted: `enrich(products, { ... })`, or a list of such. */
  readonly enrich?: E
  /** What is expected of events beyond their schema: `[expectRange('amount', { min: 0, action: 'count' })]`. */
  readonly expect?: readonly Expectation<keyof EnrichedShape<Shape, E> & string>[]
  /** How far an event's time may be ahead of its arrival; default `'5m'`. */
  readonly maxFuture?: Duration
  /** How long ids are remembered, by arrival; default `'7d'`. */
  readonly redeliveryHorizon?: Duration
  readonly description?: string
}

/**
 * Declares a stream of events: what one looks like, what identifies it, when it happened.
 *
 * @throws DefinitionError that names the field and the way to mend it, for every schema that is more than a flat list of
 * plain types (refine, transform, default, nested objects, ...)
 * @example
 * const activity = streamSource('user_activity', {
 *   event: z.object({ id: z.string(), uid: z.string(), type: z.enum(['view', 'click']), at: z.iso.datetime({ offset: true }) }),
 *   id: 'id', time: 'at', from: [webhook()],
 * })
 */
export function streamSource<Shape extends $ZodShape, const E extends Enrichments<Shape> = never>(
  name: string,
  options: StreamSourceOptions<Shape, E>,
): StreamSource<EnrichedShape<Shape, E>> {
  const where = `source ${name}`
  checkName('source', name)
  checkOptions(where, options, optionNames)
  const sent = Object.entries(objectShape(where, options.event)).map(([field, schema]) => {
    checkFieldName(where, field)
    return readField(`${where}, field ${field}`, field, schema)
  })
  if (sent.length === 0) throw new DefinitionError('empty', where, 'an event needs fields, at least its time.')
  const enriched = options.enrich === undefined ? undefined : enrichSpecs(where, sent, options.enrich)
  for (const { name } of enriched?.fields ?? []) checkFieldName(where, name)
  const fields = [...sent, ...(enriched?.fields ?? [])]

  const { id, idempotency } = options
  checkTime(where, fields, options.time)
  if (id !== undefined) checkId(where, fields, id)
  if (idempotency !== undefined && idempotency !== 'content' && idempotency !== 'none') {
    throw new DefinitionError(
      'bad_option',
      where,
      `idempotency is 'content' or 'none'; got ${JSON.stringify(idempotency)}.`,
    )
  }
  if (id !== undefined && idempotency !== undefined) {
    throw new DefinitionError(
      'bad_option',
      where,
      `the id field "${id}" identifies events already: leave out idempotency.`,
    )
  }
  const description = optionalText(where, 'description', options.description)
  const spec: SourceSpec = {
    name,
    fields,
    ...(id !== undefined && { id }),
    ...(idempotency !== undefined && { idempotency }),
    time: options.time,
    maxFutureMs: durationMs(where, 'maxFuture', options.maxFuture ?? '5m'),
    redeliveryHorizonMs: durationMs(where, 'redeliveryHorizon', options.redeliveryHorizon ?? '7d'),
    from: checkIntakes(where, options.from, 'stream'),
    ...(enriched !== undefined && { enrich: enriched.enrich }),
    ...(options.expect !== undefined && { expect: expectSpecs(where, fields, options.expect, 'stream') }),
    ...(description !== undefined && { description }),
  }
  if (enriched !== undefined) keepTables(spec, options.enrich)
  return { spec }
}

const optionNames = [
  'event',
  'id',
  'time',
  'from',
  'idempotency',
  'enrich',
  'expect',
  'maxFuture',
  'redeliveryHorizon',
  'description',
]

/** The field of this name; throws with the nearest name when there is none, or when it may be null or absent. */
export function requiredField(where: string, role: string, fields: readonly FieldSpec[], name: unknown): FieldSpec {
  const field = fields.find((f) => f.name === name)
  if (field === undefined) {
    const known = fields.map((f) => f.name)
    const problem = name === undefined ? `${role} is missing.` : `${role} names "${String(name)}", which is no field.`
    throw new DefinitionError('unknown_field', where, `${problem}${didYouMean(String(name), known)}`)
  }
  if (field.enriched) {
    const why = 'it is known only once the event has been accepted'
    throw new DefinitionError('wrong_type', where, `${role} names "${field.name}", which comes from a table: ${why}.`)
  }
  if (field.nullable || field.optional) {
    const state = field.nullable ? 'null' : 'absent'
    const how = 'remove .optional(), .nullable() or .nullish() from it'
    throw new DefinitionError('wrong_type', where, `${role} names "${field.name}", which may be ${state}: ${how}.`)
  }
  return field
}

export function checkTime(where: string, fields: readonly FieldSpec[], time: unknown): void {
  const field = requiredField(where, 'time', fields, time)
  if (field.type === 'timestamp') return
  const how = 'declare it as z.iso.datetime({ offset: true }) or epochMs()'
  throw new DefinitionError('wrong_type', where, `time names "${field.name}", which is of type ${field.type}: ${how}.`)
}

function checkId(where: string, fields: readonly FieldSpec[], id: unknown): void {
  const field = requiredField(where, 'id', fields, id)
  if (field.type === 'string' || field.type === 'int' || field.type === 'int64') return
  const how = 'an id is z.string(), z.uuid(), z.int() or int64()'
  throw new DefinitionError('wrong_type', where, `id names "${field.name}", which is of type ${field.type}: ${how}.`)
}

/** Columns that the log of events has for itself (`OWN_PREFIX` of src/offline). */
const LOG_PREFIX = 'tm_'

/** Field names are the sender's and may be any text, but for names that every JavaScript object has, and those of the log. */
export function checkFieldName(where: string, name: string): void {
  if (name in Object.prototype || name === 'then') {
    const problem = `a field cannot be called "${name}": it means something to JavaScript itself. Have it renamed by the sender.`
    throw new DefinitionError('bad_name', where, problem)
  }
  if (name.startsWith(LOG_PREFIX)) {
    const problem = `a field cannot be called "${name}": the log's own columns begin with ${LOG_PREFIX}. Have it renamed by the sender: "${name.slice(LOG_PREFIX.length) || 'value'}".`
    throw new DefinitionError('bad_name', where, problem)
  }
  if (name === '' || name.length > 128 || !name.isWellFormed()) {
    throw new DefinitionError(
      'bad_name',
      where,
      `a field's name is 1 to 128 characters of text; got ${JSON.stringify(name)}.`,
    )
  }
}
