/** Which column of a file is which field of a source. Everything that is wrong is told before a row is read. */
import type { FieldSpec, SourceSpec } from '../../src/engine/index.ts'
import type { KnownAtRule } from '../../src/source/index.ts'
import { didYouMean, nearest } from '../../src/util/did-you-mean.ts'
import { UsageError } from '../lib/usage-error.ts'
import type { ToUtc } from './zone.ts'

/** What is made of the rows of files. */
export interface Wanted {
  readonly source: SourceSpec
  /** Field to column, where their names differ. */
  readonly map: ReadonlyMap<string, string>
  readonly rule: KnownAtRule
  /** Reads times without a zone; undefined: such are refused. */
  readonly toUtc: ToUtc | undefined
  /** The column of Parquet files that tells events from each other; absent: none does. */
  readonly idColumn?: string
}

export interface FieldColumn {
  readonly field: FieldSpec
  /** Place among the columns of the file. */
  readonly place: number
}

/** The fields of a source that are sent: enriched ones come from tables. */
export const sentFields = ({ fields }: SourceSpec): readonly FieldSpec[] => fields.filter(({ enriched }) => !enriched)

/** `--map` as it was written: `uid=user_id`, field first. Throws a {@link UsageError}. */
export function columnMap(given: readonly string[], source: SourceSpec): Map<string, string> {
  const fields = sentFields(source).map(({ name }) => name)
  const map = new Map<string, string>()
  for (const one of given) {
    const [field, column] = [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]
    if (!one.includes('=') || field === '' || column === '')
      throw new UsageError(`--map takes a field and its column, such as --map uid=user_id; got "${one}".`)
    if (!fields.includes(field))
      throw new UsageError(`--map ${one}: ${source.name} has no field "${field}".${didYouMean(field, fields)}`)
    if (map.has(field)) throw new UsageError(`--map names the field "${field}" twice.`)
    map.set(field, column)
  }
  return map
}

/** The column of each field that a file has. Throws a {@link UsageError} for one that an event cannot do without. */
export function fieldColumns(name: string, columns: readonly string[], { source, map }: Wanted): FieldColumn[] {
  return sentFields(source).flatMap((field) => {
    const column = map.get(field.name) ?? field.name
    const place = columns.indexOf(column)
    if (place >= 0) return [{ field, place }]
    if (field.optional && !map.has(field.name)) return []
    throw missingColumn(name, columns, source, field.name, column)
  })
}

/** What is said of a field that no column is. */
export function missingColumn(
  name: string,
  columns: readonly string[],
  source: SourceSpec,
  field: string,
  column: string,
): UsageError {
  const what = field === column ? `, and ${source.name} needs the field` : ` for the field "${field}"`
  const has = columns.length === 0 ? 'It has no columns.' : `It has: ${columns.slice(0, 30).join(', ')}.`
  const how = `Name the column of a field with --map ${field}=COLUMN.`
  return new UsageError(`${name} has no column "${column}"${what}.${hint(column, columns)} ${has} ${how}`)
}

/** The place of the column that says when a row was known; undefined where the rule is another. Throws a {@link UsageError}. */
export function knownColumn(name: string, columns: readonly string[], rule: KnownAtRule): number | undefined {
  if (rule.kind !== 'column') return undefined
  const place = columns.indexOf(rule.column)
  if (place >= 0) return place
  const has = `It has: ${columns.slice(0, 30).join(', ')}.`
  throw new UsageError(
    `${name} has no column "${rule.column}", which --known-at names.${hint(rule.column, columns)} ${has}`,
  )
}

function hint(name: string, columns: readonly string[]): string {
  const near = nearest(name, columns)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}
