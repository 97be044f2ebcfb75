/** How long what failed is left alone, ms: at first and at the longest. */
const FIRST_MS = 500
const LONGEST_MS = 10_000

/** Undefined as an answer: it was left alone, it failed, or it was too slow. */
type Answer<T> = Promise<T | undefined>

/**
 * Keeps callers from waiting for what did not answer: after a failure it is left alone for a while, longer with each failure in a
 * row; then one caller tries it again.
 */
export class Breaker {
  private readonly now: () => number
  private readonly deadlineMs: number
  private failures = 0
  private closedUntilMs = 0

  /** `now`: ms since the epoch. An answer after `deadlineMs` is a failure. */
  constructor(now: () => number, deadlineMs: number) {
    this.now = now
    this.deadlineMs = deadlineMs
  }

  /** Whether it is left alone at the moment. */
  get isClosed(): boolean {
    return this.now() < this.closedUntilMs
  }

  async run<T>(call: () => Promise<T>): Answer<T> {
    const [answer] = await this.runAll([call])
    return answer
  }

  /** Several calls side by side, each under the deadline. It has failed when none of them was answered. */
  async runAll<T>(calls: readonly (() => Promise<T>)[]): Promise<readonly (T | undefined)[]> {
    if (calls.length === 0 || this.isClosed) return calls.map(() => undefined)
    // Until these calls are back no other one waits for what has failed before.
    if (this.failures > 0) this.closedUntilMs = this.now() + this.deadlineMs
    const answers = await settled(calls.map((call) => within(this.deadlineMs, call)))
    if (answers.some((answer) => answer !== undefined)) this.answered()
    else this.failed()
    return answers
  }

  answered(): void {
    this.failures = 0
    this.closedUntilMs = 0
  }

  failed(): void {
    this.closedUntilMs = this.now() + Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures++, 10))
  }
}

/** What came back, undefined for what failed. */
export async function settled<T>(calls: readonly Promise<T>[]): Promise<readonly (T | undefined)[]> {
  const all = await Promise.allSettled(calls)
  return all.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
}

/** The answer of a call; throws when it takes longer. What comes after that is let go. */
export async function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
  let giveUp = () => {}
  const late = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error(`no answer within ${ms} ms`))
  })
  const timer = setTimeout(() => giveUp(), ms)
  try {
    return await Promise.race([call(), late])
  } finally {
    clearTimeout(timer)
  }
}
