/**
 * libSQL's protocol over HTTP (Hrana 2, JSON: `POST /v2/pipeline`) on a local database file, with the real libSQL engine
 * of the npm package `libsql`. For tests: an emulator of a Turso server, as far as `@libsql/client` speaks to one. Not here:
 * Protobuf, cursors, WebSockets, replicas.
 */
import { randomUUID } from 'node:crypto'
import Database from 'libsql'

type Value =
  | { readonly type: 'null' }
  | { readonly type: 'integer'; readonly value: string }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'blob'; readonly base64: string }

interface Stmt {
  readonly sql?: string
  readonly sql_id?: number
  readonly args?: readonly Value[]
  readonly named_args?: readonly { readonly name: string; readonly value: Value }[]
  readonly want_rows?: boolean
}

type Condition =
  | { readonly type: 'ok' | 'error'; readonly step: number }
  | { readonly type: 'not'; readonly cond: Condition }
  | { readonly type: 'and' | 'or'; readonly conds: readonly Condition[] }
  | { readonly type: 'is_autocommit' }

interface Step {
  readonly stmt: Stmt
  readonly condition?: Condition | null
}

interface StreamRequest {
  readonly type: string
  readonly stmt?: Stmt
  readonly batch?: { readonly steps: readonly Step[] }
  readonly sql?: string
  readonly sql_id?: number
}

export interface Pipeline {
  readonly baton?: string | null
  readonly requests: readonly StreamRequest[]
}

interface HranaError {
  readonly message: string
  readonly code: string
}

/** A connection that lives from one request of its client to the next. */
class Stream {
  readonly db: Database.Database
  private readonly texts = new Map<number, string>()

  constructor(file: string) {
    // Never waits for a lock: the wait would hold up the one thread, and with it whoever has the lock.
    this.db = new Database(file, { timeout: 0 })
  }

  close(): void {
    if (this.db.inTransaction) this.db.exec('rollback')
    this.db.close()
  }

  serve(request: StreamRequest): unknown {
    switch (request.type) {
      case 'execute':
        return { type: 'execute', result: this.execute(request.stmt ?? {}) }
      case 'batch':
        return { type: 'batch', result: this.batch(request.batch?.steps ?? []) }
      case 'sequence':
        this.db.exec(this.textOf(request))
        return { type: 'sequence' }
      case 'describe':
        return { type: 'describe', result: this.describe(this.textOf(request)) }
      case 'store_sql':
        this.texts.set(request.sql_id ?? 0, request.sql ?? '')
        return { type: 'store_sql' }
      case 'close_sql':
        this.texts.delete(request.sql_id ?? 0)
        return { type: 'close_sql' }
      case 'get_autocommit':
        return { type: 'get_autocommit', is_autocommit: !this.db.inTransaction }
      case 'close':
        return { type: 'close' }
      default:
        throw Object.assign(new Error(`unknown request ${request.type}`), { code: 'PROTOCOL_ERROR' })
    }
  }

  private execute(stmt: Stmt): unknown {
    const statement = this.db.prepare(this.textOf(stmt))
    const args = argumentsOf(stmt)
    if (!statement.reader) {
      const { changes, lastInsertRowid } = statement.run(...args)
      return { cols: [], rows: [], affected_row_count: changes, last_insert_rowid: String(lastInsertRowid) }
    }
    const rows = statement
      .raw(true)
      .safeIntegers(true)
      .all(...args) as unknown[][]
    const cols = statement.columns().map(({ name, type }) => ({ name, decltype: type }))
    return { cols, rows: rows.map((row) => row.map(encode)), affected_row_count: 0, last_insert_rowid: null }
  }

  private batch(steps: readonly Step[]): unknown {
    const results: unknown[] = steps.map(() => null)
    const errors: (HranaError | null)[] = steps.map(() => null)
    const holds = (condition: Condition): boolean => {
      switch (condition.type) {
        case 'ok':
          return results[condition.step] !== null
        case 'error':
          return errors[condition.step] !== null
        case 'not':
          return !holds(condition.cond)
        case 'and':
          return condition.conds.every(holds)
        case 'or':
          return condition.conds.some(holds)
        case 'is_autocommit':
          return !this.db.inTransaction
      }
    }
    for (const [i, { stmt, condition }] of steps.entries()) {
      if (condition && !holds(condition)) continue
      try {
        results[i] = this.execute(stmt)
      } catch (error) {
        errors[i] = errorOf(error)
      }
    }
    return { step_results: results, step_errors: errors }
  }

  private describe(sql: string): unknown {
    const statement = this.db.prepare(sql)
    const cols = statement.reader ? statement.columns().map(({ name, type }) => ({ name, decltype: type })) : []
    return { params: [], cols, is_explain: /^\s*explain/i.test(sql), is_readonly: statement.reader }
  }

  private textOf({ sql, sql_id }: Pick<Stmt, 'sql' | 'sql_id'>): string {
    const text = sql ?? this.texts.get(sql_id ?? -1)
    if (text === undefined) throw Object.assign(new Error(`no SQL text ${sql_id}`), { code: 'SQL_NO_TEXT' })
    return text
  }
}

/** Serves the pipelines of one database file. */
export class HranaDatabase {
  private readonly file: string
  /** By the baton that its client holds. */
  private readonly streams = new Map<string, Stream>()

  constructor(file: string) {
    this.file = file
    const db = new Database(file)
    // A kill of the process loses nothing that was answered.
    db.exec('pragma journal_mode = wal')
    db.close()
  }

  /** Undefined when the baton is of no stream. */
  serve({ baton, requests }: Pipeline): object | undefined {
    const stream = baton ? this.streams.get(baton) : new Stream(this.file)
    if (stream === undefined) return undefined
    if (baton) this.streams.delete(baton)
    const results = requests.map((request) => {
      try {
        return { type: 'ok', response: stream.serve(request) }
      } catch (error) {
        return { type: 'error', error: errorOf(error) }
      }
    })
    if (requests.some(({ type }) => type === 'close')) {
      stream.close()
      return { baton: null, base_url: null, results }
    }
    const next = randomUUID()
    this.streams.set(next, stream)
    return { baton: next, base_url: null, results }
  }

  close(): void {
    for (const stream of this.streams.values()) stream.close()
    this.streams.clear()
  }
}

function argumentsOf({ args = [], named_args = [] }: Stmt): unknown[] {
  if (named_args.length === 0) return args.map(decode)
  return [Object.fromEntries(named_args.map(({ name, value }) => [name.replace(/^[:@$]/, ''), decode(value)]))]
}

function decode(value: Value): unknown {
  switch (value.type) {
    case 'null':
      return null
    case 'integer':
      return BigInt(value.value)
    case 'blob':
      return Buffer.from(value.base64, 'base64')
    default:
      return value.value
  }
}

function encode(value: unknown): Value {
  if (value === null || value === undefined) return { type: 'null' }
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) }
  if (typeof value === 'number') return { type: 'float', value }
  if (typeof value === 'string') return { type: 'text', value }
  // Without padding, as libSQL's own server writes it.
  return {
    type: 'blob',
    base64: Buffer.from(value as Uint8Array)
      .toString('base64')
      .replace(/=+$/, ''),
  }
}

function errorOf(error: unknown): HranaError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'INTERNAL_ERROR'
  return { message: error instanceof Error ? error.message : String(error), code }
}
