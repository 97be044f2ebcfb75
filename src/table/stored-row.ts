import type { RowVersion } from './version.ts'

/** What a table's shard keeps of a key. */
export interface StoredRow {
  /** The change that it is of. */
  readonly version: RowVersion
  /** Null once it is deleted. */
  readonly row: LiveRow | null
}

export interface LiveRow {
  /** JSON of all fields, as the contract had checked them. */
  readonly text: string
  /** The number that it was put in by. */
  readonly seq: number
  /** Equal for rows of equal content. */
  readonly content: string
}

/** As it is stored: JSON of `[lsn, order, sequence, incarnation, offset, seq, content, text]`, without the last three when deleted. */
export function formatRow({ version: { lsn, order, position }, row }: StoredRow): string {
  const place = position ? [position.sequence, position.incarnation, position.offset] : [null, 0, 0]
  const live = row ? [row.seq, row.content, row.text] : []
  return JSON.stringify([lsn === null ? null : String(lsn), order, ...place, ...live])
}

export function parseRow(body: string): StoredRow {
  const [lsn, order, sequence, incarnation, offset, seq, content, text] = JSON.parse(body) as [
    string | null,
    number,
    string | null,
    number,
    number,
    number | undefined,
    string | undefined,
    string | undefined,
  ]
  return {
    version: {
      lsn: lsn === null ? null : BigInt(lsn),
      order,
      position: sequence === null ? null : { sequence, incarnation, offset },
    },
    row: seq === undefined || content === undefined || text === undefined ? null : { seq, content, text },
  }
}
