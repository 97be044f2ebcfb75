import { expect, test } from 'vitest'
import type { ViewSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { ACTIVITY, lifetimeView } from '../support/shards.ts'

const hashOf = (view: ViewSpec, key = 'user_id') =>
  new Plan({
    entities: [{ name: 'user', keys: [{ name: key, type: 'string' }] }],
    sources: [ACTIVITY],
    views: [view],
    services: [{ name: 's', version: 1, features: ['ever.count'], owner: 'ann', tags: ['x'] }],
  }).hash

test('texts for people change no plan', () => {
  const { features, ...view } = lifetimeView
  const described = {
    ...view,
    description: 'all of it',
    features: features.map((one) => ({ ...one, description: 'n' })),
  }
  expect(hashOf(described)).toBe(hashOf(lifetimeView))
})

test('a key that is called like such a text is a key: what feeds it changes the plan', () => {
  for (const key of ['owner', 'tags', 'description']) {
    const fedBy = (field: string) => hashOf({ ...lifetimeView, key: { [key]: field } }, key)
    expect(fedBy('uid')).not.toBe(fedBy('friend'))
  }
})
