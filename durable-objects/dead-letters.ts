import { DurableObject } from 'cloudflare:workers'
import type { DeadLetter } from '../src/shard/index.ts'
import { murmur128Hex } from '../src/util/murmur3.ts'

/** A letter as a person reads it. */
export interface ListedLetter extends Omit<DeadLetter, 'fanout' | 'by' | 'payloadHash'> {
  readonly id: string
  /** Doors or shards that refused it. */
  readonly by: readonly string[]
  /** How often it came. */
  readonly times: number
}

export interface LetterList {
  readonly count: number
  readonly byReason: Readonly<Record<string, number>>
  /** Newest first. */
  readonly letters: readonly ListedLetter[]
}

type Row = { id: string; by: string; times: number; body: string }

const MAX_LISTED = 1_000
const MAX_LISTED_UNITS = 4 * 1024 * 1024

/**
 * The refused events of one source in one region, kept until a person replays or drops them. An event that went to several
 * shards is listed once, and only when all of them refused it: what one shard took was counted.
 */
export class DeadLetters extends DurableObject<IngestEnv> {
  private readonly sql: SqlStorage

  constructor(ctx: DurableObjectState, env: IngestEnv) {
    super(ctx, env)
    this.sql = ctx.storage.sql
    this.sql.exec(
      `CREATE TABLE IF NOT EXISTS letter (
         seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, dead INTEGER NOT NULL,
         by TEXT NOT NULL, times INTEGER NOT NULL, body TEXT NOT NULL)`,
    )
  }

  /** Keeps letters. The same letter again, from a shard that sends twice or a sender that tries again, is kept once. */
  add(letters: readonly DeadLetter[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const letter of letters) this.addOne(letter)
    })
  }

  private addOne(letter: DeadLetter): void {
    const { by, fanout, payloadHash, ...what } = letter
    const id = murmur128Hex(`${what.source}\n${payloadHash}`)
    const known = this.sql.exec<Row>('SELECT id, by, times, body FROM letter WHERE id = ?', id).toArray()[0]
    const refusers: Record<string, number> = known ? (JSON.parse(known.by) as Record<string, number>) : {}
    refusers[by] = (refusers[by] ?? 0) + 1
    // A second refusal by the same shard is the sender trying again (or the shard: it cannot tell either).
    const times = Math.max(...Object.values(refusers))
    this.sql.exec(
      `INSERT INTO letter (id, reason, dead, by, times, body) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET dead = excluded.dead, by = excluded.by, times = excluded.times`,
      id,
      what.reason,
      // A conflict is one also where other shards, which did not know the id, took the event.
      Object.keys(refusers).length >= fanout || by === 'door' || what.reason === 'conflict' ? 1 : 0,
      JSON.stringify(refusers),
      times,
      JSON.stringify(what),
    )
  }

  /** Counts by reason and the newest letters, at most 1,000 or 4 MB of them. */
  list(limit: number): LetterList {
    const counts = this.sql
      .exec<{ reason: string; count: number }>(
        'SELECT reason, count(*) AS count FROM letter WHERE dead = 1 GROUP BY reason ORDER BY reason',
      )
      .toArray()
    const rows = this.sql
      .exec<Row>(
        'SELECT id, by, times, body FROM letter WHERE dead = 1 ORDER BY seq DESC LIMIT ?',
        Math.min(limit, MAX_LISTED),
      )
      .toArray()
    return {
      count: counts.reduce((sum, { count }) => sum + count, 0),
      byReason: Object.fromEntries(counts.map(({ reason, count }) => [reason, count])),
      letters: withinBytes(rows).map(({ id, by, times, body }) => ({
        id,
        ...(JSON.parse(body) as DeadLetter),
        by: Object.keys(JSON.parse(by) as object),
        times,
      })),
    }
  }
}

/** As many of the first rows as one answer over RPC should hold. */
function withinBytes(rows: readonly Row[]): readonly Row[] {
  let units = 0
  const end = rows.findIndex((row) => {
    units += row.body.length
    return units > MAX_LISTED_UNITS
  })
  return end < 0 ? rows : rows.slice(0, Math.max(1, end))
}
