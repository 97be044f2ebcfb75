import { expect, test } from 'vitest'
import { secretProblems, tokenFor } from '../../scripts/deploy/secrets.ts'
import type { SourceSpec } from '../../src/engine/index.ts'
import { Plan, type Region } from '../../src/plan/index.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../support/shards.ts'

const topic = {
  kind: 'kafka',
  topic: 'activity',
  cluster: 'main',
  format: { kind: 'avro', registry: 'schemas' },
  start: 'earliest',
  onGap: 'halt',
  onPoison: 'park',
  lingerMs: 0,
  maxIdleMs: 1_000,
} as const
const source: SourceSpec = { ...ACTIVITY, from: [topic] }
const { sources: _, ...rest } = definitionsOf([lifetimeView])
const plan = new Plan({ ...rest, sources: [source] })
const weur: Region = { name: 'weur', id: 1, epoch: 0, shards: { default: 1 } }
const problems = (connections: object | string) =>
  secretProblems(weur, [weur], plan, {
    CONNECTIONS: typeof connections === 'string' ? connections : JSON.stringify(connections),
  })

const kafka = { main: { dialect: 'redpanda', url: 'https://kafka.example' } }
const registries = { schemas: { url: 'https://registry.example' } }
const key = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

test('clusters and registries that definitions name are looked for where the secret is given', () => {
  expect(secretProblems(weur, [weur], plan, {})).toEqual([])
  expect(problems({ kafka, registries })).toEqual([])
  expect(problems({})).toEqual([
    'The secret CONNECTIONS has no Kafka cluster main: add it under "kafka".',
    'The secret CONNECTIONS has no registry schemas: add it under "registries".',
  ])
})

test('keys of a webhook for a source that there is not are told; what is not close to a name is not shown', () => {
  expect(problems({ kafka, registries, webhooks: { activity: [key] } })).toEqual([])
  expect(problems({ kafka, registries, webhooks: { activty: [key] } })).toEqual([
    'The secret CONNECTIONS has keys under "webhooks" for a source "activty" that there is not. Did you mean "activity"? There is: activity.',
  ])
  expect(problems({ kafka, registries, webhooks: { hunter2hunter2: [key] } }).join()).not.toContain('hunter2')
  expect(problems('hunter2').join()).not.toContain('hunter2')
})

test('a token is taken from TOKENS that may do all that a deployment asks', () => {
  const tokens = JSON.stringify({ anonymous: ['*'], a: ['admin'], b: ['admin', 'read:*'] })
  expect(tokenFor(tokens, ['admin', 'read:fraud'])).toBe('b')
  expect(tokenFor(tokens, ['sources'])).toBeUndefined()
  expect(tokenFor('{', ['admin'])).toBeUndefined()
})
