/** Seeded data: every run of one seed sends the same bytes, but for the times, which end when the run starts. */

export const SEED = 20_261_101

/** A seeded generator of numbers in [0, 1): mulberry32 (Tommy Ettinger, public domain). */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Draws ranks 0 to n - 1, rank r with a probability in proportion to 1 / (r + 1) ^ s: few entities are hot, most are seen
 * seldom. By a table of the sums and a binary search: exact, and cheap enough for millions.
 */
export function zipf(n: number, s: number, random: () => number): () => number {
  const sums = new Float64Array(n)
  let total = 0
  for (let rank = 0; rank < n; rank++) {
    total += 1 / (rank + 1) ** s
    sums[rank] = total
  }
  return () => {
    const wanted = random() * total
    let low = 0
    let high = n - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? total) <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

const types = ['view', 'view', 'view', 'click', 'click', 'purchase'] as const

/** One event as the bench sends it. */
export interface BenchEvent {
  readonly id: string
  readonly uid: string
  readonly type: (typeof types)[number]
  readonly amount: number
  readonly atMs: number
}

export interface StreamOptions {
  readonly seed: number
  readonly events: number
  /** Which entity is next. */
  readonly entity: (index: number) => number
  /** The times rise evenly from here to there. */
  readonly fromMs: number
  readonly toMs: number
  /** Before every id: two streams of one run must not share ids. */
  readonly prefix: string
}

export function* eventStream(options: StreamOptions): Generator<BenchEvent> {
  const random = seeded(options.seed)
  const stepMs = (options.toMs - options.fromMs) / options.events
  for (let index = 0; index < options.events; index++) {
    const type = types[Math.floor(random() * types.length)] ?? 'view'
    // Cents, as money is.
    const amount = Math.round(random() * 50_000) / 100
    const atMs = Math.floor(options.fromMs + index * stepMs)
    yield { id: `${options.prefix}${index}`, uid: uidOf(options.entity(index)), type, amount, atMs }
  }
}

/** The key of an entity by number. */
export const uidOf = (entity: number): string => `user-${String(entity).padStart(7, '0')}`

export function eventText({ id, uid, type, amount, atMs }: BenchEvent): string {
  const at = new Date(atMs).toISOString()
  return `{"id":"${id}","uid":"${uid}","type":"${type}","amount":${amount},"at":"${at}"}`
}

/** The stream as bodies of requests, JSON lists of `size` events. */
export function* bodies(options: StreamOptions, size: number): Generator<string> {
  let open: string[] = []
  for (const event of eventStream(options)) {
    open.push(eventText(event))
    if (open.length < size) continue
    yield `[${open.join(',')}]`
    open = []
  }
  if (open.length > 0) yield `[${open.join(',')}]`
}

export const DAY_MS = 86_400_000
