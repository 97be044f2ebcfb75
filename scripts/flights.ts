/**
 * Real flights as the events of the source `flights`: the first rows of `flights-3m.parquet` of the package vega-datasets,
 * which are in order of their scheduled time.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'

/** The rows that `npm start` sends and the model learns from: 2001-01-01 to 2001-01-19. */
export const FLIGHT_ROWS = 300_000
export const BATCH_EVENTS = 500

const MINUTE_MS = 60_000
const require = createRequire(import.meta.url)

/** One event of the source `flights`, before it is JSON. */
export interface Flight {
  /** The data have no id: it is the number of the row. */
  readonly id: number
  /** Ms since the epoch. The data give local times without a zone; they are read as UTC. */
  readonly scheduledMs: number
  /** When it left, and so when its delay was known: `scheduled + max(delay, 0)`. An early flight is known when it was due. */
  readonly departedMs: number
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

/** As it is sent over HTTP. */
export interface FlightEvent {
  readonly id: number
  readonly scheduled: string
  readonly departed: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

/** The first rows, as the file has them: by scheduled time. A second for 300,000. */
export async function readFlights(rows: number = FLIGHT_ROWS): Promise<Flight[]> {
  const file = await asyncBufferFromFile(flightsFile())
  const table = await parquetReadObjects({
    file,
    rowStart: 0,
    rowEnd: rows,
    compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
  })
  return table.map(toFlight)
}

/**
 * In the order in which they left, which is the order in which a sender would report them. A day's delay is one event in
 * front of everything else if it is sent by schedule, and everything after it is then late.
 */
export function byDeparture(flights: readonly Flight[]): Flight[] {
  return [...flights].sort((a, b) => a.departedMs - b.departedMs || a.id - b.id)
}

/**
 * Batches of events in the order of departure.
 *
 * @example for await (const batch of flightBatches({ rows: 20_000 })) await store.send('flights', batch)
 */
export async function* flightBatches(
  options: { readonly rows?: number; readonly batch?: number } = {},
): AsyncGenerator<FlightEvent[]> {
  const { rows = FLIGHT_ROWS, batch = BATCH_EVENTS } = options
  yield* batchesOf(await readFlights(rows), batch)
}

/** The same, of flights that are read already. */
export function* batchesOf(flights: readonly Flight[], batch: number = BATCH_EVENTS): Generator<FlightEvent[]> {
  const ordered = byDeparture(flights)
  for (let from = 0; from < ordered.length; from += batch) yield ordered.slice(from, from + batch).map(toEvent)
}

export function toEvent({ scheduledMs, departedMs, id, delay, distance, origin, destination }: Flight): FlightEvent {
  const scheduled = new Date(scheduledMs).toISOString()
  const departed = departedMs === scheduledMs ? scheduled : new Date(departedMs).toISOString()
  return { id, scheduled, departed, delay, distance, origin, destination }
}

function toFlight(row: Readonly<Record<string, unknown>>, id: number): Flight {
  const { date, delay, distance, origin, destination } = row
  if (!(date instanceof Date) || typeof origin !== 'string' || typeof destination !== 'string') {
    throw new Error(`Row ${id} of flights-3m.parquet is not a flight. Is vega-datasets the version of package.json?`)
  }
  const scheduledMs = date.getTime()
  const minutes = Number(delay)
  const departedMs = scheduledMs + Math.max(minutes, 0) * MINUTE_MS
  return { id, scheduledMs, departedMs, delay: minutes, distance: Number(distance), origin, destination }
}

/** Beside the package's entry, wherever npm put it: the package exports its code only, not its data. */
function flightsFile(): string {
  const entry = require.resolve('vega-datasets')
  const folder = entry.slice(0, entry.lastIndexOf('vega-datasets') + 'vega-datasets'.length)
  return join(folder, 'data', 'flights-3m.parquet')
}
