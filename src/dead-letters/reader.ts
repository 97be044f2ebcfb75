import { Accounts, HIDDEN, type Totals } from './accounts.ts'
import { isReplayable } from './letter.ts'
import type { LetterRow, Sql, SqlValue } from './sql.ts'

/** Which letters; all that are given must fit. */
export interface LetterFilter {
  readonly reason?: string
  readonly field?: string
  /** Kept at or after this time, ms. */
  readonly sinceMs?: number
  /** Kept before this time, ms. */
  readonly untilMs?: number
}

/** A letter as a person reads it. */
export interface ListedLetter {
  readonly id: string
  readonly source: string
  readonly reason: string
  readonly field?: string
  readonly message: string
  /** In a list its first 1,024 UTF-16 code units at most. */
  readonly payload: string
  /** The length of all that came, in UTF-16 code units. */
  readonly payloadUnits: number
  /** False: only a part of it is kept, or it is no JSON. */
  readonly replayable: boolean
  readonly position?: string
  readonly eventId?: string
  readonly eventTimeMs?: number
  readonly arrivalMs: number
  /** When it was kept here: what `since` and `until` are about. */
  readonly keptMs: number
  /** Doors or shards that refused it. */
  readonly by: readonly string[]
  /** How often it came. */
  readonly times: number
}

export interface LetterList {
  /** Of all letters, whatever was asked for. */
  readonly count: number
  readonly byReason: Readonly<Record<string, number>>
  readonly totals: Totals
  /** When the oldest was kept, ms; null without letters. */
  readonly oldestKeptMs: number | null
  /** Letters that fit the filter; where a position was asked for, those that fit the rest. */
  readonly matching: number
  /** Newest first. */
  readonly letters: readonly ListedLetter[]
  /** Where to go on, as `before`. */
  readonly next?: number
}

/** A letter on its way to be replayed. */
export interface TakenLetter {
  readonly id: string
  readonly payload: string
  readonly eventId?: string
  readonly position?: string
  readonly undecoded?: true
  /** It is imported history: from when on it could be known, ms; null where its import named no rule. */
  readonly imported?: number | null
}

export interface ListRequest extends LetterFilter {
  /** Of a position, its beginning: `clicks/` is a topic. */
  readonly position?: string
  readonly limit: number
  readonly before?: number
}

/** Letters, or rows that an answer holds at most, and the text of their payloads. */
const MAX_LISTED = 1_000
const LISTED_PAYLOAD_UNITS = 1_024
const MAX_TAKEN_BYTES = 2 * 1024 * 1024
/** Rows that one page looks at for a position: then it ends early and says where to go on. */
const MAX_SCANNED = 20_000

/** A range of `seq`, half-open. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** Reads letters; changes nothing. */
export class LetterReader {
  private readonly sql: Sql
  private readonly source: string

  constructor(sql: Sql, source: string) {
    this.sql = sql
    this.source = source
  }

  list({ limit, before, position, ...filter }: ListRequest): LetterList {
    const accounts = new Accounts(this.sql)
    const kinds = matchingKinds(accounts, filter)
    const range = this.range(filter)
    const wanted = Math.min(limit, MAX_LISTED)
    const page = { from: range.from, to: Math.min(range.to, before ?? range.to) }
    const { seqs, next } = this.find(kinds, page, 'DESC', wanted, position)
    const letters = accounts.kinds.filter(({ kind }) => kind !== HIDDEN)
    const byReason: Record<string, number> = {}
    for (const { reason, letters: count } of letters) if (count > 0) byReason[reason] = (byReason[reason] ?? 0) + count
    const { kept, replayed, dropped, expired, overflowed } = accounts.totals
    return {
      count: letters.reduce((sum, kind) => sum + kind.letters, 0),
      byReason: Object.fromEntries(Object.entries(byReason).sort(([a], [b]) => (a < b ? -1 : 1))),
      totals: { kept, replayed, dropped, expired, overflowed },
      oldestKeptMs: this.oldestKeptMs(letters.map(({ kind }) => kind)),
      matching: this.count(accounts, filter),
      letters: seqs.map((seq) => this.listed(this.row(seq), LISTED_PAYLOAD_UNITS)),
      ...(next !== undefined && { next }),
    }
  }

  /** One letter with all that is kept of its payload. */
  get(id: string): ListedLetter | undefined {
    const [row] = this.sql.all<LetterRow>('SELECT * FROM dead_letter WHERE id = ? AND kind <> ?', id, HIDDEN)
    return row && this.listed(row, row.payload.length)
  }

  /** How many letters fit a filter, from `after` on, without the row itself, up to `upTo`. */
  count(accounts: Accounts, filter: LetterFilter, after = 0, upTo = Number.MAX_SAFE_INTEGER): number {
    const kinds = matchingKinds(accounts, filter)
    const { from, to } = this.range(filter)
    const isAll = filter.sinceMs === undefined && filter.untilMs === undefined
    if (isAll && after === 0 && upTo >= accounts.totals.last_seq) {
      return accounts.kinds.filter(({ kind }) => kinds.includes(kind)).reduce((sum, { letters }) => sum + letters, 0)
    }
    let sum = 0
    for (const kind of kinds) {
      const [row] = this.sql.all<{ n: number }>(
        'SELECT count(*) AS n FROM dead_letter WHERE kind = ? AND seq >= ? AND seq < ?',
        ...[kind, Math.max(from, after + 1), Math.min(to, upTo + 1)],
      )
      sum += row?.n ?? 0
    }
    return sum
  }

  /** The oldest letters of a filter, as much as one delivery should hold; and those among them that no replay can take. */
  take(
    filter: LetterFilter & { readonly position?: string },
    { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
  ): {
    readonly letters: TakenLetter[]
    readonly notReplayable: number
    readonly last: number
    readonly isDone: boolean
  } {
    const range = this.range(filter)
    const page = { from: Math.max(range.from, after + 1), to: Math.min(range.to, upTo + 1) }
    const kinds = matchingKinds(new Accounts(this.sql), filter)
    const { seqs, next } = this.find(kinds, page, 'ASC', Math.min(limit, MAX_LISTED), filter.position)
    const letters: TakenLetter[] = []
    let notReplayable = 0
    let bytes = 0
    let last = after
    for (const seq of seqs) {
      const row = this.row(seq)
      if (bytes > 0 && bytes + row.bytes > MAX_TAKEN_BYTES) return { letters, notReplayable, last, isDone: false }
      bytes += row.bytes
      last = seq
      if (isReplayable({ ...row, payloadUnits: row.payload_units })) letters.push(taken(row))
      else notReplayable++
    }
    return { letters, notReplayable, last: next ?? last, isDone: next === undefined }
  }

  /** Letters by their ids; those that are not there any more are left out. */
  takeIds(ids: readonly string[]): { readonly letters: TakenLetter[]; readonly notReplayable: number } {
    const rows = ids.flatMap((id) =>
      this.sql.all<LetterRow>('SELECT * FROM dead_letter WHERE id = ? AND kind <> ?', id, HIDDEN),
    )
    const good = rows.filter((row) => isReplayable({ ...row, payloadUnits: row.payload_units }))
    return { letters: good.map(taken), notReplayable: rows.length - good.length }
  }

  /** The rows of some kinds in the order of `seq`: as many of each as are asked for, merged. */
  seqs(kinds: readonly number[], { from, to }: Range, order: 'ASC' | 'DESC', limit: number): number[] {
    const all = kinds.flatMap((kind) =>
      this.sql
        .all<{ seq: number }>(
          `SELECT seq FROM dead_letter WHERE kind = ? AND seq >= ? AND seq < ? ORDER BY seq ${order} LIMIT ?`,
          ...[kind, from, to, limit],
        )
        .map(({ seq }) => seq),
    )
    return all.sort((a, b) => (order === 'ASC' ? a - b : b - a)).slice(0, limit)
  }

  /** A page of rows, and where the next begins if there may be more. */
  private find(
    kinds: readonly number[],
    range: Range,
    order: 'ASC' | 'DESC',
    limit: number,
    position: string | undefined,
  ): { readonly seqs: number[]; readonly next?: number } {
    if (limit === 0) return { seqs: [] }
    if (position === undefined) {
      const more = this.seqs(kinds, range, order, limit + 1)
      const seqs = more.slice(0, limit)
      return more.length > limit ? { seqs, next: seqs.at(-1) as number } : { seqs }
    }
    const found: number[] = []
    const scanned = this.seqs(kinds, range, order, MAX_SCANNED)
    for (const seq of scanned) {
      const [row] = this.sql.all<{ position: string | null }>('SELECT position FROM dead_letter WHERE seq = ?', seq)
      if (!row?.position?.startsWith(position)) continue
      found.push(seq)
      if (found.length === limit) return seq === scanned.at(-1) ? { seqs: found } : { seqs: found, next: seq }
    }
    return scanned.length < MAX_SCANNED ? { seqs: found } : { seqs: found, next: scanned.at(-1) as number }
  }

  private row(seq: number): LetterRow {
    const [row] = this.sql.all<LetterRow>('SELECT * FROM dead_letter WHERE seq = ?', seq)
    if (row === undefined) throw new Error(`dead letter ${seq} is missing from its table`)
    return row
  }

  /** The rows of a span of time. */
  range({ sinceMs, untilMs }: LetterFilter): Range {
    return {
      from: sinceMs === undefined ? 0 : this.firstAt(sinceMs),
      to: untilMs === undefined ? Number.MAX_SAFE_INTEGER : this.firstAt(untilMs),
    }
  }

  /** The first row that was kept at `ms` or later, by halving: time rises with `seq`, so it needs no index of its own. */
  firstAt(ms: number): number {
    let low = 1
    let high = new Accounts(this.sql).totals.last_seq + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const [row] = this.sql.all<{ seq: number; kept_ms: number }>(
        'SELECT seq, kept_ms FROM dead_letter WHERE seq >= ? ORDER BY seq LIMIT 1',
        middle,
      )
      if (row !== undefined && row.kept_ms < ms) low = row.seq + 1
      else high = middle
    }
    return low
  }

  private oldestKeptMs(kinds: readonly number[]): number | null {
    const [first] = this.seqs(kinds, { from: 0, to: Number.MAX_SAFE_INTEGER }, 'ASC', 1)
    return first === undefined ? null : this.row(first).kept_ms
  }

  private listed(row: LetterRow, units: number): ListedLetter {
    const { id, reason, field, message, payload, payload_units: payloadUnits, position, times } = row
    return {
      id,
      source: this.source,
      reason,
      ...(field !== '' && { field }),
      message,
      payload: payload.slice(0, units),
      payloadUnits,
      replayable: isReplayable({ reason, payload, payloadUnits }),
      ...present('position', position),
      ...present('eventId', row.event_id),
      ...present('eventTimeMs', row.event_time_ms),
      arrivalMs: row.arrival_ms,
      keptMs: row.kept_ms,
      by: Object.keys(JSON.parse(row.by) as object),
      times,
    }
  }
}

function taken({ id, payload, event_id, position, undecoded, imported }: LetterRow): TakenLetter {
  const origin = { ...present('eventId', event_id), ...present('position', position) }
  return {
    ...{ id, payload, ...origin },
    ...(undecoded === 1 && { undecoded: true }),
    ...(imported !== null && { imported: imported === '' ? null : Number(imported) }),
  }
}

function present<Name extends string, Value extends SqlValue>(
  name: Name,
  value: Value,
): { [key in Name]?: NonNullable<Value> } {
  return value === null ? {} : ({ [name]: value } as { [key in Name]: NonNullable<Value> })
}

/** The kinds that a filter names and that have letters. */
export function matchingKinds(accounts: Accounts, { reason, field }: LetterFilter): number[] {
  return accounts.kinds
    .filter((kind) => kind.kind !== HIDDEN && kind.letters > 0)
    .filter((kind) => (reason === undefined || kind.reason === reason) && (field === undefined || kind.field === field))
    .map(({ kind }) => kind)
}
