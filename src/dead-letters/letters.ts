import { Accounts, HIDDEN, type Totals } from './accounts.ts'
import { type DeadLetter, letterId } from './letter.ts'
import type { LetterLimits } from './limits.ts'
import { type LetterFilter, LetterReader, matchingKinds, type TakenLetter } from './reader.ts'
import { type LetterRow, openTables, type Sql } from './sql.ts'

/** Rows that one call lets go at most: some tenths of a second. */
const REMOVED_ROWS = 5_000

type Known = Pick<LetterRow, 'seq' | 'kind' | 'times' | 'by' | 'bytes' | 'reason' | 'field'>
type Removed = Pick<LetterRow, 'seq' | 'kind' | 'bytes'>

export interface DropRequest extends LetterFilter {
  /** How many letters the asker believes that there are: another number drops nothing. */
  readonly confirm?: number
  /** Letters that came later stay: from the answer of the call before. */
  readonly upTo?: number
}

export type DropAnswer =
  | { readonly dropped: number; readonly remaining: number; readonly upTo: number }
  | { readonly count: number }

/** Where a replay is: after which row, and the last row there was when it began. */
export interface ReplayCursor {
  readonly after: number
  readonly upTo: number
}

export interface TakeRequest extends LetterFilter {
  readonly position?: string
  readonly limit: number
  /** Absent: from the oldest. */
  readonly cursor?: ReplayCursor
}

/** Letters for one delivery. */
export interface TakenLetters {
  readonly letters: readonly TakenLetter[]
  /** Letters passed over, because no replay can take them. */
  readonly notReplayable: number
  /** Letters of the filter behind these; with a position in the filter, at most so many. */
  readonly remaining: number
  /** Where to go on; absent at the end. */
  readonly cursor?: ReplayCursor
}

/**
 * The refused events of one source in one region, kept until they are replayed, dropped by a person, or let go for age or
 * number. An event that went to several shards is a letter once all of them refused it: what one shard took was counted.
 * Nothing here waits, and each change is one transaction.
 */
export class Letters {
  readonly reader: LetterReader
  private readonly sql: Sql
  private readonly limits: LetterLimits

  constructor(sql: Sql, source: string, limits: LetterLimits) {
    openTables(sql)
    this.sql = sql
    this.limits = limits
    this.reader = new LetterReader(sql, source)
  }

  /** Keeps letters. The same letter again is kept once; when it came again, its newest reason counts. */
  add(letters: readonly DeadLetter[], nowMs: number): void {
    this.change((accounts) => {
      for (const letter of letters) this.keep(accounts, letter, nowMs)
      this.relieve(accounts, letters.length + REMOVED_ROWS)
    })
  }

  private keep(accounts: Accounts, letter: DeadLetter, nowMs: number): void {
    const id = letterId(letter)
    const [known] = this.sql.all<Known>(
      'SELECT seq, kind, times, by, bytes, reason, field FROM dead_letter WHERE id = ?',
      id,
    )
    const refusers: Record<string, number> = known ? (JSON.parse(known.by) as Record<string, number>) : {}
    refusers[letter.by] = roundOf(known?.times ?? 0, refusers, letter.by)
    const isDead =
      // A conflict is one also where other shards, which did not know the id, took the event.
      Object.keys(refusers).length >= letter.fanout || letter.reason === 'conflict'
    if (known === undefined) this.insert(accounts, id, letter, refusers, isDead, nowMs)
    else this.update(accounts, known, letter, refusers, isDead)
  }

  private insert(
    accounts: Accounts,
    id: string,
    letter: DeadLetter,
    refusers: Readonly<Record<string, number>>,
    isDead: boolean,
    nowMs: number,
  ): void {
    const { reason, field = '', message, payload, payloadUnits, arrivalMs, position, eventTimeMs } = letter
    const kind = isDead ? accounts.kindOf(reason, field) : HIDDEN
    const bytes = utf8.encode(payload).length
    const { seq, keptMs } = accounts.next(nowMs)
    this.sql.all(
      'INSERT INTO dead_letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[seq, id, kind, keptMs, arrivalMs, eventTimeMs ?? null, 1, JSON.stringify(refusers), reason, field],
      ...[message, position ?? null, letter.id ?? null, letter.undecoded ? 1 : 0, payloadUnits, bytes, payload],
      letter.imported === undefined ? null : String(letter.imported ?? ''),
    )
    accounts.add(kind, 1, bytes)
    if (isDead) accounts.totals.kept++
  }

  private update(
    accounts: Accounts,
    known: Known,
    letter: DeadLetter,
    refusers: Readonly<Record<string, number>>,
    isDead: boolean,
  ): void {
    const times = Math.max(...Object.values(refusers))
    const isNews = times > known.times || (letter.reason === 'conflict' && known.reason !== 'conflict')
    const reason = isNews ? letter.reason : known.reason
    const field = isNews ? (letter.field ?? '') : known.field
    const kind = isDead || known.kind !== HIDDEN ? accounts.kindOf(reason, field) : HIDDEN
    this.sql.all(
      'UPDATE dead_letter SET kind = ?, times = ?, by = ?, reason = ?, field = ? WHERE seq = ?',
      ...[kind, times, JSON.stringify(refusers), reason, field, known.seq],
    )
    if (isNews) this.sql.all('UPDATE dead_letter SET message = ? WHERE seq = ?', letter.message, known.seq)
    if (kind === known.kind) return
    accounts.add(known.kind, -1, -known.bytes)
    accounts.add(kind, 1, known.bytes)
    if (known.kind === HIDDEN) accounts.totals.kept++
  }

  /** The oldest letters that a replay has not seen yet. */
  take({ limit, cursor, ...filter }: TakeRequest): TakenLetters {
    const accounts = new Accounts(this.sql)
    const { after, upTo } = cursor ?? { after: 0, upTo: accounts.totals.last_seq }
    const { letters, notReplayable, last, isDone } = this.reader.take(filter, { after, upTo, limit })
    if (isDone) return { letters, notReplayable, remaining: 0 }
    const remaining = this.reader.count(accounts, filter, last, upTo)
    return { letters, notReplayable, remaining, cursor: { after: last, upTo } }
  }

  /** Lets go letters that a replay counted, or found counted. Those that are gone already are no mistake. */
  replayed(ids: readonly string[]): void {
    this.removeIds(ids, 'replayed')
  }

  /** Drops letters by id; how many of them there were. */
  dropIds(ids: readonly string[]): number {
    return this.removeIds(ids, 'dropped')
  }

  /** Drops the letters of a filter, some thousands a call; or says how many there are, when that is not what was confirmed. */
  drop({ confirm, upTo, ...filter }: DropRequest): DropAnswer {
    return this.change((accounts) => {
      const last = upTo ?? accounts.totals.last_seq
      const count = this.reader.count(accounts, filter, 0, last)
      if (confirm !== undefined && confirm !== count) return { count }
      const { from, to } = this.reader.range(filter)
      const range = { from, to: Math.min(to, last + 1) }
      const seqs = this.reader.seqs(matchingKinds(accounts, filter), range, 'ASC', REMOVED_ROWS)
      const dropped = this.remove(
        accounts,
        seqs.flatMap((seq) => this.removable('seq = ?', seq)),
        'dropped',
      )
      return { dropped, remaining: count - dropped, upTo: last }
    })
  }

  /** Lets go what is too old or too much, some thousands a call. When to come back, ms; null when nothing is kept. */
  expire(nowMs: number): number | null {
    const { retentionMs } = this.limits
    const end = this.reader.firstAt(nowMs - retentionMs)
    const isMore = this.change((accounts) => {
      const old = this.removable('seq < ? ORDER BY seq LIMIT ?', end, REMOVED_ROWS)
      this.remove(accounts, old, 'expired')
      return this.relieve(accounts, REMOVED_ROWS) || old.length === REMOVED_ROWS
    })
    if (isMore) return nowMs
    const [oldest] = this.sql.all<{ kept_ms: number }>('SELECT kept_ms FROM dead_letter ORDER BY seq LIMIT 1')
    return oldest === undefined ? null : oldest.kept_ms + retentionMs
  }

  /** Lets go the oldest while there are too many or too much, at most so many rows; whether there still are. */
  private relieve(accounts: Accounts, most: number): boolean {
    let { letters, bytes } = accounts.size
    const isOver = () => letters > this.limits.letters || bytes > this.limits.bytes
    const gone: Removed[] = []
    for (let after = 0; isOver() && gone.length < most; ) {
      const rows = this.removable('seq > ? ORDER BY seq LIMIT 100', after)
      if (rows.length === 0) break
      for (const row of rows) {
        if (!isOver() || gone.length >= most) break
        gone.push(row)
        after = row.seq
        letters--
        bytes -= row.bytes
      }
    }
    if (gone.length > 0) this.remove(accounts, gone, 'overflowed')
    return isOver()
  }

  private removable(where: string, ...bindings: (string | number)[]): Removed[] {
    return this.sql.all<Removed>(`SELECT seq, kind, bytes FROM dead_letter WHERE ${where}`, ...bindings)
  }

  private removeIds(ids: readonly string[], why: 'replayed' | 'dropped'): number {
    return this.change((accounts) => {
      const rows = [...new Set(ids)].flatMap((id) => this.removable('id = ? AND kind <> 0', id))
      return this.remove(accounts, rows, why)
    })
  }

  /** Deletes rows and counts the letters among them: what is no letter yet counts nowhere. */
  private remove(accounts: Accounts, rows: readonly Removed[], why: Exclude<keyof Totals, 'kept'>): number {
    let letters = 0
    for (const { seq, kind, bytes } of rows) {
      this.sql.all('DELETE FROM dead_letter WHERE seq = ?', seq)
      accounts.add(kind, -1, -bytes)
      if (kind !== HIDDEN) letters++
    }
    accounts.totals[why] += letters
    return letters
  }

  private change<T>(work: (accounts: Accounts) => T): T {
    return this.sql.transaction(() => {
      const accounts = new Accounts(this.sql)
      const result = work(accounts)
      accounts.save()
      return result
    })
  }
}

/**
 * The how manieth coming of its event this refusal is about. Shards refuse one coming together, so a shard that is heard for
 * the first time joins the others; one that was heard is the sender trying again (or the shard: it cannot tell either). The
 * door refuses instead of the shards: what it refuses, and what shards refuse after it, is a new coming.
 */
function roundOf(current: number, refusers: Readonly<Record<string, number>>, by: string): number {
  if (current === 0 || by === DOOR || refusers[DOOR] === current) return current + 1
  const own = refusers[by]
  return own === undefined ? current : Math.max(own + 1, current)
}

const DOOR = 'door'
const utf8 = new TextEncoder()
