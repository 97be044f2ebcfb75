import type { $ZodObject, $ZodShape } from 'zod/v4/core'
import { CHANGE_TIME, type FieldSpec } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { type Expectation, expectSpecs } from './expectations.ts'
import type { RequiredKeys } from './field-types.ts'
import { checkIntakes, type Intake } from './intakes.ts'
import { objectShape, readField } from './schema-fields.ts'
import { checkFieldName, checkTime, requiredField, type StreamSource } from './stream-source.ts'

/** A table whose rows are inserted, updated and deleted. Made by {@link tableSource}. */
export type TableSource<Shape extends $ZodShape = $ZodShape> = StreamSource<Shape>

type KeyField<Shape extends $ZodShape> = RequiredKeys<Shape, 'string' | 'choice' | 'uuid' | 'number' | 'int64' | 'bool'>

/** The options of {@link tableSource}. */
export interface TableSourceOptions<Shape extends $ZodShape> {
  /** One row: a flat `z.object` of the columns that features read. Columns that it does not name are ignored. */
  readonly row: $ZodObject<Shape>
  /** The columns of the primary key. */
  readonly key: KeyField<Shape> | readonly KeyField<Shape>[]
  /** The column that says when a row counts; absent: when it was last changed, as the database says it. */
  readonly time?: RequiredKeys<Shape, 'timestamp'>
  /** How changes come in: `[kafka('shop.public.orders', { format: debezium() })]`, `[webhook({ format: debezium() })]`. */
  readonly from: readonly Intake[]
  /** What is expected of rows beyond their schema: `[expectFresh('10m')]`, by when they were changed. */
  readonly expect?: readonly Expectation<keyof Shape & string>[]
  /** How far a row's time may be ahead of its arrival; default `'5m'`. */
  readonly maxFuture?: Duration
  readonly description?: string
}

/**
 * Declares a table of a database, kept up to date by its changes. Features over it count the rows that are there: an
 * update takes the old row out where it stood, a delete takes it out for good.
 *
 * @throws DefinitionError that names the column and the way to mend it
 * @example
 * const orders = tableSource('orders', {
 *   row: z.object({ order_id: z.int(), user_id: z.string(), total: decimal(2), placed_at: z.iso.datetime({ offset: true }) }),
 *   key: 'order_id', time: 'placed_at',
 *   from: [kafka('shop.public.orders', { format: debezium() })],
 * })
 */
export function tableSource<Shape extends $ZodShape>(
  name: string,
  options: TableSourceOptions<Shape>,
): TableSource<Shape> {
  const where = `source ${name}`
  checkName('source', name)
  if (typeof options === 'object' && options !== null && 'enrich' in options) {
    const how = 'enrich the events of a streamSource(...), or declare a view over each table'
    throw new DefinitionError('bad_option', where, `the rows of a table are not enriched: ${how}.`)
  }
  checkOptions(where, options, optionNames)
  const columns = Object.entries(objectShape(where, options.row)).map(([field, schema]) => {
    checkFieldName(where, field)
    if (field.startsWith('$')) {
      const problem = `a column of a table cannot be called "${field}": names with $ are what a change says beside its row.`
      throw new DefinitionError('bad_name', where, problem)
    }
    return readField(`${where}, column ${field}`, field, schema)
  })
  const key = (Array.isArray(options.key) ? options.key : [options.key]) as readonly unknown[]
  if (key.length === 0) throw new DefinitionError('bad_key', where, `a table needs its primary key: write key: 'id'.`)
  for (const column of key) checkKeyColumn(where, requiredField(where, 'key', columns, column))
  if (new Set(key).size < key.length) throw new DefinitionError('bad_key', where, 'key names a column twice.')
  const fields = options.time === undefined ? [...columns, changeTime] : columns
  if (options.time !== undefined) checkTime(where, fields, options.time)
  const description = optionalText(where, 'description', options.description)
  return {
    spec: {
      name,
      fields,
      time: options.time ?? CHANGE_TIME,
      maxFutureMs: durationMs(where, 'maxFuture', options.maxFuture ?? '5m'),
      redeliveryHorizonMs: durationMs(where, 'redeliveryHorizon', '7d'),
      from: checkIntakes(where, options.from, 'table'),
      changes: { key: key as readonly string[] },
      ...(options.expect !== undefined && { expect: expectSpecs(where, columns, options.expect, 'table') }),
      ...(description !== undefined && { description }),
    },
  }
}

const optionNames = ['row', 'key', 'time', 'from', 'expect', 'maxFuture', 'description']

/** When the row was last changed, where no column says when it counts. */
const changeTime: FieldSpec = { name: CHANGE_TIME, type: 'timestamp', format: 'ms', nullable: false, optional: false }

function checkKeyColumn(where: string, { name, type }: FieldSpec): void {
  if (type === 'string' || type === 'int' || type === 'int64' || type === 'bool') return
  const how = 'a key is z.string(), z.uuid(), z.int(), int64() or z.boolean()'
  throw new DefinitionError('bad_key', where, `key names "${name}", which is of type ${type}: ${how}.`)
}
