import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { VIEW } from '../../src/define/feature-view.ts'
import {
  batchSource,
  DefinitionError,
  debezium,
  definitions,
  entity,
  featureService,
  featureView,
  latest,
  streamSource,
  tableSource,
  vector,
  webhook,
} from '../../src/define/index.ts'

const user = entity('user', { user_id: z.string() })
const values = z.object({
  user_id: z.string(),
  lifetime_value: z.number(),
  taste: vector(3).optional(),
  as_of: z.iso.datetime({ offset: true }),
})
const right = { entity: user, values, time: 'as_of' } as const

function wrong(declare: () => unknown): DefinitionError {
  try {
    declare()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  throw new Error('it was taken')
}

describe('a batch source', () => {
  it('is a source and a view of one name, whose features are the values of the newest row', () => {
    const ltv = batchSource('ltv', { ...right, ttl: '2d' })
    const { spec, sources } = ltv[VIEW]
    expect([spec.name, sources[0]?.name, sources[0]?.idempotency]).toEqual(['ltv', 'ltv', 'content'])
    expect(spec.features.map(({ name, aggregate, window, ttlMs }) => [name, aggregate, window.kind, ttlMs])).toEqual([
      ['lifetime_value', 'latest', 'lifetime', 172_800_000],
      ['taste', 'latest', 'lifetime', 172_800_000],
    ])
    expect(spec.since).toBe('beginning')
    const { spec: all } = definitions({ services: [featureService('s', [ltv.lifetime_value])] })
    expect(all.sources.map(({ name }) => name)).toEqual(['ltv'])
  })

  it('has a source and a view of its own for each version', () => {
    const [one, two] = [batchSource('ltv', right), batchSource('ltv', { ...right, version: 2 })]
    expect([one[VIEW].spec.name, two[VIEW].spec.name, two[VIEW].sources[0]?.name]).toEqual(['ltv', 'ltv_v2', 'ltv_v2'])
    expect(definitions({ services: [], views: [one, two] }).spec.sources).toHaveLength(2)
  })

  it('changes the hash of its definitions with its ttl', () => {
    const hashes = ['1d', '2d'].map(
      (ttl) => definitions({ services: [], views: [batchSource('ltv', { ...right, ttl: ttl as '1d' })] }).hash,
    )
    expect(hashes[0]).not.toBe(hashes[1])
  })

  it.each([
    ['no entity', () => batchSource('ltv', { ...right, entity: undefined as never }), 'entity is not one'],
    ['a typo of an option', () => batchSource('ltv', { ...right, tll: '2d' } as never), 'Did you mean "ttl"?'],
    ['a typo of the time', () => batchSource('ltv', { ...right, time: 'as_off' as never }), 'Did you mean "as_of"?'],
    [
      'a key that rows do not have',
      () => batchSource('ltv', { ...right, entity: entity('item', { item_id: z.string() }) }),
      'item_id',
    ],
    [
      'no value',
      () =>
        batchSource('ltv', {
          ...right,
          values: z.object({ user_id: z.string(), as_of: z.iso.datetime({ offset: true }) }),
        }),
      'no value',
    ],
    ['a ttl that is none', () => batchSource('ltv', { ...right, ttl: 'soon' as never }), 'ttl'],
    ['a version of 0', () => batchSource('ltv', { ...right, version: 0 }), 'version is a whole number from 1'],
    [
      'a value whose name is no feature',
      () =>
        batchSource('ltv', {
          ...right,
          values: z.object({ user_id: z.string(), LTV: z.number(), as_of: z.iso.datetime({ offset: true }) }),
        }),
      "Write 'ltv'",
    ],
  ])('refuses %s when it is declared', (_what, declare, says) => {
    expect(wrong(declare).message).toContain(says)
  })
})

describe('a ttl of latest', () => {
  const events = streamSource('clicks', {
    event: z.object({ id: z.string(), uid: z.string(), type: z.string(), at: z.iso.datetime({ offset: true }) }),
    id: 'id',
    time: 'at',
    from: [webhook()],
  })
  const viewOf = (options: object, over?: string) =>
    featureView('v', { entity: user, source: events, key: { user_id: 'uid' } }, (e) => {
      const feature = latest(e.type, options as { ttl: '1h' })
      return { last: over === undefined ? feature : feature.over(over as '1h') }
    })

  it('is in the spec of the feature, in ms', () => {
    expect(viewOf({ ttl: '1h' })[VIEW].spec.features[0]).toMatchObject({ aggregate: 'latest', ttlMs: 3_600_000 })
    expect(viewOf({})[VIEW].spec.features[0]).not.toHaveProperty('ttlMs')
  })

  it('is refused over a window, which ends by itself, and for what is no duration', () => {
    expect(wrong(() => viewOf({ ttl: '1h' }, '2d')).message).toContain('a window ends by itself')
    expect(wrong(() => viewOf({ ttl: '1y' })).message).toContain('ttl')
    expect(wrong(() => viewOf({ tttl: '1h' })).message).toContain('there is no option "tttl"')
  })
})

describe('names of fields', () => {
  const at = z.iso.datetime({ offset: true })
  it('do not begin as the columns of the log do', () => {
    const stream = () =>
      streamSource('s', {
        event: z.object({ id: z.string(), tm_key: z.string(), at }),
        id: 'id',
        time: 'at',
        from: [webhook()],
      })
    const table = () =>
      tableSource('t', {
        row: z.object({ id: z.string(), tm_seq: z.string() }),
        key: 'id',
        from: [webhook({ format: debezium() })],
      })
    expect(wrong(stream).message).toContain(
      'the log\'s own columns begin with tm_. Have it renamed by the sender: "key"',
    )
    expect(wrong(table).code).toBe('bad_name')
  })
})
