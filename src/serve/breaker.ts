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
  /** What the last failure was, until it answers again. */
  problem: string | null = null

  /** `now`: ms since the epoch. An answer after `deadlineMs` is a failure. */
  constructor(now: () => number, deadlineMs: number) {
    this.now = now
    this.deadlineMs = deadlineMs
  }

  async run<T>(call: () => Promise<T>): Answer<T> {
    const { now } = this
    if (now() < this.closedUntilMs) return undefined
    // Until this call is back no other one waits for what has failed before.
    if (this.failures > 0) this.closedUntilMs = now() + this.deadlineMs
    try {
      const answer = await within(this.deadlineMs, call)
      this.failures = 0
      this.closedUntilMs = 0
      this.problem = null
      return answer
    } catch (cause) {
      this.problem = cause instanceof Error ? cause.message : String(cause)
      this.closedUntilMs = now() + Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures++, 10))
      return undefined
    }
  }
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
