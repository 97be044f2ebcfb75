// What the page does: asks the Workers for exactly what is chosen, and shows the answer.
import { airports } from '/airports.js'
import { showVector } from '/vector.js'

const by = (id) => document.getElementById(id)
const MINUTE_MS = 60_000
const STATS_MS = 2000
const QUIET_MS = 6 * 3_600_000

/** The slider's zero: the end of the data, from the address (`/?at=`), else the newest departure. */
let endMs = Date.parse(new URLSearchParams(location.search).get('at') ?? '')
const endIsGiven = !Number.isNaN(endMs)
let asked = 0

by('airports').append(
  ...Object.entries(airports).map(([code, city]) => {
    const option = document.createElement('option')
    option.value = code
    option.label = `${code} · ${city}`
    return option
  }),
)

/** The flight and time that are chosen. */
function chosen() {
  const code = (id) => by(id).value.trim().toUpperCase()
  return { origin: code('origin'), destination: code('destination'), atMs: endMs + Number(by('at').value) * MINUTE_MS }
}

/** Reads vector and prediction, in one request; an answer that was overtaken by a newer question is dropped. */
async function refresh() {
  const { origin, destination, atMs } = chosen()
  by('origin-city').textContent = airports[origin] ?? ''
  by('destination-city').textContent = airports[destination] ?? ''
  if (Number.isNaN(atMs) || origin === '' || destination === '') return
  const at = new Date(atMs).toISOString().replace('.000Z', 'Z')
  by('when').textContent = timeText(atMs, 'full')
  const query = new URLSearchParams({ origin, destination, at }).toString().replaceAll('%3A', ':')
  const path = `/v1/predict?${query}`
  by('curl').textContent = `curl '${location.origin}${path}'`
  const mine = ++asked
  const startedMs = performance.now()
  try {
    const response = await fetch(path)
    const answer = await response.json()
    if (mine !== asked) return
    by('took').textContent = `${(performance.now() - startedMs).toFixed(1)} ms`
    if (response.ok) showAnswer(answer)
    else showProblem(answer.detail ?? `The answer was ${response.status}.`)
  } catch {
    if (mine === asked) showProblem('The Workers do not answer. Does npm start still run?')
  }
}

function showAnswer({ model, predictions: [prediction], at }) {
  const percent = 100 * prediction.probability
  by('problem').hidden = true
  document.querySelector('.prediction').classList.remove('stale')
  by('vector').classList.remove('stale')
  by('percent').textContent = `${percent.toFixed(0)} %`
  by('verdict').textContent = `likely to leave ${model.predicts}`
  by('fill').style.width = `${percent}%`
  by('base').style.left = `${100 * model.baseRate}%`
  document.querySelector('.bar').classList.toggle('late', prediction.delayed)
  by('model').textContent =
    `The mark is how often any flight is late: ${(100 * model.baseRate).toFixed(0)} %. ` +
    `Logistic regression; AUC ${model.auc.toFixed(2)} on days it had not seen.${caution(at, prediction.eventTime, model.learnedFrom)}`
  const newest =
    prediction.eventTime === null ? 'no flight seen yet' : `newest flight seen: ${ago(at, prediction.eventTime)}`
  by('age').textContent = `at ${timeText(Date.parse(at), 'short')}, ${newest}`
  showVector(by('vector'), prediction)
}

/** Windows that are not full yet, and hours without any flight, were not in what it learned from. */
function caution(at, eventTime, learnedFrom) {
  if (at < learnedFrom) return ' While its windows of 7 days are filling it is only guessing.'
  const quietMs = Date.parse(at) - Date.parse(eventTime ?? at)
  return quietMs > QUIET_MS ? ' This long after the last flight it is only guessing.' : ''
}

/** The old numbers stay, faded: they belong to another time. */
function showProblem(text) {
  by('problem').textContent = text.replace(/^entities\[0\]:?/, 'This flight')
  by('problem').hidden = false
  document.querySelector('.prediction').classList.add('stale')
  by('vector').classList.add('stale')
}

/** Counts by asking every airport how many flights it has seen: the sum is what the shards hold, not what was sent. */
async function refreshStats() {
  const features = ['airport_departures.departures_ever']
  const entities = Object.keys(airports).map((airport) => ({ airport }))
  // Far ahead, so that it is never behind what is kept; a lifetime count is the same at any later time.
  const body = JSON.stringify({ features, entities, at: '2002-01-01T00:00:00Z' })
  const headers = { 'content-type': 'application/json' }
  try {
    const [counts, letters] = await Promise.all([
      fetch('/v1/features', { method: 'POST', headers, body }).then((response) => response.json()),
      fetch('/v1/dead-letters?limit=0').then((response) => response.json()),
    ])
    const total = counts.rows.reduce((sum, row) => sum + row.values[0], 0)
    const newestMs = Math.max(...counts.rows.flatMap(({ eventTime }) => (eventTime ? Date.parse(eventTime) : [])))
    by('counted').textContent = total.toLocaleString('en')
    by('letters').textContent = letters.count?.toLocaleString('en') ?? '–'
    if (!Number.isFinite(newestMs)) return
    by('newest').textContent = timeText(newestMs, 'short')
    if (!endIsGiven && newestMs !== endMs) {
      endMs = newestMs
      await refresh()
    }
  } catch {
    by('counted').textContent = '–'
  }
}

function timeText(ms, length) {
  const weekday = length === 'full' ? { weekday: 'short', year: 'numeric' } : {}
  return new Date(ms).toLocaleString('en-GB', {
    ...weekday,
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZone: 'UTC',
  })
}

function ago(at, time) {
  const minutes = Math.round((Date.parse(at) - Date.parse(time)) / MINUTE_MS)
  if (minutes < 0) return 'later than this'
  if (minutes < 120) return `${minutes} min before`
  return `${Math.round(minutes / 60)} h before`
}

for (const id of ['origin', 'destination', 'at']) by(id).addEventListener('input', () => void refresh())
for (const id of ['origin', 'destination']) by(id).addEventListener('focus', () => by(id).select())
by('swap').addEventListener('click', () => {
  const { origin, destination } = chosen()
  by('origin').value = destination
  by('destination').value = origin
  void refresh()
})
by('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(by('curl').textContent)
  by('copy').textContent = 'Copied'
  setTimeout(() => (by('copy').textContent = 'Copy'), 1500)
})

await refreshStats()
await refresh()
setInterval(() => {
  if (!document.hidden) void refreshStats()
}, STATS_MS)
