/**
 * The training set: for each flight the vector as it was at its scheduled departure, and whether it then left late.
 *
 * Nothing may be known too early. The clock goes from one scheduled time s to the next; before s is read, every flight
 * that had left by then is sent, and no other. A flight that was due before s but has not left yet is not known: its delay
 * counts only from `date + max(delay, 0)`. (A read at s sees what is before s, not what is at s.) The data do not say
 * whether `delay` is that of leaving or of arriving; taken for the latter, it would be known later by the time of flight.
 */

import { LATE_MINUTES } from '../../features/airport-departures.ts'
import { definitions } from '../../features/index.ts'
import { delayRisk } from '../../features/services.ts'
import { type LocalStore, localStore } from '../../src/testing/index.ts'
import type { FeatureValues } from '../../workers/inference/delay-model.ts'
import { BATCH_EVENTS, byDeparture, type Flight, toEvent } from '../flights.ts'

export interface Example {
  readonly scheduledMs: number
  readonly features: FeatureValues
  /** 1 when it left more than 15 minutes late. */
  readonly y: number
}

export interface ExampleOptions {
  /** Flights scheduled before it are sent, but not learned from: their windows are still filling. */
  readonly fromMs: number
  /** Whether a flight becomes an example. */
  readonly chosen: (flight: Flight) => boolean
}

/** Examples in the order of their scheduled departure. `flights` in the order of schedule. */
export async function examplesOf(flights: readonly Flight[], { fromMs, chosen }: ExampleOptions): Promise<Example[]> {
  let nowMs = flights[0]?.scheduledMs ?? 0
  const store = localStore(definitions, { now: () => nowMs })
  const departures = byDeparture(flights)
  const examples: Example[] = []
  let sent = 0
  for (const due of bySchedule(flights)) {
    nowMs = due[0]?.scheduledMs ?? nowMs
    const asked = nowMs < fromMs ? [] : due.filter(chosen)
    if (asked.length === 0) continue
    const known = countUntil(departures, sent, nowMs)
    if (known > sent) await sendAll(store, departures.slice(sent, known))
    sent = known
    const rows = await store.read({ service: delayRisk.spec.name, entities: asked.map(entitiesOf), at: nowMs })
    rows.forEach(({ features }, i) => {
      examples.push({ scheduledMs: nowMs, features, y: Number((asked[i]?.delay ?? 0) > LATE_MINUTES) })
    })
  }
  return examples
}

/** The row of keys of a flight: it is asked about at the airport that it leaves from. */
export function entitiesOf({ origin, destination }: Pick<Flight, 'origin' | 'destination'>) {
  return { airport: origin, origin, destination }
}

async function sendAll(store: LocalStore<typeof definitions.services>, flights: readonly Flight[]): Promise<void> {
  for (let from = 0; from < flights.length; from += BATCH_EVENTS) {
    const { refused } = await store.send('flights', flights.slice(from, from + BATCH_EVENTS).map(toEvent))
    const [first] = refused
    if (first === undefined) continue
    throw new Error(`The store refused a flight, so the model would learn from less: ${first.message}`)
  }
}

/** Flights of one scheduled minute together: they share a request time, and so one read. */
function* bySchedule(flights: readonly Flight[]): Generator<readonly Flight[]> {
  for (let from = 0; from < flights.length; ) {
    let to = from
    while (to < flights.length && flights[to]?.scheduledMs === flights[from]?.scheduledMs) to++
    yield flights.slice(from, to)
    from = to
  }
}

/** The end of the flights that had left by `timeMs`. */
function countUntil(departures: readonly Flight[], from: number, timeMs: number): number {
  let to = from
  while (to < departures.length && (departures[to]?.departedMs ?? Number.POSITIVE_INFINITY) <= timeMs) to++
  return to
}
