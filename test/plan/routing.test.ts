import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import {
  count,
  debezium,
  definitions,
  enrich,
  entity,
  featureService,
  featureView,
  json,
  kafka,
  streamSource,
  tableSource,
  webhook,
} from '../../src/define/index.ts'
import {
  homesOf,
  Plan,
  pullingRegion,
  type Region,
  type Routing,
  routingOf,
  routingProblems,
} from '../../src/plan/index.ts'

const event = z.object({
  id: z.string(),
  uid: z.string(),
  country: z.string(),
  kind: z.enum(['a', 'b']),
  n: z.int(),
  product: z.string(),
  at: z.iso.datetime({ offset: true }),
})
const declared = { event, id: 'id', time: 'at' } as const
const user = entity('user', { user_id: z.string() })
const products = tableSource('products', {
  row: z.object({ id: z.string(), category: z.string() }),
  key: 'id',
  from: [webhook({ format: debezium() })],
})
const clicks = streamSource('clicks', { ...declared, from: [webhook()] })
const orders = streamSource('orders', { ...declared, from: [kafka('orders', { format: json() })] })
const looks = streamSource('looks', {
  ...declared,
  from: [webhook()],
  enrich: enrich(products, { on: 'product', fields: ['category'], unknown: 'refuse' }),
})
const stats = (name: string, of: typeof clicks) =>
  featureView(name, { entity: user, source: of, key: { user_id: 'uid' } }, () => ({ n: count().over('1h') }))
const views = [stats('clicked', clicks), stats('ordered', orders), stats('looked', looks as unknown as typeof clicks)]
const [first, ...others] = views.map((view, i) => featureService(`service_${i}`, [view]))
if (first === undefined) throw new Error('no service')
const plan = new Plan(definitions({ services: [first, ...others] }).spec)
const region = (name: string, id: number, environment?: string): Region => ({
  name,
  id,
  epoch: 0,
  shards: { default: 2 },
  ...(environment !== undefined && { environment }),
})
const regions = [region('weur', 1), region('enam', 2), region('apac', 3), region('weur-staging', 4, 'staging')]
const [weur, enam, , staging] = regions as [Region, Region, Region, Region]
const source = (name: string) => {
  const found = plan.sources.get(name)
  if (found === undefined) throw new Error(`no source ${name}`)
  return found
}

describe('where a source lives', () => {
  test('a stream in the region that gets it, a table in the first, what is enriched where its table is', () => {
    expect(routingOf({}, regions, enam, source('clicks'))).toBe('local')
    expect(routingOf({}, regions, enam, source('products'))).toEqual({ home: 'weur' })
    expect(routingOf({}, regions, enam, source('looks'))).toEqual({ home: 'weur' })
    expect(routingOf({ products: { home: 'apac' } }, regions, enam, source('looks'))).toEqual({ home: 'apac' })
  })

  test('in an environment of one region that region keeps all', () => {
    const routing: Routing = { clicks: { home: 'enam' } }
    expect(routingOf(routing, regions, staging, source('clicks'))).toBe('local')
    expect(routingOf(routing, regions, staging, source('products'))).toBe('local')
  })

  test('the first region of an environment stands in for one that it does not have', () => {
    const two = [...regions, region('enam-staging', 5, 'staging')]
    const routing: Routing = { clicks: { by: 'country', homes: { de: 'enam' }, otherwise: 'apac' } }
    const how = routingOf(routing, two, staging, source('clicks'))
    expect(how).toEqual({ by: 'country', homes: { de: 'weur-staging' }, otherwise: 'weur-staging' })
    expect(homesOf(routing, two, staging, source('clicks')).map(({ name }) => name)).toEqual(['weur-staging'])
  })

  test('its home pulls its topics, or the first region of the environment', () => {
    expect(pullingRegion({}, regions, enam, source('orders'))).toBe('weur')
    expect(pullingRegion({ orders: { home: 'apac' } }, regions, weur, source('orders'))).toBe('apac')
    expect(pullingRegion({}, regions, staging, source('orders'))).toBe('weur-staging')
  })

  test('a source by the name of a property of objects is routed as any other', () => {
    const named = { ...source('clicks'), spec: { ...source('clicks').spec, name: 'constructor' } }
    expect(routingOf({}, regions, enam, named)).toBe('local')
  })
})

describe('what is wrong with a routing is said with the way to mend it', () => {
  const problems = (routing: unknown) => routingProblems(plan.sources, regions, routing as Routing)

  test('nothing, where all is right', () => {
    expect(
      problems({
        clicks: { by: 'country', homes: { de: 'weur' }, otherwise: 'enam' },
        orders: { home: 'enam' },
        products: { home: 'apac' },
        looks: { home: 'apac' },
      }),
    ).toEqual([])
    expect(problems({})).toEqual([])
    // Staging alone is routed: production is as if nothing were said.
    expect(problems({ orders: { home: 'weur-staging' } })).toEqual([])
  })

  test.each<[string, unknown, string]>([
    [
      'a source that is not there',
      { click: 'local' },
      'routing.click: there is no source "click". Did you mean "clicks"?',
    ],
    [
      'a region that is not there',
      { clicks: { home: 'weru' } },
      'there is no region "weru" in regions.ts. Did you mean "weur"?',
    ],
    ['a home of a value', { clicks: { by: 'country', homes: { de: 'wuer' }, otherwise: 'enam' } }, 'no region "wuer"'],
    [
      'a field that is not there',
      { clicks: { by: 'contry', homes: {}, otherwise: 'weur' } },
      'no field "contry". Did you mean "country"?',
    ],
    ['a field that is no text', { clicks: { by: 'n', homes: {}, otherwise: 'weur' } }, '"by" names n, which is int'],
    ['a field of a topic', { orders: { by: 'country', homes: {}, otherwise: 'weur' } }, 'this source reads a topic'],
    ['a table that is local', { products: 'local' }, 'a table has one home'],
    ['a table by a field', { products: { by: 'category', homes: {}, otherwise: 'weur' } }, 'a table has one home'],
    [
      'a table with a home of before, whose rows would count twice',
      { products: { home: 'enam', before: ['weur'] } },
      'routing.products: a table has no "before"',
    ],
    [
      'a home of another environment than those that are named beside it',
      { clicks: { by: 'country', homes: { de: 'weur', us: 'weur-staging' }, otherwise: 'enam' } },
      'routing.clicks: region "weur-staging" is of the environment staging, and the others that are named are of production, such as weur',
    ],
    ['an enriched stream away from its table', { looks: { home: 'enam' } }, 'only there its rows are known'],
    ['an enriched stream that is local', { looks: 'local' }, 'the table products, which lives in the first region'],
  ])('%s', (_what, routing, said) => {
    expect(problems(routing)).toEqual([expect.stringContaining(said)])
  })
})
