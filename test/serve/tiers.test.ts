import { expect, test } from 'vitest'
import {
  EntityStores,
  headAddress,
  MemoryStore,
  type OnlineStore,
  readCopy,
  WITHHELD,
  writeCopy,
} from '../../src/online/index.ts'
import { type EntityRuntime, Plan } from '../../src/plan/index.ts'
import {
  alone,
  Breaker,
  lookup,
  type NearStore,
  PartCache,
  parseFeaturesRequest,
  type Reach,
  typedRows,
} from '../../src/serve/index.ts'
import { MemoryStorage, Shard } from '../../src/shard/index.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const KEY = 'u1'

/** Two regions of one shard each, and a store of the first that both publish to. */
class Place {
  readonly plan: Plan
  clock = NOW
  readonly store = new MemoryStore()
  readonly reports: string[] = []
  readonly shards: readonly Shard[]
  readonly cut = new Set<string>()
  private readonly publishers: readonly EntityStores[]
  readonly cache = new PartCache()

  constructor(view: Partial<typeof lifetimeView> = {}) {
    this.plan = new Plan(definitionsOf([{ ...lifetimeView, ...view }]))
    const entity = this.plan.entities.get('user') as EntityRuntime
    const now = () => this.clock
    const storages = [new MemoryStorage(), new MemoryStorage()]
    this.shards = storages.map((storage, i) => {
      const part = { region: i + 1, epoch: 0, shard: 0 }
      return new Shard({ plan: this.plan, entity, part, shards: 1, storage, now, isCopied: true })
    })
    this.publishers = this.shards.map((shard, i) => {
      const place = { region: ['east', 'west'][i] as string, epoch: 0, shards: 1, shard: 0, sliceOf: () => 0 }
      const target = { name: 'east/redis', spec: { kind: 'redis' as const }, open: (): OnlineStore => this.store }
      const report = (problem: string) => this.reports.push(problem)
      return new EntityStores({
        entity,
        place,
        shard,
        storage: storages[i] as MemoryStorage,
        stores: [target],
        now,
        report,
      })
    })
  }

  /** Events of one user to a region. */
  send(region: 0 | 1, ...ids: string[]): void {
    const texts = ids.map((id) => eventText(plainEvent(id, KEY, this.clock - 10)))
    apply(this.shards[region] as Shard, message(this.plan, texts, this.clock))
  }

  async publish(): Promise<void> {
    this.clock += 5_000
    for (const { stores } of this.publishers) for (const store of stores) for (let i = 0; i < 4; i++) await store.send()
  }

  reach(more: Partial<Reach> = {}): Reach {
    const regions = ['east', 'west'].map((region, i) => {
      const open = async <T>(work: (shard: Shard) => T): Promise<T> => {
        if (this.cut.has(region)) throw new Error('cut off')
        return work(this.shards[i] as Shard)
      }
      return {
        region,
        epoch: 0,
        shardsOf: () => 1,
        shard: () => ({
          read: (message: Parameters<Shard['read']>[0]) => open((shard) => shard.read(message)),
          copies: (message: Parameters<Shard['copies']>[0]) => open((shard) => shard.copies(message)),
        }),
      }
    })
    const near: NearStore = { name: 'east/redis', store: this.store, breaker: new Breaker(() => this.clock, 1_000) }
    return {
      ...alone(regions[0] as Reach['regions'][number]),
      regions,
      holders: () => regions,
      nearStores: [near],
      now: () => this.clock,
      report: (problem) => this.reports.push(problem),
      ...more,
    }
  }

  /** `[count, status, parts]` of the user, or the failure. */
  async read(body: object = {}, reach = this.reach()) {
    const request = parseFeaturesRequest(
      this.plan,
      { features: ['ever.count'], entities: [{ user_id: KEY }], ...body },
      this.clock,
    )
    if ('status' in request) throw new Error(request.detail)
    const rows = await lookup(this.plan, reach, request)
    if ('failure' in rows) return rows
    const [row] = typedRows(request.vector, rows, true)
    return {
      count: row?.features.count,
      status: row?.metadata?.status.count,
      parts: row?.metadata?.parts,
      commits: row?.metadata?.commits,
    }
  }

  private at(region: string) {
    return { kind: 'entity', entity: 'user', region, place: 0, key: this.keyIn(region) } as const
  }

  private keyIn(region: string): string {
    const start = `entity/user/${region}/0/`
    const found = [...this.store.texts.keys()].find((address) => address.startsWith(start))
    if (found === undefined) throw new Error(`no copy of ${region}`)
    return found.slice(start.length)
  }

  /** Puts another text where the copy of a region is. */
  damage(region: string, change: (text: string) => string): void {
    const address = `entity/user/${region}/0/${this.keyIn(region)}`
    this.store.texts.set(address, change(this.store.texts.get(address) ?? ''))
  }

  copyOf(region: string) {
    const at = this.at(region)
    const copy = readCopy(this.store.texts.get(`entity/user/${region}/0/${at.key}`) ?? '', at)
    if ('passedOver' in copy) throw new Error(copy.passedOver)
    return copy
  }
}

async function filled(view?: Partial<typeof lifetimeView>): Promise<Place> {
  const place = new Place(view)
  place.send(0, 'a', 'b')
  place.send(1, 'c')
  await place.publish()
  return place
}

test('each part is read in the nearest tier that is fresh enough, and its age is told', async () => {
  const place = await filled()
  const reach = place.reach({ cache: place.cache })
  const stored = await place.read({ maxStalenessMs: 10_000 }, reach)
  expect(stored).toMatchObject({ count: 3, status: 'present' })
  expect(stored).toHaveProperty('parts', [
    { region: 'east', ageMs: 0, tier: 'store' },
    { region: 'west', ageMs: 0, tier: 'store' },
  ])
  place.send(0, 'd')
  place.clock += 100
  expect(await place.read({ maxStalenessMs: 10_000 }, reach)).toHaveProperty('parts.0', {
    region: 'east',
    ageMs: 100,
    tier: 'isolate',
  })
  // The store has not heard of the new event, and says how old it is by its head: too old, so the shard is asked.
  place.clock += 20_000
  expect(await place.read({ maxStalenessMs: 10_000 }, reach)).toMatchObject({
    count: 4,
    parts: [{ tier: 'shard' }, { tier: 'shard' }],
  })
  expect(await place.read({ maxStalenessMs: 0 }, reach)).toMatchObject({
    count: 4,
    parts: [{ ageMs: 0 }, { ageMs: 0 }],
  })
})

test.each([
  [
    'a copy of a newer format',
    (text: string) => text.replace('"format":1', '"format":2'),
    'is of format 2; this code reads 1',
  ],
  ['a damaged copy', (text: string) => `${text.slice(0, -8)}AAAAAAA=`, 'is damaged'],
  ['a text of another tool', () => 'SELECT 1', 'was not written by Tidemark'],
  ['the copy of another entity', (text: string) => text.replace('/user/', '/shop/'), 'is one of entity/shop/'],
])('%s is passed over by name, and never served as a value', async (_name, change, why) => {
  const place = await filled()
  place.damage('west', change)
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 3,
    status: 'present',
    parts: [{ tier: 'store' }, { tier: 'shard' }],
  })
  expect(place.reports.join()).toContain(why)
  expect(place.reports.join()).toContain('east/redis')
  place.cut.add('west')
  const cutOff = await place.read({ maxStalenessMs: 60_000 })
  expect(cutOff).toMatchObject({
    count: 2,
    status: 'partial',
    parts: [{ tier: 'store' }, { region: 'west', ageMs: null }],
  })
})

test('a copy from an hour ahead was made by a clock that is wrong: its age cannot be told, so the shard is asked', async () => {
  const place = await filled()
  place.send(1, 'later')
  place.clock += 3_600_000
  await place.publish()
  place.clock -= 3_600_000
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 4,
    parts: [{ tier: 'shard' }, { tier: 'shard' }],
  })
  expect(place.reports.join()).toContain('the clock of west is wrong')
})

test('an entity that is too large for the store is asked of its shard, and is no entity without a state', async () => {
  const place = await filled()
  place.damage('west', () => writeCopy({ ...place.copyOf('west'), body: WITHHELD }))
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 3,
    parts: [{ tier: 'store' }, { tier: 'shard' }],
  })
  place.cut.add('west')
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({ count: 2, status: 'partial' })
})

test('no copy means no state only where the head of the shard says that all are there', async () => {
  const place = new Place()
  place.send(0, 'a')
  await place.publish()
  // West has nothing of the user, and says so.
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 1,
    status: 'present',
    parts: [{ tier: 'store' }, { tier: 'store' }],
  })
  const { kind, entity, region, place: number, key } = headAddress({ entity: 'user', region: 'west', shard: 0 })
  place.store.texts.delete(`${kind}/${entity}/${region}/${number}/${key}`)
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 1,
    parts: [{ tier: 'store' }, { tier: 'shard' }],
  })
  place.cut.add('west')
  expect(await place.read({ maxStalenessMs: 60_000 })).toMatchObject({
    count: 1,
    status: 'partial',
    parts: [{}, { ageMs: null }],
  })
})

test('a region that is cut off is served from its copy with its age, whatever was asked for', async () => {
  const place = await filled()
  place.cut.add('west')
  place.clock += 90_000
  expect(await place.read({ maxStalenessMs: 0 })).toMatchObject({
    count: 3,
    status: 'present',
    parts: [
      { region: 'east', ageMs: 0, tier: 'shard' },
      { region: 'west', ageMs: 90_000, tier: 'store' },
    ],
  })
})

test('without any part there is no answer, and nothing that looks like one', async () => {
  const place = await filled()
  place.cut.add('east').add('west')
  const found = await place.read({ maxStalenessMs: 0 }, place.reach({ nearStores: [] }))
  expect(found).toMatchObject({ failure: 'unavailable' })
})

test('read your writes: a tier that has not seen the commit is passed by, and a shard that has not says so', async () => {
  const place = await filled()
  place.send(1, 'd')
  const after = ['west/user/0/0/2']
  expect(await place.read({ maxStalenessMs: 60_000, after })).toMatchObject({
    count: 4,
    parts: [{ tier: 'store' }, { tier: 'shard' }],
  })
  expect(await place.read({ maxStalenessMs: 60_000, after: ['west/user/0/0/9'] })).toEqual({
    failure: 'commit_not_seen',
    commit: 'west/user/0/0/2',
  })
  place.cut.add('west')
  expect(await place.read({ maxStalenessMs: 60_000, after })).toEqual({
    failure: 'commit_not_seen',
    commit: 'west/user/0/0/1',
  })
  expect(await place.read({ after: ['south/user/0/0/1'] })).toMatchObject({ failure: 'unknown_commit' })
})

test('what a store answers that is older than what was read before takes nobody back', async () => {
  const place = await filled()
  const old = place.copyOf('west')
  place.send(1, 'd')
  await place.publish()
  const reach = place.reach({ cache: place.cache })
  expect(await place.read({ maxStalenessMs: 60_000 }, reach)).toMatchObject({ count: 4 })
  // A replica that lags behind, asked again because what is held is too old.
  place.damage('west', () => writeCopy(old))
  place.cut.add('west')
  place.clock += 120_000
  expect(await place.read({ maxStalenessMs: 1_000 }, reach)).toMatchObject({ count: 4, status: 'present' })
})

test('a head of another definition says nothing of since when a value is complete', async () => {
  const { since: _, ...open } = lifetimeView
  const place = await filled({ ...open, since: undefined } as never)
  const other = new Place({ name: 'ever', exactRows: 3 })
  other.store.texts.clear()
  for (const [address, text] of place.store.texts) other.store.texts.set(address, text)
  other.cut.add('east').add('west')
  other.clock = place.clock
  const found = await other.read({ maxStalenessMs: 60_000 })
  expect('failure' in found ? found.failure : found.status).not.toBe('present')
})

test('copies in an isolate stay within their bytes, the least recently used go', async () => {
  const cache = new PartCache(1_000)
  const part = {
    state: null,
    version: undefined,
    epoch: 0,
    shard: 0,
    seq: 1,
    asOfMs: 1,
    history: null,
    tier: 'store' as const,
    size: 400,
  }
  for (const address of ['a', 'b']) cache.put(address, part)
  cache.get('a')
  cache.put('c', part)
  expect([cache.get('a'), cache.get('b'), cache.get('c')].map((one) => one !== undefined)).toEqual([true, false, true])
  expect(cache.bytes).toBeLessThanOrEqual(1_000)
})
