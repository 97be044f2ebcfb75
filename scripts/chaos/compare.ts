/** Reads the lifetime counts of every airport and route through the lookup Worker and compares them with the truth. */
import type { Truth } from './flights.ts'

const ROWS = 500
const MOST_SHOWN = 10

export interface Comparison {
  /** Counts that were compared. */
  readonly counts: number
  readonly wrong: readonly string[]
}

interface Answer {
  readonly rows: readonly { readonly values: readonly number[]; readonly exact: readonly boolean[] }[]
}

/** `at`: a time after every event. */
export async function compareCounts(url: string, truth: Truth, at: string): Promise<Comparison> {
  const airports = [...truth.departures].map(([airport, want]) => ({ key: { airport }, want, name: airport }))
  const routes = [...truth.routes].map(([route, want]) => {
    const [origin = '', destination = ''] = route.split(',')
    return { key: { origin, destination }, want, name: route }
  })
  const wrong = [
    ...(await compare(url, 'airport_departures.departures_ever', airports, at)),
    ...(await compare(url, 'route_history.route_flights_ever', routes, at)),
  ]
  return { counts: airports.length + routes.length, wrong }
}

interface Wanted {
  readonly key: object
  readonly want: number
  readonly name: string
}

async function compare(url: string, feature: string, wanted: readonly Wanted[], at: string): Promise<string[]> {
  const wrong: string[] = []
  for (let from = 0; from < wanted.length; from += ROWS) {
    const part = wanted.slice(from, from + ROWS)
    const { rows } = await read(url, { features: [feature], entities: part.map(({ key }) => key), at })
    part.forEach(({ name, want }, i) => {
      const got = rows[i]?.values[0]
      const isExact = rows[i]?.exact[0] === true
      if ((got !== want || !isExact) && wrong.length < MOST_SHOWN)
        wrong.push(`${feature} of ${name}: ${got} counted, ${want} acknowledged${isExact ? '' : ', not exact'}`)
    })
  }
  return wrong
}

async function read(url: string, body: object): Promise<Answer> {
  const response = await fetch(`${url}/v1/features`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`the lookup answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text) as Answer
}

/** How many events were refused, by the dead letters. */
export async function countDeadLetters(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/v1/dead-letters?limit=0`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`the dead letters answered ${response.status}`)
  return ((await response.json()) as { readonly count: number }).count
}
