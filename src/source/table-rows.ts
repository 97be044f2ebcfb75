import { MESSAGE_VERSION, type RowsAnswer, type ShardUnavailable, type TableDirectory } from '../shard/index.ts'
import type { Undelivered } from './deliver.ts'

/** A row of a table that events want to be enriched with. */
export interface WantedRow {
  readonly table: string
  readonly shard: number
  /** Its encoded primary key. */
  readonly key: string
  readonly columns: readonly string[]
  /** As the table's shard gives it; null when there is none, or before it was asked. */
  row: string | null
}

/** Keys of one question, at most, and by their text: RPC takes 32 MB. */
const KEYS = 5_000
const KEYS_UNITS = 1024 * 1024
/** Text of all rows that one batch is enriched with: an isolate has 128 MB, and works on several batches. */
const MOST_UNITS = 8 * 1024 * 1024

/** Fetches rows from the shards of their tables: each shard one question after the other, all shards side by side. */
export async function fetchRows(
  plan: string,
  tables: TableDirectory,
  wanted: readonly WantedRow[],
): Promise<Undelivered | undefined> {
  const lines = Map.groupBy(wanted, ({ table, shard, columns }) => `${table}/${shard}/${columns.join()}`)
  const budget = { units: MOST_UNITS }
  const problems = await Promise.all([...lines.values()].map((line) => fetchLine(plan, tables, line, budget)))
  return problems.find((problem) => problem !== undefined)
}

async function fetchLine(
  plan: string,
  tables: TableDirectory,
  line: readonly WantedRow[],
  budget: { units: number },
): Promise<Undelivered | undefined> {
  for (let at = 0; at < line.length; ) {
    const asked = question(line, at)
    const answer = await ask(plan, tables, asked)
    if ('unavailable' in answer) return answer
    for (const [i, row] of answer.rows.entries()) {
      ;(asked[i] as WantedRow).row = row
      budget.units -= row?.length ?? 0
    }
    if (budget.units < 0) {
      const message = `the rows that ${line[0]?.table} has for these events are too long together: send fewer events at once`
      return { unavailable: 'overloaded', message }
    }
    at += answer.rows.length
  }
  return undefined
}

/** As many of the wanted rows as one question may name. */
function question(line: readonly WantedRow[], from: number): readonly WantedRow[] {
  let to = from
  for (let units = 0; to < line.length && to - from < KEYS && units < KEYS_UNITS; to++)
    units += (line[to] as WantedRow).key.length
  return line.slice(from, to)
}

async function ask(
  plan: string,
  tables: TableDirectory,
  asked: readonly WantedRow[],
): Promise<RowsAnswer | Undelivered | ShardUnavailable> {
  const { table, shard, columns } = asked[0] as WantedRow
  const place = `table ${table}/${shard}, whose rows these events are enriched with,`
  try {
    const keys = asked.map(({ key }) => key)
    const answer = await tables.shard(table, shard).rows({ version: MESSAGE_VERSION, plan, keys, columns })
    // Nothing got: asking again would go on for ever.
    if ('rows' in answer && answer.rows.length === 0) throw new Error('it gave no rows')
    return answer
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { unavailable: 'shard_failed', message: `${place} did not answer: ${why}` }
  }
}
