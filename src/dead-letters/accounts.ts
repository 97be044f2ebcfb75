import type { Sql } from './sql.ts'

/** What became of all letters ever. */
export interface Totals {
  /** Events that were kept as letters; a letter that comes again is one. */
  readonly kept: number
  /** Let go because a replay counted them, or found them counted. */
  readonly replayed: number
  /** Let go by a person. */
  readonly dropped: number
  /** Let go because they were older than what is kept. */
  readonly expired: number
  /** Let go, the oldest first, because there were too many. */
  readonly overflowed: number
}

/** Letters of one reason about one field. */
export interface Kind {
  readonly kind: number
  readonly reason: string
  /** Empty: none. */
  readonly field: string
  letters: number
  bytes: number
}

/** The kind of what is no letter yet: some shard refused the event, another may have taken it. */
export const HIDDEN = 0

type TotalsRow = { -readonly [Name in keyof Totals]: number } & { last_seq: number; last_ms: number }

/**
 * Counts of letters by reason and field, and totals since ever, kept up with every change: a million letters are never
 * counted. Read and written within one transaction; each kind that changed is a row written, and so are the totals.
 */
export class Accounts {
  readonly totals: TotalsRow
  private readonly sql: Sql
  private readonly byName = new Map<string, Kind>()
  private readonly byNumber = new Map<number, Kind>()
  private readonly changed = new Set<Kind>()

  constructor(sql: Sql) {
    this.sql = sql
    for (const kind of sql.all<Kind & Record<string, string | number>>('SELECT * FROM kind')) this.know(kind)
    const [totals] = sql.all<TotalsRow & { one: number }>('SELECT * FROM totals')
    if (totals === undefined) throw new Error('the totals of the dead letters are missing')
    this.totals = totals
  }

  private know(kind: Kind): void {
    this.byName.set(`${kind.reason}\n${kind.field}`, kind)
    this.byNumber.set(kind.kind, kind)
  }

  get kinds(): readonly Kind[] {
    return [...this.byNumber.values()]
  }

  /** The kind of letters of this reason about this field. */
  kindOf(reason: string, field: string): number {
    const known = this.byName.get(`${reason}\n${field}`)
    if (known) return known.kind
    const made: Kind = { kind: Math.max(...this.byNumber.keys()) + 1, reason, field, letters: 0, bytes: 0 }
    this.know(made)
    return made.kind
  }

  /** Adds to a kind; negative numbers take away. */
  add(kind: number, letters: number, bytes: number): void {
    const own = this.byNumber.get(kind)
    if (own === undefined) throw new Error(`there is no kind ${kind} of dead letters`)
    own.letters += letters
    own.bytes += bytes
    this.changed.add(own)
  }

  /** Rows and payload bytes that are kept, with those that are no letters yet. */
  get size(): { readonly letters: number; readonly bytes: number } {
    let letters = 0
    let bytes = 0
    for (const kind of this.byNumber.values()) {
      letters += kind.letters
      bytes += kind.bytes
    }
    return { letters, bytes }
  }

  /** The numbers of the next letter: `seq` rises for ever, `keptMs` never falls. */
  next(nowMs: number): { readonly seq: number; readonly keptMs: number } {
    const { totals } = this
    totals.last_seq++
    totals.last_ms = Math.max(totals.last_ms, nowMs)
    return { seq: totals.last_seq, keptMs: totals.last_ms }
  }

  save(): void {
    for (const { kind, reason, field, letters, bytes } of this.changed) {
      this.sql.all('INSERT OR REPLACE INTO kind VALUES (?, ?, ?, ?, ?)', kind, reason, field, letters, bytes)
    }
    const { kept, replayed, dropped, expired, overflowed, last_seq, last_ms } = this.totals
    this.sql.all(
      `UPDATE totals SET kept = ?, replayed = ?, dropped = ?, expired = ?, overflowed = ?, last_seq = ?, last_ms = ?`,
      ...[kept, replayed, dropped, expired, overflowed, last_seq, last_ms],
    )
  }
}
