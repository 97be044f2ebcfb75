import { expect, test } from 'vitest'
import { parseConnections } from '../../src/source/index.ts'

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

test('absent, empty and {} are no connections', () => {
  for (const json of [undefined, '', ' ', '{}']) {
    expect(parseConnections(json)).toEqual({ webhooks: {}, kafka: {}, registries: {} })
  }
})

test('keys of webhooks, clusters and registries are read', () => {
  const { webhooks, kafka, registries } = parseConnections(
    JSON.stringify({
      webhooks: { flights: [SECRET], constructor: [SECRET] },
      kafka: { main: { dialect: 'redpanda', url: 'https://kafka.example/', username: 'u', password: 'p' } },
      registries: { main: { url: 'https://registry.example/apis/ccompat/v7', token: 't' } },
    }),
  )
  expect(webhooks.flights).toEqual([{ scheme: 'v1', bytes: new Uint8Array(24).fill(7) }])
  expect(Object.keys(webhooks)).toEqual(['flights', 'constructor'])
  expect(webhooks.toString).toBeUndefined()
  expect(kafka.main).toEqual({ dialect: 'redpanda', url: 'https://kafka.example', username: 'u', password: 'p' })
  expect(registries.main).toEqual({ url: 'https://registry.example/apis/ccompat/v7', token: 't' })
})

const kafka = (change: object) =>
  JSON.stringify({ kafka: { main: { dialect: 'upstash', url: 'https://k.example', ...change } } })

test.each([
  ['hunter2', 'is no JSON'],
  ['["hunter2"]', 'is no object'],
  ['{"hunter2": {}}', 'has a member that is not one of webhooks'],
  ['{"webhooks": {"flights": "hunter2"}}', 'webhooks.flights, is not a list'],
  ['{"webhooks": {"flights": []}}', 'webhooks.flights, is not a list'],
  ['{"webhooks": {"flights": ["hunter2"]}}', 'webhooks.flights[0], begins with neither'],
  ['{"webhooks": {"flights": ["whsec_hunter2"]}}', 'webhooks.flights[0], is not whsec_ and base64'],
  ['{"webhooks": {"whsec_hunter2": "flights"}}', 'webhooks...., is not a list'],
  [kafka({ dialect: 'hunter2' }), 'kafka.main.dialect, is not one of upstash'],
  [kafka({ url: 'hunter2' }), 'kafka.main.url, is no http'],
  [kafka({ url: 'ftp://hunter2' }), 'kafka.main.url, is no http'],
  [kafka({ url: 'https://u:hunter2@k.example' }), 'holds a user or a password'],
  [kafka({ password: 'hunter2' }), 'only one of "username" and "password"'],
  [kafka({ token: 5 }), 'kafka.main.token, is no text'],
  [kafka({ token: 't', username: 'u', password: 'hunter2' }), 'a token and a user'],
  [kafka({ hunter2: 1 }), 'a member that is not one of dialect, url'],
])('%s is refused without a word of it', (json, problem) => {
  const made = () => parseConnections(json)
  expect(made).toThrow('The secret CONNECTIONS')
  expect(made).toThrow(problem)
  expect(made).not.toThrow('hunter2')
})

test('stores are named by their region and name, and reached over http, https or libsql', () => {
  const stores = {
    'weur/redis': { url: 'https://eu.upstash.example', token: 't' },
    'weur/db': { url: 'libsql://db.example' },
  }
  expect({ ...parseConnections(JSON.stringify({ stores })).stores }).toEqual(stores)
  const wrong = (store: object) => () => parseConnections(JSON.stringify({ stores: { 'weur/redis': store } }))
  expect(wrong({ url: 'redis://x' })).toThrow('stores.weur/redis.url, is no https, http or libsql address')
  expect(wrong({ url: 'https://u:p@x' })).toThrow('holds a user or a password: give the "token"')
  expect(wrong({ url: 'https://x', token: '' })).toThrow('stores.weur/redis.token, is no text')
  expect(wrong({ url: 'https://x', username: 'u' })).toThrow('is not one of url, token')
})
