/** What must be so when everything is well again: nothing waits, and every region says the truth from every tier. */
import { expect } from 'vitest'
import type { Load } from './load.ts'
import type { TestRegions } from './regions.ts'
import type { TestStores } from './stores.ts'
import { featuresOf, type ReadOf, type Row, type Truth, VIEWS } from './truth.ts'

interface StoreAnswer {
  readonly store: string
  readonly waiting: number
  readonly pages: { readonly done: number; readonly all: number }
  readonly problems: readonly string[]
}

const SETTLED_MS = 90_000
const ACCOUNTS = ['account_stats.count', 'account_stats.balance']

/** How each store does that a region publishes to. */
export const storesOf = async (regions: TestRegions, name: string): Promise<readonly StoreAnswer[]> =>
  (await regions.region(name).call<{ stores: readonly StoreAnswer[] }>('GET', '/v1/stores')).stores

/** Waits until the shards have told every store that there is nothing yet. */
export async function ready(regions: TestRegions, load: Load): Promise<void> {
  await regions.wake()
  for (const name of regions.all.keys()) {
    for (const entity of ['user', 'campaign', 'buyer'] as const) {
      const keys = Array.from({ length: 8 }, (_, i) => `nobody-${name}-${i}-${Date.now()}`)
      const tiers = async () => tiersOf(await load.rows(name, entity, keys, { maxStalenessMs: 60_000 }))
      await expect.poll(async () => (await tiers()).includes('shard'), { timeout: SETTLED_MS }).toBe(false)
    }
  }
}

/** Waits until no queue between regions has anything, and every store has what every shard has. */
export async function settle(regions: TestRegions): Promise<void> {
  for (const name of regions.all.keys()) {
    for (const source of ['orders', 'carts', 'accounts']) {
      const waiting = async () => {
        const path = `/v1/sources/${source}`
        const { forwards = [] } = await regions.region(name).call<{ forwards?: { events: number }[] }>('GET', path)
        return forwards.reduce((sum, { events }) => sum + events, 0)
      }
      await expect.poll(waiting, { timeout: SETTLED_MS, interval: 100 }).toBe(0)
    }
  }
}

/** Waits until every store has what every shard has. */
export async function published(regions: TestRegions): Promise<void> {
  for (const name of regions.all.keys()) {
    const behind = async () =>
      (await storesOf(regions, name)).filter(
        ({ waiting, pages, problems }) => waiting > 0 || pages.done < pages.all || problems.length > 0,
      )
    await expect.poll(behind, { timeout: SETTLED_MS, interval: 100 }).toEqual([])
  }
}

const keysOf = ({ users, campaigns }: Truth, entity: ReadOf['entity']): readonly string[] =>
  entity === 'campaign' ? campaigns : users

function expectTruth(truth: Truth, entity: ReadOf['entity'], rows: readonly Row[], where: string): void {
  rows.forEach((row, i) => {
    const key = keysOf(truth, entity)[i] as string
    const want = VIEWS[entity].flatMap((view) => truth.total(view, key))
    if (entity === 'user') want.push(...(truth.owned(key) as unknown as number[]))
    expect(row.values, `${key} in ${where}: ${JSON.stringify(row)}`).toEqual(want)
    expect(row.status, `${key} in ${where}: ${JSON.stringify(row)}`).not.toContain('partial')
  })
}

const wanted = (entity: ReadOf['entity']) =>
  entity === 'user' ? [...featuresOf(entity), ...ACCOUNTS] : featuresOf(entity)

const tiersOf = (rows: readonly Row[]): (string | null)[] => [
  ...new Set(rows.flatMap(({ parts }) => parts.map(({ ageMs, tier }) => (ageMs === null ? null : (tier ?? null))))),
]

/** Every region's answer for every entity, read from the shards, is the truth. Waits for links that have failed to be tried again. */
export async function expectFromShards(regions: TestRegions, load: Load, truth: Truth): Promise<void> {
  for (const name of regions.all.keys()) {
    for (const entity of ['user', 'campaign', 'buyer'] as const) {
      const rows = () => load.rows(name, entity, keysOf(truth, entity), { maxStalenessMs: 0 }, wanted(entity))
      await expect.poll(async () => tiersOf(await rows()), { timeout: SETTLED_MS, interval: 250 }).toEqual(['shard'])
      // The rows of the table come to the entities a moment after they are taken.
      if (entity === 'user') {
        const owned = async () => (await rows()).map(({ values }) => values.slice(-2))
        const want = truth.users.map((user) => truth.owned(user))
        await expect.poll(owned, { timeout: SETTLED_MS, interval: 250 }).toEqual(want)
      }
      expectTruth(truth, entity, await rows(), `${name} at the shards`)
    }
  }
}

/** In processes that have read nothing yet, every region's answer is the truth, read from a store; and then from what it keeps. */
export async function expectFromStores(regions: TestRegions, load: Load, truth: Truth): Promise<void> {
  for (const name of regions.all.keys()) {
    for (const entity of ['user', 'campaign', 'buyer'] as const) {
      for (const tier of ['store', 'isolate']) {
        const rows = await load.rows(name, entity, keysOf(truth, entity), { maxStalenessMs: 60_000 }, wanted(entity))
        expect(tiersOf(rows), `${entity} in ${name}`).toEqual([tier])
        expectTruth(truth, entity, rows, `${name}, ${tier}`)
      }
    }
  }
}

/** What the SQL of every region's database says of each region's part is the truth of that part. */
export async function expectInSql(regions: TestRegions, stores: TestStores, truth: Truth): Promise<void> {
  const names = [...regions.all.keys()]
  for (const at of names) {
    const { rows } = await stores.store(`${at}/sql`).sql.execute(
      `select region, entity, key, sum(features ->> '$."click_stats.count"') as clicks,
              sum(features ->> '$."order_stats.amount"') as ordered, sum(features ->> '$."campaign_stats.count"') as shown
       from tidemark_features group by region, entity, key`,
    )
    const found = new Map(rows.map((row) => [`${row.region}/${row.entity}/${row.key}`, row]))
    for (const home of names) {
      for (const user of truth.users) {
        const row = found.get(`${home}/user/${user}`)
        const where = `${home}'s part of ${user} in ${at}/sql`
        expect(Number(row?.clicks ?? 0), where).toBe(truth.total('click_stats', user, home)[0])
        expect(Number(row?.ordered ?? 0), where).toBe(truth.total('order_stats', user, home)[1] ?? 0)
      }
      for (const campaign of truth.campaigns) {
        const row = found.get(`${home}/campaign/${campaign}`)
        const where = `${home}'s part of ${campaign} in ${at}/sql`
        expect(Number(row?.shown ?? 0), where).toBe(truth.total('campaign_stats', campaign, home)[0])
      }
    }
  }
}
