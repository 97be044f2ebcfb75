/** Flights like those of `features/`, from a seed: batch n has the same bytes whenever and however often it is sent. */

export interface ChaosFlight {
  readonly id: number
  readonly scheduled: string
  readonly departed: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

const AIRPORTS = 60
const LARGEST_BATCH = 400
/** The ids of a batch start at its number times this. */
const ID_STRIDE = 1_000
const START_MS = Date.UTC(2001, 0, 1)
const BATCH_SPACING_MS = 2_000
const MINUTE_MS = 60_000

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

/** A whole number in [low, high]. */
export const wholeBetween = (random: () => number, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1))

/** Batch `number` of the run with this seed: 1 to 400 flights, a few airports far busier than the rest. */
export function chaosBatch(seed: number, number: number): ChaosFlight[] {
  const random = seeded(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b))
  const size = wholeBetween(random, 1, LARGEST_BATCH)
  const airport = () => `A${Math.floor(AIRPORTS * random() ** 2)}`
  return Array.from({ length: size }, (_, i) => {
    const delay = wholeBetween(random, -10, 90)
    const scheduledMs = START_MS + number * BATCH_SPACING_MS + wholeBetween(random, 0, BATCH_SPACING_MS)
    return {
      id: number * ID_STRIDE + i,
      scheduled: new Date(scheduledMs).toISOString(),
      departed: new Date(scheduledMs + Math.max(delay, 0) * MINUTE_MS).toISOString(),
      delay,
      distance: wholeBetween(random, 50, 3_000),
      origin: airport(),
      destination: airport(),
    }
  })
}

/** What the shards must have counted: flights of each airport as origin, and of each route as `origin,destination`. */
export class Truth {
  readonly departures = new Map<string, number>()
  readonly routes = new Map<string, number>()
  events = 0

  add(flights: readonly ChaosFlight[]): void {
    for (const { origin, destination } of flights) {
      this.departures.set(origin, (this.departures.get(origin) ?? 0) + 1)
      const route = `${origin},${destination}`
      this.routes.set(route, (this.routes.get(route) ?? 0) + 1)
    }
    this.events += flights.length
  }
}
