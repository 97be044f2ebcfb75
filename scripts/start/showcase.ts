/** The flights whose vectors `npm start` prints, read through the same doors as anybody's. */
import type { Vector } from './table.ts'

interface Pair {
  readonly origin: string
  readonly destination: string
}

/** Big and small airports, short and long ways; the last one is never flown, so that its route is `missing`. */
export const PAIRS: readonly Pair[] = [
  ['SEA', 'LAX'],
  ['LAX', 'LAS'],
  ['ORD', 'LGA'],
  ['ATL', 'DFW'],
  ['SFO', 'ORD'],
  ['BOS', 'DCA'],
  ['JFK', 'SFO'],
  ['ABI', 'HNL'],
].map(([origin = '', destination = '']) => ({ origin, destination }))

const REQUEST_TIMEOUT_MS = 10_000

export interface Showcase {
  readonly features: readonly string[]
  readonly vectors: readonly Vector[]
}

interface FeaturesAnswer {
  readonly features: readonly string[]
  readonly rows: readonly Pick<Vector, 'values' | 'status' | 'exact'>[]
}

interface PredictAnswer {
  readonly predictions: readonly { readonly probability: number }[]
}

/** `base` is the URL of the one port, `at` the request time. Throws with what was answered. */
export async function readShowcase(base: string, at: string): Promise<Showcase> {
  const entities = PAIRS.map(({ origin, destination }) => ({ airport: origin, origin, destination }))
  const [read, predicted] = await Promise.all([
    post<FeaturesAnswer>(`${base}/v1/features`, { service: 'delay_risk', entities, at, metadata: true }),
    post<PredictAnswer>(`${base}/v1/predict`, { entities, at }),
  ])
  const vectors = PAIRS.map(({ origin, destination }, i): Vector => {
    const row = read.rows[i]
    const probability = predicted.predictions[i]?.probability
    if (row === undefined || probability === undefined)
      throw new Error(`There is no answer for ${origin}-${destination}.`)
    const { values, status, exact } = row
    return { title: `${origin}-${destination}`, values, status, exact, probability }
  })
  return { features: read.features, vectors }
}

/** One line to paste: the vector, its statuses and the prediction of the first flight of the table. */
export function curlLine(base: string, at: string): string {
  const { origin, destination } = PAIRS[0] ?? { origin: '', destination: '' }
  return `curl '${base}/v1/predict?origin=${origin}&destination=${destination}&at=${at}'`
}

async function post<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`POST ${new URL(url).pathname} answered ${response.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text) as T
}
