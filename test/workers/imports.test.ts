import { reset, runInDurableObject } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { forwardedText, importText } from '../../src/source/index.ts'
import { app } from '../../workers/app.ts'
import { createIngest } from '../../workers/ingest/app.ts'
import { createRegionDoor } from '../../workers/ingest/region-door.ts'
import { deadLetters, flight, INGEST_ONLY, send, TOKEN, values } from './doors.ts'

afterEach(() => reset())

const EVER = ['airport_departures.departures_ever']

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: await response.json() }
}

async function importing(body: string, { source = 'flights', token = TOKEN as string | null } = {}): Promise<Answer> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  return await answerOf(
    await exports.default.fetch(`http://door/v1/imports/${source}`, { method: 'POST', headers, body }),
  )
}

/** When history was known, ms. */
const KNOWN = Date.UTC(2026, 0, 1)

const body = (events: readonly object[], knownAt: readonly (number | null)[] | null = null, first = 2) =>
  importText(
    { file: 'history.csv', lines: events.map((_, i) => first + i), knownAt },
    events.map((event) => JSON.stringify(event)),
  )

test('history is counted once, with what arrives, and refused rows are letters with file and line', async () => {
  const rows = [flight(1, 0), flight(2, 1, { delay: 'late' as unknown as number }), flight(3, 2)]
  const first = await importing(body(rows, [KNOWN, null, KNOWN + 2]))
  expect(first).toMatchObject({
    status: 202,
    body: { accepted: 2, duplicates: 0, refused: [{ index: 1, field: 'delay' }] },
  })
  expect((await importing(body(rows))).body).toMatchObject({ accepted: 0, duplicates: 2 })
  expect((await send([flight(3, 2)])).body).toMatchObject({ duplicates: 1 })
  expect(await values(EVER, 60)).toEqual([2])
  const { body: letters } = await deadLetters('?source=flights&position=history.csv:')
  expect(letters).toMatchObject({ letters: [{ reason: 'wrong_type', position: 'history.csv:3' }] })
})

test('a letter of imported history that is replayed is imported history again', async () => {
  await importing(body([flight(1, 0, { distance: -1 })], [KNOWN]))
  await runInDurableObject(env.DEAD_LETTERS.getByName('local/flights'), (_letters, state) => {
    expect(state.storage.sql.exec('SELECT imported FROM dead_letter').toArray()).toEqual([{ imported: String(KNOWN) }])
    state.storage.sql.exec(`UPDATE dead_letter SET payload = replace(payload, '-1', '11')`)
    state.storage.sql.exec('UPDATE dead_letter SET payload_units = length(payload)')
  })
  const replayed = await exports.default.fetch('http://door/v1/dead-letters/replay', {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ source: 'flights' }),
  })
  expect(await replayed.json()).toMatchObject({ replayed: 1, refusedAgain: 0 })
  expect(await values(EVER, 60)).toEqual([1])
})

test('who may send may not import, and an unknown source gets the nearest name', async () => {
  expect(await importing(body([flight(1, 0)]), { token: INGEST_ONLY })).toMatchObject({
    status: 403,
    body: { code: 'scope_missing' },
  })
  expect(await importing(body([flight(1, 0)]), { token: null })).toMatchObject({ status: 401 })
  const unknown = await importing(body([flight(1, 0)]), { source: 'flight' })
  expect(unknown).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('Did you mean "flights"?') },
  })
})

test('a body that says too little is refused whole, with what is missing', async () => {
  const event = JSON.stringify(flight(1, 0))
  const cases: readonly [text: string, says: string][] = [
    ['', 'is no JSON'],
    [`[]\n${event}`, 'is no JSON object'],
    [`{"lines":[1],"knownAt":null}\n${event}`, 'has no "file"'],
    [`{"file":"a","knownAt":null}\n${event}`, 'has no "lines"'],
    [`{"file":"a","lines":[1]}\n${event}`, 'has no "knownAt"'],
    [`{"file":"a","lines":[1],"knownAt":["2024"]}\n${event}`, 'no list of whole numbers'],
    [`{"file":"a","lines":[1],"knownAt":[null,null]}\n${event}`, 'has 2 times in "knownAt" for 1 events'],
    [`{"file":"a","lines":[1],"knownAt":[1767225600]}\n${event}`, 'Are these seconds?'],
    [`{"file":"a","lines":[1,2],"knownAt":null}\n${event}`, 'names 2 lines, and 1 events follow'],
  ]
  for (const [text, says] of cases) {
    const { status, body: problem } = await importing(text)
    expect([status, problem.code], text).toEqual([400, 'bad_json'])
    expect(problem.detail).toContain(says)
  }
  expect(await values(EVER, 60)).toEqual([0])
})

test('history of a source that another region keeps is forwarded as history, and a home of before does not take it', async () => {
  const away = {
    ...app,
    regions: [...app.regions, { name: 'far', id: 2, epoch: 0, shards: { default: 4 } }],
    routing: { flights: { home: 'far' } },
  }
  const request = (path: string, text: string) =>
    new Request(`http://door${path}`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body: text })
  const sent = await createIngest(away).fetch(
    request('/v1/imports/flights', body([flight(1, 0), flight(2, 0)], [KNOWN, KNOWN + 1])),
    env,
  )
  expect(await answerOf(sent)).toMatchObject({ status: 202, body: { accepted: 0, forwarded: 2 } })
  const rows = await runInDurableObject(env.FORWARDERS.getByName('local/flights/far'), (_queue, state) =>
    state.storage.sql
      .exec<{ body: string }>('SELECT body FROM waiting ORDER BY id')
      .toArray()
      .map((row) => row.body)
      .join(''),
  )
  const text = forwardedText('far', rows, true)
  expect(JSON.parse(text.slice(0, text.indexOf('\n')))).toMatchObject({ version: 2 })
  const home = createRegionDoor(app)
  expect(await (await home.fetch(request('/forward/flights', text), env)).json()).toMatchObject({
    accepted: 2,
    rows: 1,
  })
  expect(await (await home.fetch(request('/forward/flights', text), env)).json()).toMatchObject({ duplicates: 2 })
  expect(await values(EVER, 60)).toEqual([2])
})
