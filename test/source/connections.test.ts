import { expect, test } from 'vitest'
import { parseConnections } from '../../src/source/index.ts'

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

test('absent, empty and {} are no connections', () => {
  for (const json of [undefined, '', ' ', '{}']) {
    expect(parseConnections(json)).toEqual({ webhooks: {}, kafka: {}, registries: {}, stores: {} })
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

test('online stores are read by their region and name', () => {
  const { stores } = parseConnections(
    JSON.stringify({
      stores: {
        'weur/near': { url: 'https://eu1-ours.upstash.io/', token: 't' },
        'weur/sql': { url: 'libsql://ours.turso.io', token: 't' },
        'local/sql': { url: 'http://127.0.0.1:8082' },
      },
    }),
  )
  expect({ ...stores }).toEqual({
    'weur/near': { url: 'https://eu1-ours.upstash.io', token: 't' },
    'weur/sql': { url: 'https://ours.turso.io', token: 't' },
    'local/sql': { url: 'http://127.0.0.1:8082' },
  })
})

const store = (change: object) =>
  JSON.stringify({ stores: { 'weur/near': { url: 'https://s.example', token: 't', ...change } } })
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
  [store({ url: 'wss://hunter2' }), 'stores["weur/near"].url, is no http'],
  [store({ url: 'https://:hunter2@s.example' }), 'holds a user or a password'],
  [store({ token: '' }), 'stores["weur/near"].token, is no text'],
  [store({ password: 'hunter2' }), 'a member that is not one of url, token'],
  ['{"stores": {"https://hunter2": "x"}}', 'stores...., is no object'],
  ['{"stores": [{"url": "https://hunter2"}]}', 'stores, is no object'],
  [kafka({ hunter2: 1 }), 'a member that is not one of dialect, url'],
])('%s is refused without a word of it', (json, problem) => {
  const made = () => parseConnections(json)
  expect(made).toThrow('The secret CONNECTIONS')
  expect(made).toThrow(problem)
  expect(made).not.toThrow('hunter2')
})
