/** How soon what could not leave is tried again, at first and at the longest. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000
/** How soon what is left after one go goes on. */
const NEXT_GO_MS = 50

export interface DrainOptions {
  readonly storage: Pick<DurableObjectStorage, 'setAlarm' | 'deleteAlarm'>
  /** As a log line names it. */
  readonly name: string
  readonly isEmpty: () => boolean
  /** When what waits should leave, ms; default: at once. */
  readonly dueMs?: () => number
  /** Sends some of what waits; throws when it could not send all that it tried: {@link SomeLeft} when some of it left. */
  readonly send: () => Promise<void>
  /** At most so many times in one go, for an invocation has only so many operations; default: as often as there is something. */
  readonly mostSends?: number
}

/** Thrown when some of what waits has left and the rest could not: it is tried again as soon as after a first failure. */
export class SomeLeft extends Error {}

/**
 * Empties an outbox: after a batch, when it is due, and by alarm when that fails or the process ends. One drain at a time, so that
 * what leaves leaves in its order.
 */
export class Drain {
  private readonly options: DrainOptions
  private running = false
  private going: Promise<void> = Promise.resolve()
  private failures = 0
  private retryAtMs = 0

  constructor(options: DrainOptions) {
    this.options = options
  }

  /** Never throws: what could not leave waits for the alarm. */
  async run(): Promise<void> {
    if (this.running || this.options.isEmpty()) return
    this.running = true
    this.going = this.go()
    await this.going
  }

  /** Resolves when nothing is under way. Never throws. */
  async settled(): Promise<void> {
    await this.going.catch(() => {})
  }

  private async go(): Promise<void> {
    const { storage, name, isEmpty, send, mostSends } = this.options
    try {
      // Again from the start when a batch left something while the alarm was being deleted: it would wait without one.
      while (!isEmpty()) {
        if (this.dueMs > Date.now()) {
          await storage.setAlarm(this.dueMs)
          return
        }
        await storage.setAlarm(Date.now() + this.retryMs)
        for (let sends = 0; !isEmpty() && this.dueMs <= Date.now(); sends++) {
          if (sends >= (mostSends ?? Number.POSITIVE_INFINITY)) {
            await storage.setAlarm(Date.now() + NEXT_GO_MS)
            return
          }
          await send()
          // What has left shows that the way is there: what fails behind it is tried again soon.
          this.failures = 0
        }
        if (isEmpty()) await storage.deleteAlarm()
      }
    } catch (cause) {
      this.failures = cause instanceof SomeLeft ? 1 : this.failures + 1
      console.warn(`what leaves ${name} waits: ${cause instanceof Error ? cause.message : String(cause)}`)
      this.retryAtMs = Date.now() + this.retryMs
      await storage.setAlarm(this.retryAtMs)
    } finally {
      this.running = false
    }
  }

  /**
   * For the alarm, which is spent when it has rung. Never throws. What is still at work is not waited for: if the process ends
   * meanwhile, the next alarm goes on with it.
   */
  async rang(): Promise<void> {
    if (this.running) await this.options.storage.setAlarm(Date.now() + LONGEST_RETRY_MS)
    else await this.run()
  }

  /** After a failure no sooner than the alarm, however many batches come. */
  private get dueMs(): number {
    return Math.max(this.retryAtMs, this.options.dueMs?.() ?? 0)
  }

  private get retryMs(): number {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.failures, 10))
    return Math.ceil(longest * (0.5 + Math.random() / 2))
  }
}
