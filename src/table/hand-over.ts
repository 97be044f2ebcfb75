import type { Part } from '../engine/index.ts'
import { hashKey } from '../plan/index.ts'
import type { ChildName, Positions } from '../shard/index.ts'
import type { TableStorage } from './storage.ts'
import { formatRow, parseRow } from './stored-row.ts'

/** Raised when a child of before could not read what is handed over. */
export const TABLE_HAND_OVER_FORMAT = 1

/** How a table's shard stands that is to hand over. */
export interface TableHead {
  readonly format: number
  /** As that of an entity's shard. */
  readonly lineage?: string
  /** The copying that begins with this: what is written from now on is of this round or a later one. */
  readonly round: number
  /** The number of its newest contribution. */
  readonly seq: number
}

/** What a child has besides rows. */
export interface TableRest extends TableHead {
  /** Everything that it had to tell entities has arrived: only then may a child tell them more. */
  readonly isDrained: boolean
  /** Rows of meta, as they are stored. */
  readonly meta: Readonly<Record<string, string>>
  /** Those of which nobody can have a half: for one child alone. */
  readonly counters: Readonly<Record<string, string>>
}

/** Some rows of a child, as they are stored. */
export interface HandedRows {
  /** JSON of `[[key, body], ...]`. */
  readonly text: string
  readonly rows: number
  /** The key to go on behind; null behind the last. */
  readonly next: string | null
}

/** A table's shard as those see it that take over from it: over RPC in a deploy. Each throws when it cannot be reached. */
export interface ParentTable {
  head(): Promise<TableHead>
  /** Stops it for good: nothing is taken in or asked from then on, while what it has to tell goes on leaving. May be repeated. */
  seal(child: ChildName): Promise<TableRest>
  /** Rows of a child that were written in a round or later, behind a key. */
  rows(child: ChildName, after: string | null, round: number): Promise<HandedRows>
}

/** Rows that are looked at in one answer, and about how much text it holds. */
const SCANNED_ROWS = 2_000
const ANSWER_UNITS = 512 * 1024
const META = ['contracts', 'truncate', 'seq'] as const
const COUNTERS = ['quality', 'unknown deletes'] as const

interface Handing {
  readonly storage: TableStorage
  readonly part: Part
  readonly positions: Positions
  readonly isDrained: () => boolean
}

/** The side of a table's shard that hands over to those of the next epoch. */
export class TableHandOver {
  private readonly of: Handing
  private sealedFor: number | null
  private begun: number

  constructor(of: Handing) {
    this.of = of
    const sealed = of.storage.readMeta('sealed')
    this.sealedFor = sealed === undefined ? null : Number(sealed)
    this.begun = Number(of.storage.readMeta('round') ?? '0')
  }

  /** The epoch that has taken over; null while none has. */
  get sealed(): number | null {
    return this.sealedFor
  }

  /** How often the copying of rows has begun: rows are stamped with it, so that the next copying finds what has changed. */
  get round(): number {
    return this.begun
  }

  head(): TableHead {
    const { storage } = this.of
    if (this.sealedFor === null) {
      const round = this.begun + 1
      storage.transaction(() => storage.writeMeta('round', String(round)))
      this.begun = round
    }
    const lineage = storage.readMeta('lineage')
    const seq = Number(storage.readMeta('seq') ?? '0')
    return { format: TABLE_HAND_OVER_FORMAT, ...(lineage !== undefined && { lineage }), round: this.begun, seq }
  }

  seal({ epoch }: ChildName): TableRest {
    const { storage, positions, isDrained } = this.of
    if (this.sealedFor === null) {
      storage.transaction(() => storage.writeMeta('sealed', String(epoch)))
      this.sealedFor = epoch
    }
    const stored = (keys: readonly string[]) =>
      keys.flatMap((key) => {
        const text = storage.readMeta(key)
        return text === undefined ? [] : [[key, text] as const]
      })
    const meta = Object.fromEntries([...stored(META), ...positions.rows])
    const counters = Object.fromEntries(stored(COUNTERS))
    return { ...this.head(), isDrained: isDrained(), meta, counters }
  }

  rows({ shards, shard }: ChildName, after: string | null, round: number): HandedRows {
    const { storage, part } = this.of
    const scanned = storage.scanRows(after, SCANNED_ROWS, round)
    const handed: [key: string, body: string][] = []
    let units = 0
    let last = after
    for (const { key, body } of scanned) {
      if (units > ANSWER_UNITS) break
      last = key
      if (hashKey(key) % shards !== shard) continue
      const known = parseRow(body)
      const own = known.row && { ...known, row: { ...known.row, part: known.row.part ?? part } }
      const text = own ? formatRow(own) : body
      handed.push([key, text])
      units += key.length + text.length
    }
    const isEnd = scanned.length < SCANNED_ROWS && last === (scanned.at(-1)?.key ?? after)
    return { text: JSON.stringify(handed), rows: handed.length, next: isEnd ? null : last }
  }
}
