import { DurableObject } from 'cloudflare:workers'
import {
  DEFAULT_LIMITS,
  type DeadLetter,
  type DropAnswer,
  type DropRequest,
  type LetterList,
  Letters,
  type ListedLetter,
  type ListRequest,
  parseLimits,
  type Sql,
  type SqlValue,
  type TakenLetters,
  type TakeRequest,
} from '../src/dead-letters/index.ts'

/** What the dead letters need of their Worker. */
export interface DeadLettersEnv {
  /** JSON: `{ "days": 30, "letters": 1000000, "bytes": 536870912 }`, any of them; absent: these. */
  readonly DEAD_LETTER_LIMITS?: string
}

/** Old letters go a few at a time, with room for requests between. */
const PAUSE_MS = 1_000
/** Nothing is lost by a letter that stays an hour longer; an alarm an hour is cheaper than one a letter. */
const LEAST_WAIT_MS = 3_600_000

/** The refused events of one source in one region, `region/source`: storage, alarm and RPC; every rule is in `src/dead-letters`. */
export class DeadLetters extends DurableObject<DeadLettersEnv> {
  private readonly letters: Letters
  private isArmed = false

  constructor(ctx: DurableObjectState, env: DeadLettersEnv) {
    super(ctx, env)
    const name = ctx.id.name ?? ''
    const limits = parseLimits(env.DEAD_LETTER_LIMITS)
    // Letters matter more than how many: a mistyped variable must not keep a refused event from being kept.
    if (typeof limits === 'string') console.error(`${name}: ${limits} The default limits hold.`)
    const source = name.slice(name.indexOf('/') + 1)
    this.letters = new Letters(sqlOf(ctx.storage), source, typeof limits === 'string' ? DEFAULT_LIMITS : limits)
  }

  /** Keeps letters; the answer leaves when they are durable. */
  async add(letters: readonly DeadLetter[]): Promise<void> {
    this.letters.add(letters, Date.now())
    if (this.isArmed) return
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + LEAST_WAIT_MS)
    this.isArmed = true
  }

  list(request: ListRequest): LetterList {
    return this.letters.reader.list(request)
  }

  /** One letter with all that is kept of its payload; null when there is none. */
  get(id: string): ListedLetter | null {
    return this.letters.reader.get(id) ?? null
  }

  take(request: TakeRequest): TakenLetters {
    return this.letters.take(request)
  }

  takeIds(ids: readonly string[]): Pick<TakenLetters, 'letters' | 'notReplayable'> {
    return this.letters.reader.takeIds(ids)
  }

  replayed(ids: readonly string[]): void {
    this.letters.replayed(ids)
  }

  drop(request: DropRequest): DropAnswer {
    return this.letters.drop(request)
  }

  dropIds(ids: readonly string[]): number {
    return this.letters.dropIds(ids)
  }

  override async alarm(): Promise<void> {
    const nowMs = Date.now()
    let nextMs: number | null = nowMs + LEAST_WAIT_MS
    try {
      nextMs = this.letters.expire(nowMs)
    } catch (cause) {
      console.error(`${this.ctx.id.name}: old letters stay: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
    this.isArmed = nextMs !== null
    if (nextMs === null) return
    await this.ctx.storage.setAlarm(nextMs <= nowMs ? nowMs + PAUSE_MS : Math.max(nextMs, nowMs + LEAST_WAIT_MS))
  }
}

function sqlOf(storage: DurableObjectStorage): Sql {
  return {
    all: <Row extends Record<string, SqlValue>>(statement: string, ...bindings: readonly SqlValue[]) =>
      storage.sql.exec<Row>(statement, ...bindings).toArray(),
    transaction: (work) => storage.transactionSync(work),
  }
}
