import { expect, test } from 'vitest'
import definitions from '../../features/index.ts'
import { localStore } from '../../src/testing/index.ts'
import { answer, type InferenceBindings } from '../../workers/inference/app.ts'

const nowMs = Date.UTC(2001, 0, 2)
const at = '2001-01-01T12:00:00Z'

/** The Worker on a local store in place of the service binding. */
async function ask(path: string, init: RequestInit = {}, tokens: object = { anonymous: ['read:*'] }) {
  const store = localStore(definitions, { now: () => nowMs })
  await store.send('flights', [
    {
      id: 0,
      scheduled: at,
      departed: '2001-01-01T12:00:00Z',
      delay: 0,
      distance: 954,
      origin: 'SEA',
      destination: 'LAX',
    },
  ])
  const env: InferenceBindings = {
    TOKENS: JSON.stringify(tokens),
    FEATURES: {
      async get(service, entities, options) {
        if (service !== 'delay_risk') throw new Error(`no service ${service}`)
        const rows = await store.read({ service, entities, at: options.at, metadata: options.metadata })
        return { at: new Date(options.at).toISOString(), rows: rows as never }
      },
    },
  }
  const response = await answer(new Request(`http://tidemark.test${path}`, init), env, nowMs)
  const body = (await response.json()) as { detail: string; predictions: [{ probability: number }] }
  return { response, body }
}

const post = (body: unknown) => ({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

test('a prediction comes with the vector it was made from, as it was at the time asked for', async () => {
  const { response, body } = await ask(
    '/v1/predict',
    post({ entities: [{ origin: 'SEA', destination: 'LAX' }], at: '2001-01-01T12:30:00Z' }),
  )
  expect(response.status).toBe(200)
  expect(body).toMatchObject({
    at: '2001-01-01T12:30:00.000Z',
    model: { service: 'delay_risk@1', threshold: 0.5 },
    predictions: [
      { origin: 'SEA', delayed: false, features: { departures_1h: 1 }, status: { departures_1h: 'present' } },
    ],
  })
  expect(body.predictions[0].probability).toBeGreaterThan(0)
  expect(body.predictions[0].probability).toBeLessThan(1)
})

test('GET is for a person: the same answer', async () => {
  const { body: byGet } = await ask(`/v1/predict?origin=SEA&destination=LAX&at=${at}`)
  const { body: byPost } = await ask(
    '/v1/predict',
    post({ entities: [{ airport: 'SEA', origin: 'SEA', destination: 'LAX' }], at }),
  )
  expect(byGet).toEqual(byPost)
})

test.each([
  ['not JSON', '/v1/predict', post('{'), 400, 'is no JSON'],
  ['a list', '/v1/predict', post([]), 400, 'must be an object'],
  ['no flights', '/v1/predict', post({ entities: [] }), 400, 'at least one flight'],
  ['too many flights', '/v1/predict', post({ entities: Array(501).fill({}) }), 413, 'at most 500'],
  ['a flight that is none', '/v1/predict', post({ entities: [null] }), 400, 'entities[0]: "origin" is missing'],
  ['a number as airport', '/v1/predict', post({ entities: [{ origin: 5, destination: 'LAX' }] }), 400, '"origin" is 5'],
  [
    'two origins',
    '/v1/predict',
    post({ entities: [{ airport: 'LAX', origin: 'SEA', destination: 'LAX' }] }),
    400,
    'Leave "airport" out',
  ],
  ['no destination', '/v1/predict?origin=SEA', {}, 400, 'the query: "destination" is missing'],
  ['a time that is none', '/v1/predict?origin=SEA&destination=LAX&at=noon', {}, 400, 'Expected a time such as'],
  ['a time without a zone', '/v1/predict?origin=SEA&destination=LAX&at=2001-01-01T12:00:00', {}, 400, 'no offset'],
  ['another method', '/v1/predict', { method: 'DELETE' }, 405, 'send GET or POST'],
  ['another path', '/v1/nothing', {}, 404, 'POST /v1/predict'],
])('%s is a problem that says what is wrong', async (_name, path, init, status, detail) => {
  const { response, body } = await ask(path, init)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(body.detail).toContain(detail)
})

test('without a scope to read the service there is no prediction', async () => {
  const { response } = await ask(`/v1/predict?origin=SEA&destination=LAX&at=${at}`, {}, { other: ['read:*'] })
  expect(response.status).toBe(401)
})
