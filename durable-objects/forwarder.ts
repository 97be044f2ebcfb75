import { DurableObject } from 'cloudflare:workers'
import { regionNamed } from '../src/plan/index.ts'
import {
  DEFAULT_QUEUE_BYTES,
  ForwardQueue,
  forwardedText,
  type NewRow,
  parseRows,
  type QueueAnswer,
  type QueueStatus,
  type TakenRows,
} from '../src/source/index.ts'
import type { App } from './app.ts'
import { Drain, SomeLeft } from './drain.ts'
import { atRegion, regionLink } from './region-link.ts'
import { sqlQueueStorage } from './sql-queue-storage.ts'

/** What a queue needs of its Worker, besides the bindings to other regions. */
export interface ForwarderEnv {
  readonly REGION: string
  /** Bytes that may wait in one queue; default 268435456. */
  readonly FORWARD_LIMIT_BYTES?: string
}

/** The queues of a region, as a Worker is bound to them. */
export interface ForwarderNamespace {
  getByName(name: string): {
    add(rows: string): Promise<QueueAnswer>
    /** Why it has no room for rows of about so many bytes; undefined when it has. */
    full(bytes: number): Promise<string | undefined>
    status(): Promise<ForwarderStatus>
  }
}

/** What an operator sees of a queue. */
export interface ForwarderStatus extends QueueStatus {
  /** Why nothing left when it was last tried. */
  readonly problem?: string
}

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
    private problem: string | undefined

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
        send: () => this.send(),
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
      return { ...this.queue.status, ...(this.problem !== undefined && { problem: this.problem }) }
    }

    private async send(): Promise<void> {
      const sent = this.queue.take()
      if (sent === undefined) return
      try {
        const taken = await this.ask(sent.text)
        this.queue.taken(Math.min(taken.rows, sent.rows))
        if (taken.problem !== undefined) throw taken.rows > 0 ? new SomeLeft(taken.problem) : new Error(taken.problem)
        this.problem = undefined
      } catch (cause) {
        this.problem = cause instanceof Error ? cause.message : String(cause)
        throw cause
      }
    }

    private async ask(rows: string): Promise<TakenRows> {
      const { region, source, home } = this.at
      const response = await regionLink(this.env, home).fetch(atRegion(`/forward/${encodeURIComponent(source)}`), {
        method: 'POST',
        body: forwardedText(region, rows),
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
