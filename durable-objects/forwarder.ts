import { DurableObject } from 'cloudflare:workers'
import { regionNamed } from '../src/plan/index.ts'
import {
  DEFAULT_QUEUE_BYTES,
  ForwardQueue,
  forwardedText,
  HeadWatch,
  lettersOfRow,
  type NewRow,
  parseRows,
  type QueueAnswer,
  type QueueStatus,
  type Stuck,
  type TakenRows,
} from '../src/source/index.ts'
import type { App } from './app.ts'
import { Drain, SomeLeft } from './drain.ts'
import type { LetterBoxes } from './letter-box.ts'
import { atRegion, regionLink } from './region-link.ts'
import { sqlQueueStorage } from './sql-queue-storage.ts'

/** What a queue needs of its Worker, besides the bindings to other regions. */
export interface ForwarderEnv {
  readonly REGION: string
  /** Bytes that may wait in one queue; default 268435456. */
  readonly FORWARD_LIMIT_BYTES?: string
  readonly DEAD_LETTERS: LetterBoxes
}

/** The queues of a region, as a Worker is bound to them. */
export interface ForwarderNamespace {
  getByName(name: string): {
    add(rows: string): Promise<QueueAnswer>
    /** Why it has no room for rows of about so many bytes; undefined when it has. */
    full(bytes: number): Promise<string | undefined>
    status(): Promise<ForwarderStatus>
    skip(): Promise<SkipAnswer>
  }
}

/** What an operator sees of a queue. */
export interface ForwarderStatus extends QueueStatus {
  /** Why nothing left when it was last tried. */
  readonly problem?: string
  /** The first row is turned away again and again by a home that answers: a person may {@link SkipAnswer | skip} it. */
  readonly stuck?: Stuck
}

/** What came of taking the first row out of a queue: its events are dead letters of the region that they came in. */
export type SkipAnswer = { readonly skipped: number; readonly status: ForwarderStatus } | { readonly refused: string }

export interface ForwarderName {
  readonly region: string
  readonly source: string
  readonly home: string
}

/** A home that does not answer within this is asked again: it knows what it has. */
const SEND_TIMEOUT_MS = 60_000

export const formatForwarderName = ({ region, source, home }: ForwarderName): string => `${region}/${source}/${home}`

function parseForwarderName(name: string): ForwarderName | undefined {
  const [region, source, home, ...more] = name.split('/')
  return region && source && home && more.length === 0 ? { region, source, home } : undefined
}

/** The queue of one source for one other region as a Durable Object: storage, alarm and RPC; every rule is in `src/source/forward`. */
export function forwarderOf(app: App) {
  return class ForwarderObject<Env extends ForwarderEnv> extends DurableObject<Env> {
    private readonly at: ForwarderName
    private readonly queue: ForwardQueue
    private readonly drain: Drain
    private readonly head = new HeadWatch()
    private problem: string | undefined
    /** Sending and skipping take rows out, each those that it has looked at: never side by side. */
    private turn: Promise<unknown> = Promise.resolve()

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      const at = parseForwarderName(ctx.id.name ?? '')
      if (at === undefined) throw new Error(`a queue is named region/source/home, not ${ctx.id.name}`)
      // Throws for a region that regions.ts does not name: nobody would ask this queue how it does.
      regionNamed(app.regions, at.region)
      this.at = at
      this.queue = new ForwardQueue({
        storage: sqlQueueStorage(ctx.storage),
        from: at.region,
        home: at.home,
        now: () => Date.now(),
        maxBytes: Number(env.FORWARD_LIMIT_BYTES) || DEFAULT_QUEUE_BYTES,
      })
      this.drain = new Drain({
        storage: ctx.storage,
        name: `${ctx.id.name}`,
        isEmpty: () => this.queue.isEmpty,
        send: () => this.inTurn(() => this.send()),
      })
      // Left by a process that ended between a batch and its drain.
      this.ctx.waitUntil(this.drain.run())
    }

    /** Puts rows into the queue; the answer leaves when they are durable (the output gate waits for the write). */
    add(rows: string): QueueAnswer {
      const answer = this.queue.add(parseRows<NewRow>(rows))
      this.ctx.waitUntil(this.drain.run())
      return answer
    }

    full(bytes: number): string | undefined {
      return this.queue.full(bytes)
    }

    status(): ForwarderStatus {
      const stuck = this.head.stuck(Date.now())
      return {
        ...this.queue.status,
        ...(this.problem !== undefined && { problem: this.problem }),
        ...(stuck && { stuck }),
      }
    }

    /** Takes the first row out, once it is known to be stuck: durable as dead letters before it is gone here. */
    async skip(): Promise<SkipAnswer> {
      return await this.inTurn(async () => {
        const { region, source, home } = this.at
        const row = this.queue.first()
        if (row === undefined || !this.head.stuck(Date.now()))
          return { refused: `Nothing in the queue of ${source} for ${home} is stuck: what waits is tried again.` }
        const why = `region ${home} did not take it, again and again: ${this.problem ?? 'it did not say why'}`
        await this.env.DEAD_LETTERS.getByName(`${region}/${source}`).add(lettersOfRow(source, row, why))
        this.queue.taken(1)
        this.head.forget()
        this.problem = undefined
        this.ctx.waitUntil(this.drain.run())
        return { skipped: row.count, status: this.status() }
      })
    }

    private inTurn<T>(work: () => Promise<T>): Promise<T> {
      const mine = this.turn.then(work)
      this.turn = mine.catch(() => {})
      return mine
    }

    private async send(): Promise<void> {
      const sent = this.queue.take()
      if (sent === undefined) return
      try {
        const taken = await this.ask(sent.text, sent.hasImported)
        this.queue.taken(Math.min(taken.rows, sent.rows))
        this.head.answered(taken.rows, taken.problem !== undefined, Date.now())
        if (taken.problem !== undefined) throw taken.rows > 0 ? new SomeLeft(taken.problem) : new Error(taken.problem)
        this.problem = undefined
      } catch (cause) {
        this.problem = cause instanceof Error ? cause.message : String(cause)
        throw cause
      }
    }

    private async ask(rows: string, hasImported: boolean): Promise<TakenRows> {
      const { region, source, home } = this.at
      const response = await regionLink(this.env, home).fetch(atRegion(`/forward/${encodeURIComponent(source)}`), {
        method: 'POST',
        body: forwardedText(region, rows, hasImported),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`region ${home} answered ${response.status}: ${text.slice(0, 300)}`)
      return JSON.parse(text) as TakenRows
    }

    override async alarm(): Promise<void> {
      await this.drain.rang()
    }
  }
}
