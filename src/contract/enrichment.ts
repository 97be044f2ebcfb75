import type { EnrichSpec, SourceSpec, Value } from '../engine/index.ts'
import { fieldReader } from './field-reader.ts'
import { isRefusal, type Refusal, refusal, shown } from './refusal.ts'

/**
 * For each enrichment of a source, the row that an event is enriched with: its version, then the columns in their order, as
 * parsed; null where the table had no such row.
 */
export type EnrichingRows = readonly (readonly unknown[] | null)[]

/** Puts rows of tables into the checked values of events. */
export interface Enrichment {
  /** The values with the enriched fields filled in: null for an unknown row, and for what no longer fits its field. */
  fill(values: readonly Value[], rows: EnrichingRows): readonly Value[]
  /** Why an event must not be taken: a row is unknown that its source wants to be known. */
  refuse(values: readonly Value[], rows: EnrichingRows): Refusal | undefined
}

/** Compiles the enrichments of a source; undefined when it has none. */
export function compileEnrichment({ fields, enrich }: SourceSpec): Enrichment | undefined {
  if (enrich === undefined) return undefined
  const place = (name: string) => fields.findIndex((field) => field.name === name)
  const columns = enrich.flatMap(({ columns }, row) =>
    columns.map(({ as }, i) => {
      const at = place(as)
      return { row, member: i + 1, at, read: fieldReader(fields[at] as (typeof fields)[number]) }
    }),
  )
  const needed = enrich.flatMap((one, row) =>
    one.unknown === 'refuse' ? [{ ...one, row, at: one.on.map(place) }] : [],
  )
  return {
    fill: (values, rows) => {
      const filled = values.slice()
      for (const { row, member, at, read } of columns) {
        const value = read(rows[row]?.[member])
        filled[at] = typeof value === 'object' && value !== null && isRefusal(value) ? null : value
      }
      return filled
    },
    refuse: (values, rows) => {
      const missing = needed.find(({ row }) => rows[row] === null)
      return (
        missing &&
        unknownRow(
          missing,
          missing.at.map((at) => values[at] ?? null),
        )
      )
    },
  }
}

function unknownRow({ table, on }: EnrichSpec, key: readonly Value[]): Refusal {
  const named = on.map((field, i) => `"${field}" ${shown(key[i])}`).join(', ')
  const how = "replay this letter once the table has the row, or declare unknown: 'null'"
  return refusal('unknown_row', `Table ${table} has no row for ${named}: ${how}.`, on[0])
}
