export type SqlValue = string | number | null

/** A synchronous SQLite: a Durable Object's, or one in memory. */
export interface Sql {
  /** Runs a statement and gives its rows. */
  all<Row extends Record<string, SqlValue>>(statement: string, ...bindings: readonly SqlValue[]): Row[]
  /** All of `work`, or nothing of it. Not nested. */
  transaction<T>(work: () => T): T
}

/** A letter as its row has it; `kind` is its place in the accounts. */
export interface LetterRow extends Record<string, SqlValue> {
  readonly seq: number
  readonly id: string
  readonly kind: number
  readonly kept_ms: number
  readonly arrival_ms: number
  readonly event_time_ms: number | null
  readonly times: number
  /** JSON: how often each door or shard refused it. */
  readonly by: string
  readonly reason: string
  /** Empty: none. */
  readonly field: string
  readonly message: string
  readonly position: string | null
  readonly event_id: string | null
  /** 1: the payload is not yet an event. */
  readonly undecoded: number
  readonly payload_units: number
  readonly bytes: number
  readonly payload: string
  /** Of imported history from when on it could be known, ms, or nothing where its import named no rule; null of what arrived. */
  readonly imported: string | null
}

/**
 * Makes the tables. `seq` rises with `kept_ms`, so a range of time is a range of `seq`, and the index of `kind` (SQLite ends
 * each entry with the row's `seq`) gives the letters of a reason in their order. A letter is three rows written: itself, its
 * id, its kind.
 */
export function openTables(sql: Sql): void {
  sql.all(
    `CREATE TABLE IF NOT EXISTS dead_letter (
       seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, kept_ms INTEGER NOT NULL,
       arrival_ms INTEGER NOT NULL, event_time_ms INTEGER, times INTEGER NOT NULL, by TEXT NOT NULL,
       reason TEXT NOT NULL, field TEXT NOT NULL, message TEXT NOT NULL, position TEXT, event_id TEXT, undecoded INTEGER NOT NULL,
       payload_units INTEGER NOT NULL, bytes INTEGER NOT NULL, payload TEXT NOT NULL, imported TEXT)`,
  )
  // Tables of before do not have it.
  if (sql.all(`SELECT 1 FROM pragma_table_info('dead_letter') WHERE name = 'imported'`).length === 0)
    sql.all('ALTER TABLE dead_letter ADD COLUMN imported TEXT')
  sql.all('CREATE INDEX IF NOT EXISTS dead_letter_kind ON dead_letter (kind)')
  sql.all(
    `CREATE TABLE IF NOT EXISTS kind (
       kind INTEGER PRIMARY KEY, reason TEXT NOT NULL, field TEXT NOT NULL, letters INTEGER NOT NULL, bytes INTEGER NOT NULL)`,
  )
  sql.all(
    `CREATE TABLE IF NOT EXISTS totals (
       one INTEGER PRIMARY KEY, kept INTEGER NOT NULL, replayed INTEGER NOT NULL, dropped INTEGER NOT NULL,
       expired INTEGER NOT NULL, overflowed INTEGER NOT NULL, last_seq INTEGER NOT NULL, last_ms INTEGER NOT NULL)`,
  )
  sql.all(`INSERT OR IGNORE INTO kind VALUES (0, '', '', 0, 0)`)
  sql.all('INSERT OR IGNORE INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0)')
  if (sql.all(`SELECT name FROM sqlite_master WHERE name = 'letter'`).length > 0) sql.transaction(() => takeOver(sql))
}

/** Letters as version 0.1.0 kept them: one table, everything but the counters in a column of JSON. */
function takeOver(sql: Sql): void {
  sql.all(
    `INSERT INTO dead_letter
     SELECT seq, id, 0, max(body ->> '$.arrivalMs') OVER (ORDER BY seq), body ->> '$.arrivalMs', NULL, times, by, reason,
       coalesce(body ->> '$.field', ''), body ->> '$.message', NULL, NULL, 0, body ->> '$.payloadUnits',
       length(CAST(body ->> '$.payload' AS BLOB)), body ->> '$.payload', NULL
     FROM letter`,
  )
  sql.all(
    `INSERT INTO kind SELECT row_number() OVER (), * FROM (
       SELECT d.reason, d.field, count(*), sum(d.bytes)
       FROM dead_letter d JOIN letter l ON l.seq = d.seq WHERE l.dead = 1 GROUP BY d.reason, d.field)`,
  )
  sql.all(
    `UPDATE dead_letter SET kind = (SELECT kind FROM kind k WHERE k.reason = dead_letter.reason AND k.field = dead_letter.field)
     WHERE seq IN (SELECT seq FROM letter WHERE dead = 1)`,
  )
  sql.all(
    `UPDATE kind SET letters = (SELECT count(*) FROM dead_letter WHERE kind = 0),
       bytes = (SELECT coalesce(sum(bytes), 0) FROM dead_letter WHERE kind = 0) WHERE kind = 0`,
  )
  sql.all(
    `UPDATE totals SET kept = (SELECT count(*) FROM letter WHERE dead = 1),
       last_seq = (SELECT coalesce(max(seq), 0) FROM dead_letter), last_ms = (SELECT coalesce(max(kept_ms), 0) FROM dead_letter)`,
  )
  sql.all('DROP TABLE letter')
}
