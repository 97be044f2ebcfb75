import type { $ZodNullable, $ZodShape } from 'zod/v4/core'
import type { EnrichSpec, FieldSpec, SourceSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { TableSource } from './table-source.ts'

/**
 * What the events of a stream take from the rows of a table. Made by {@link enrich}. `Added` are the fields that this gives
 * them, `On` the fields that name the row.
 */
export interface Enrichment<Added extends $ZodShape = $ZodShape, On extends string = string> {
  readonly table: SourceSpec
  readonly on: string | Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly as: string
  readonly unknown: 'null' | 'refuse'
  /** For the compiler only. */
  readonly '~added'?: Added
  readonly '~on'?: On
}

/** The options of {@link enrich}. */
export interface EnrichOptions<Column extends string, On extends string, Prefix extends string> {
  /**
   * The event's field that holds the table's primary key: `'product_id'`. Of a key of several columns the field for each
   * column: `{ shop_id: 'shop', product_id: 'product' }`.
   */
  readonly on: On | Readonly<Record<string, On>>
  /** The columns that the event takes. */
  readonly fields: readonly Column[]
  /** What follows when the table has no such row: the fields are null, or the event is refused (`unknown_row`). */
  readonly unknown: 'null' | 'refuse'
  /** Comes before the columns' names in the event: with `'product_'` the column `price` is the field `product_price`. */
  readonly as?: Prefix
}

/** The fields that an event takes, as zod has them: each may be null. */
export type AddedFields<Shape extends $ZodShape, Column extends keyof Shape & string, Prefix extends string> = {
  readonly [C in Column as `${Prefix}${C}`]: $ZodNullable<Shape[C]>
}

/**
 * Enriches events with columns of a table, as the table has the row when the event is accepted; what the event took then
 * stays its own, whatever becomes of the row. An option of `streamSource`.
 *
 * @throws DefinitionError that names the column or option and the way to mend it
 * @example
 * const clicks = streamSource('clicks', {
 *   event, id: 'id', time: 'at', from: [webhook()],
 *   enrich: enrich(products, { on: 'product_id', fields: ['category', 'price'], unknown: 'null' }),
 * })
 */
export function enrich<
  Shape extends $ZodShape,
  const Column extends keyof Shape & string,
  const On extends string,
  const Prefix extends string = '',
>(
  table: TableSource<Shape>,
  options: EnrichOptions<Column, On, Prefix>,
): Enrichment<AddedFields<Shape, Column, Prefix>, On> {
  const spec = table?.spec
  if (!spec?.fields) {
    throw new DefinitionError('bad_option', 'enrich', 'table is not one: give it what tableSource(...) returned.')
  }
  const where = `enrich from ${spec.name}`
  if (spec.changes === undefined) {
    const how = 'only the rows of a tableSource(...) can be looked up by their key'
    throw new DefinitionError('bad_option', where, `${spec.name} is a stream of events: ${how}.`)
  }
  checkOptions(where, options, ['on', 'fields', 'unknown', 'as'])
  const { on, fields, unknown, as = '' } = options
  if (unknown !== 'null' && unknown !== 'refuse') {
    const how = `unknown says what follows when there is no such row, 'null' or 'refuse'`
    throw new DefinitionError('bad_option', where, `${how}; got ${JSON.stringify(unknown)}.`)
  }
  if (typeof as !== 'string') throw new DefinitionError('bad_option', where, `as is a text such as 'product_'.`)
  if (!Array.isArray(fields) || fields.length === 0) {
    throw new DefinitionError('empty', where, `which columns? Write fields: ['${columnNames(spec)[0] ?? 'price'}'].`)
  }
  fields.forEach((column, i) => checkColumn(where, spec, column, fields.indexOf(column) < i))
  return { table: spec, on, columns: fields, as, unknown }
}

function checkColumn(where: string, table: SourceSpec, column: unknown, isAgain: boolean): void {
  const known = columnNames(table)
  if (isAgain) throw new DefinitionError('duplicate', where, `fields names "${String(column)}" twice.`)
  if (known.includes(column as string)) return
  const problem = `fields names "${String(column)}", which is no column of ${table.name}.`
  throw new DefinitionError('unknown_field', where, `${problem}${didYouMean(String(column), known)}`)
}

/** Names with $ are what a change says beside its row. */
const columnNames = ({ fields }: SourceSpec): string[] =>
  fields.map(({ name }) => name).filter((name) => !name.startsWith('$'))

/** The enrichments of a stream as data, and the fields that they add to its events. Throws where they do not fit these. */
export function enrichSpecs(
  where: string,
  sent: readonly FieldSpec[],
  option: unknown,
): { readonly enrich: readonly EnrichSpec[]; readonly fields: readonly FieldSpec[] } {
  const enrichments = (Array.isArray(option) ? option : [option]) as readonly Enrichment[]
  const fields: FieldSpec[] = []
  const enrich = enrichments.map((one): EnrichSpec => {
    if (!one?.table?.changes) {
      const how = "write enrich: enrich(products, { on: 'product_id', fields: ['price'], unknown: 'null' })"
      throw new DefinitionError('bad_option', where, `enrich is not one, or a list of them: ${how}.`)
    }
    const columns = one.columns.map((column) => ({ column, as: `${one.as}${column}` }))
    for (const { column, as } of columns) {
      checkNew(where, one, as, [...sent, ...fields])
      const { name: _, ...type } = one.table.fields.find(({ name }) => name === column) as FieldSpec
      fields.push({ ...type, name: as, enriched: true, nullable: true, optional: true })
    }
    return { table: one.table.name, on: fieldsOn(where, sent, one), columns, unknown: one.unknown }
  })
  return { enrich, fields }
}

function checkNew(where: string, { table, as }: Enrichment, name: string, known: readonly FieldSpec[]): void {
  const other = known.find((field) => field.name === name)
  if (other === undefined) return
  const what = other.enriched ? 'is enriched with' : 'sends'
  const how = `write as: '${as}${table.name.replace(/s$/, '')}_' to call it otherwise`
  const problem = `the event ${what} a field "${name}" already, and takes another from ${table.name}: ${how}.`
  throw new DefinitionError('duplicate', where, problem)
}

/** The event's fields for the table's primary key, in its order. */
function fieldsOn(where: string, sent: readonly FieldSpec[], { table, on }: Enrichment): string[] {
  const key = table.changes?.key ?? []
  const [only] = key
  const mapping = typeof on === 'string' && key.length === 1 ? { [only as string]: on } : on
  if (typeof mapping !== 'object' || mapping === null) {
    const line = `on: { ${key.map((column) => `${column}: '...'`).join(', ')} }`
    throw new DefinitionError('bad_key', where, `which fields are the key of ${table.name}? Write ${line}.`)
  }
  for (const column of Object.keys(mapping)) {
    if (key.includes(column)) continue
    const problem = `on names "${column}", which is not in the key of ${table.name}: rows are found by all of their key.`
    throw new DefinitionError('bad_key', where, `${problem}${didYouMean(column, key)}`)
  }
  return key.map((column) => fieldOn(where, sent, table, column, (mapping as Record<string, unknown>)[column]))
}

function fieldOn(where: string, sent: readonly FieldSpec[], table: SourceSpec, column: string, name: unknown): string {
  const field = sent.find((candidate) => candidate.name === name)
  if (field === undefined) {
    const known = sent.map((candidate) => candidate.name)
    const what = name === undefined ? `on says nothing of` : `on names "${String(name)}", no field of the event, for`
    const problem = `${what} the key "${column}" of ${table.name}.`
    throw new DefinitionError('unknown_field', where, `${problem}${didYouMean(String(name), known)}`)
  }
  const wanted = kindOf(table.fields.find((candidate) => candidate.name === column) as FieldSpec)
  const given = kindOf(field)
  if (wanted !== given) {
    const how = `declare both as the same type, so that equal keys are equal texts`
    const problem = `"${field.name}" is of type ${given}, the key "${column}" of ${table.name} of type ${wanted}: ${how}.`
    throw new DefinitionError('bad_key', where, problem)
  }
  return field.name
}

/** Types whose equal values are equal keys. */
function kindOf({ type, format }: FieldSpec): string {
  if (format === 'uuid') return 'uuid'
  return type === 'int' ? 'int64' : type
}

const tables = new WeakMap<SourceSpec, readonly SourceSpec[]>()

/** Remembers which tables a source is enriched from: its data has their names alone. */
export function keepTables(source: SourceSpec, option: unknown): void {
  const enrichments = (Array.isArray(option) ? option : [option]) as readonly Enrichment[]
  tables.set(
    source,
    enrichments.map(({ table }) => table),
  )
}

/** The tables that a source is enriched from: they are deployed with it. */
export const tablesOf = (source: SourceSpec): readonly SourceSpec[] => tables.get(source) ?? []
