import { encodeKey, type FieldScan, fieldScanner, isRefusal, parseEvents } from '../contract/index.ts'
import type { EnrichSpec } from '../engine/index.ts'
import { type Plan, type Route, type SourceRuntime, shardOf } from '../plan/index.ts'
import type { TableDirectory } from '../shard/index.ts'
import { MAX_EVENT_UNITS, MAX_KEY_UNITS } from '../util/limits.ts'
import type { Undelivered } from './deliver.ts'
import { type EventBatch, MOST_EVENTS } from './route.ts'
import { fetchRows, type WantedRow } from './table-rows.ts'

/** One enrichment of a source. */
interface Lookup {
  readonly spec: EnrichSpec
  readonly table: Route
  /** Places of the fields that name the row among those that are scanned. */
  readonly scanned: readonly number[]
}

/**
 * Finds what the events of a source are enriched with: each row that a batch names once, from the region's own copy of its
 * table. Batch by batch and before it is sent, so that batches that come one after the other see the table in that order.
 */
export class Enricher {
  private readonly plan: Plan
  private readonly source: SourceRuntime
  private readonly lookups: readonly Lookup[]
  /** Places in the source's fields of what is scanned. */
  private readonly fields: readonly number[]
  private readonly scanOf: (text: string) => FieldScan

  private constructor(plan: Plan, source: SourceRuntime, enrich: readonly EnrichSpec[]) {
    const { fields } = source.spec
    const names = [...new Set(enrich.flatMap(({ on }) => on))]
    this.plan = plan
    this.source = source
    this.lookups = enrich.map((spec) => {
      const table = plan.sources.get(spec.table)?.table
      if (!table) throw new Error(`source ${source.spec.name} is enriched from ${spec.table}, which is no table`)
      return { spec, table, scanned: spec.on.map((name) => names.indexOf(name)) }
    })
    this.fields = names.map((name) => fields.findIndex((field) => field.name === name))
    this.scanOf = fieldScanner(names)
  }

  /** Undefined for a source that is not enriched. */
  static of(plan: Plan, source: SourceRuntime): Enricher | undefined {
    const { enrich } = source.spec
    return enrich && new Enricher(plan, source, enrich)
  }

  /** The batch with the rows that its events name, as the tables have them now; or why they could not be had. */
  async stamp(tables: TableDirectory, batch: EventBatch): Promise<EventBatch | Undelivered> {
    // The router refuses it as a whole.
    if (batch.spans.count > MOST_EVENTS) return batch
    const named = this.rowsNamed(tables.shards, batch)
    const wanted = [...new Set(named)].filter((row) => row !== null)
    const problem = await fetchRows(this.plan.hash, tables, wanted)
    if (problem) return problem
    const found = wanted.filter(({ row }) => row !== null)
    const places = new Map<WantedRow | null, number>(found.map((row, place) => [row, place]))
    return {
      ...batch,
      stamps: {
        each: this.lookups.length,
        rows: found.map(({ row }) => row as string),
        of: Int32Array.from(named, (row) => places.get(row) ?? -1),
      },
    }
  }

  /** For each event, and each enrichment, the row that it names; null where it names none. */
  private rowsNamed(shards: number, { text, spans }: EventBatch): (WantedRow | null)[] {
    const { lookups } = this
    const known = lookups.map(() => new Map<string, WantedRow>())
    const named: (WantedRow | null)[] = []
    const scan = this.scanOf(text)
    const found: (string | undefined)[] = []
    for (let index = 0; index < spans.count; index++) {
      const [start, end] = [spans.starts[index] as number, spans.ends[index] as number]
      // What is broken or too long is refused at the door.
      const isWhole = !spans.broken.has(index) && end - start <= MAX_EVENT_UNITS
      if (!isWhole || !scan(start, end, found)) this.parseFields(isWhole ? text.slice(start, end) : '', found)
      lookups.forEach(({ spec, table, scanned }, i) => {
        const parts = scanned.map((place) => found[place])
        if (parts.some((part) => part === undefined || part.length > MAX_KEY_UNITS)) return named.push(null)
        const key = encodeKey(parts as string[], table.keyTypes)
        const rows = known[i] as Map<string, WantedRow>
        const row = rows.get(key) ?? wantedRow(spec, key, shardOf(key, shards))
        rows.set(key, row)
        return named.push(row)
      })
    }
    return named
  }

  /** The rare way: the text is parsed here, because a field is escaped, null, or not what it should be. */
  private parseFields(text: string, out: (string | undefined)[]): void {
    const { contract, spec } = this.source
    const parsed = parseEvents(text, contract.exactNumbers)
    const raw = isRefusal(parsed) ? undefined : parsed.raws[0]
    const event = typeof raw === 'object' && raw !== null ? (raw as Readonly<Record<string, unknown>>) : {}
    this.fields.forEach((field, i) => {
      const value = contract.checkField(field, event[spec.fields[field]?.name ?? ''])
      // What does not fit is refused by the shard.
      const isNone = value === null || (typeof value === 'object' && isRefusal(value))
      out[i] = isNone ? undefined : String(value)
    })
  }
}

function wantedRow({ table, columns }: EnrichSpec, key: string, shard: number): WantedRow {
  return { table, shard, key, columns: columns.map(({ column }) => column), row: null }
}
