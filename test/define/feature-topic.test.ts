import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  DefinitionError,
  definitions,
  entity,
  featureService,
  featureTopic,
  featureView,
  streamSource,
  webhook,
} from '../../src/define/index.ts'
import { Plan } from '../../src/plan/index.ts'

const user = entity('user', { user_id: z.string() })
const shop = entity('shop', { shop_id: z.string() })
const clicks = streamSource('clicks', {
  event: z.object({ id: z.string(), uid: z.string(), at: z.iso.datetime({ offset: true }) }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const features = () => ({ clicks: count().over('1h') })
const a = featureView('a', { entity: user, source: clicks, key: { user_id: 'uid' } }, features)
const b = featureView('b', { entity: user, source: clicks, key: { user_id: 'uid' } }, features)
const c = featureView('c', { entity: shop, source: clicks, key: { shop_id: 'uid' } }, features)
const services = [featureService('s', [a])] as const

test('a topic is data, with defaults, and its views are part of what is deployed', () => {
  const topic = featureTopic('user_features', { views: [b, a, b], topic: 'features.user' })
  expect(topic.spec).toEqual({
    name: 'user_features',
    entity: 'user',
    views: ['a', 'b'],
    topic: 'features.user',
    cluster: 'default',
    flushMs: 1_000,
    state: false,
  })
  const { spec } = definitions({ services, topics: [topic] })
  expect(spec.topics).toEqual([topic.spec])
  expect(spec.views.map(({ name }) => name)).toEqual(['a', 'b'])
})

test('a topic changes the plan, and none leaves it as it was', () => {
  const hashOf = (...topics: ReturnType<typeof featureTopic>[]) => new Plan(definitions({ services, topics }).spec).hash
  const topic = (flush: '1s' | '2s', description?: string) =>
    featureTopic('t', { views: [a], topic: 't', flush, ...(description !== undefined && { description }) })
  expect(definitions({ services, topics: [] }).spec).toEqual(definitions({ services }).spec)
  expect(hashOf(topic('1s'))).not.toBe(hashOf())
  expect(hashOf(topic('1s'))).not.toBe(hashOf(topic('2s')))
  expect(hashOf(topic('1s', 'text'))).toBe(hashOf(topic('1s')))
})

const valid = { views: [a], topic: 't' }
test.each([
  [() => featureTopic('T', valid), 'lower-case letters'],
  [() => featureTopic('t', { ...valid, views: [] }), 'a topic needs views'],
  [() => featureTopic('t', { ...valid, views: [a, c] }), 'views are of user and shop'],
  [() => featureTopic('t', { ...valid, views: [user as never] }), 'item 1 of views is no featureView'],
  [() => featureTopic('t', { ...valid, topic: 'a b' }), 'got "a b"'],
  [() => featureTopic('t', { ...valid, topic: '{zone}' }), 'may have {region}'],
  [() => featureTopic('t', { ...valid, cluster: '' }), 'one of the secret CONNECTIONS'],
  [() => featureTopic('t', { ...valid, flush: '1ms' }), 'at least 100ms'],
  [() => featureTopic('t', { ...valid, state: 1 as never }), 'state is true or false'],
  [() => featureTopic('t', { ...valid, flsh: '1s' } as never), 'Did you mean "flush"?'],
  [
    () => definitions({ services, topics: [featureTopic('t', valid), featureTopic('u', valid)] }),
    't and u both publish to t',
  ],
  [() => definitions({ services, topics: [{} as never] }), 'item 1 of topics is no featureTopic'],
])('%#: a mistake is refused, and told how to mend it', (declare, message) => {
  expect(declare).toThrow(DefinitionError)
  expect(declare).toThrow(message)
})
