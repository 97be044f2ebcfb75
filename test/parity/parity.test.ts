import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ViewSpec } from '../../src/engine/index.ts'
import {
  type Manifest,
  manifestKey,
  type Removal,
  readManifest,
  sha256,
  writeManifest,
} from '../../src/offline/index.ts'
import { openDuck } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { type Random, random } from '../support/random.ts'
import { definitionsOf, lifetimeView, randomDefinitions, type SentEvent } from '../support/shards.ts'
import { randomEvents } from '../support/streams.ts'
import { NOW, ParityWorld, SHARD } from './parity-world.ts'

const KEYS = ['a', 'b', 'c', 'ü,"\\', '', 'never']

function sentEvents(r: Random, count: number): { readonly event: SentEvent; readonly clock: number }[] {
  return randomEvents(r, count).map(({ time, availableAt, fields }, i) => ({
    event: { id: `e${i}`, uid: r.pick(KEYS.slice(0, 5)), friend: r.pick(KEYS.slice(0, 3)), at: time, fields },
    clock: availableAt,
  }))
}

test('of all vectors that were served, while events came late and twice and the shard died, none is another by the log', async () => {
  let compared = 0
  for (let seed = 1; seed <= 25; seed++) {
    const r = random(seed)
    const world = new ParityWorld(new Plan(randomDefinitions(r)), r)
    try {
      const events = sentEvents(r, r.int(40, 250))
      let served = 0
      for (let at = 0; at < events.length; ) {
        const size = r.int(1, 30)
        const batch = events.slice(at, at + size)
        world.clock = batch.at(-1)?.clock ?? world.clock
        const again = r.chance(0.2) ? events.slice(Math.max(0, at - 5), at) : []
        world.send([...again, ...batch].map(({ event }) => event))
        at += size
        // Also times that lie behind and ahead.
        served += await world.serve(world.plan.featureNames, KEYS, world.clock + r.pick([0, 0, -2_000, 5, 86_400_000]))
        if (r.chance(0.3)) await world.flushLog()
        if (r.chance(0.3)) await world.keepServed()
        if (r.chance(0.1)) {
          await world.keepServed()
          world.restart()
        }
      }
      await world.keepServed()
      await world.flushLog()
      const report = await world.check()
      expect(report.mismatches, `seed ${seed}`).toEqual([])
      expect(report.vectors, `seed ${seed}`).toMatchObject({ mismatched: 0, earlierDefinitions: 0 })
      expect(report.vectors.skipped).toEqual({
        behind: 0,
        unlogged: 0,
        erased: 0,
        definitions: 0,
        untold: 0,
        damaged: 0,
      })
      expect(report.vectors.compared).toBeLessThanOrEqual(served)
      expect(report.values.same).toBeGreaterThan(report.vectors.compared)
      compared += report.vectors.compared
    } finally {
      world.end()
    }
  }
  expect(compared).toBeGreaterThan(1_000)
}, 120_000)

const lifetime = { kind: 'lifetime' } as const
const statsView: ViewSpec = {
  ...lifetimeView,
  name: 'stats',
  features: [
    { name: 'units', aggregate: 'sum', field: 'units', window: lifetime },
    { name: 'newest', aggregate: 'latest', field: 'kind', window: lifetime },
  ],
}
const HOUR_MS = 3_600_000
const hourView = (more: Partial<ViewSpec> = {}): ViewSpec => ({
  ...lifetimeView,
  name: 'hourly',
  features: [{ name: 'count', aggregate: 'count', window: { kind: 'sliding', widthMs: HOUR_MS, delayMs: 0 } }],
  ...more,
})

let world: ParityWorld | undefined
afterEach(() => world?.end())

/** Six events of two users, each with other units. */
function started(views: readonly ViewSpec[], seed = 40): ParityWorld {
  const made = new ParityWorld(new Plan(definitionsOf(views)), random(seed))
  world = made
  made.deaths = 0
  for (let i = 1; i <= 6; i++) {
    made.clock = NOW + i * 1_000
    made.send([event(`e${i}`, i % 2 === 0 ? 'even' : 'odd', made.clock, { units: 10 ** i, kind: `k${i}` })])
  }
  made.clock += 1_000
  return made
}

const event = (id: string, uid: string, at: number, fields: SentEvent['fields']): SentEvent => ({
  id,
  uid,
  friend: uid,
  at,
  fields,
})

async function changeManifest(of: ParityWorld, change: (manifest: Manifest) => Manifest): Promise<void> {
  const key = manifestKey(SHARD)
  const stored = await of.objects.get(key)
  if (stored === undefined) throw new Error('no manifest')
  await of.objects.put(key, writeManifest(change(readManifest(stored.bytes, key))))
}

/** Writes every segment anew by a query over it, and makes the manifest say that this is how it was. */
async function plant(of: ParityWorld, sql: string): Promise<void> {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 200, temporary: of.folder })
  let manifest: Manifest | undefined
  await changeManifest(of, (found) => {
    manifest = found
    return found
  })
  const segments: Manifest['segments'][number][] = []
  for (const segment of manifest?.segments ?? []) {
    const beside = join(of.folder, 'planted')
    const file = join(of.folder, segment.key)
    await connection.run(
      `COPY (${sql.replace('FILE', `read_parquet('${file}', hive_partitioning = false)`)}) TO '${beside}' (FORMAT parquet)`,
    )
    const bytes = (await of.objects.get('planted'))?.bytes ?? new Uint8Array()
    await of.objects.put(segment.key, bytes)
    segments.push({ ...segment, bytes: bytes.length, sha256: await sha256(bytes) })
  }
  connection.closeSync()
  instance.closeSync()
  await of.objects.delete(['planted'])
  await changeManifest(of, (found) => ({ ...found, segments }))
}

test('a row of the log that says another value is found, and explained by its rows', async () => {
  const of = started([lifetimeView, statsView])
  await of.serve(of.plan.featureNames, ['even', 'odd'], of.clock)
  await of.keepServed()
  await of.flushLog()
  await plant(of, `SELECT * REPLACE (CASE WHEN tm_id = 'e4' THEN 7 ELSE units END AS units) FROM FILE`)
  const { vectors, features, mismatches, values } = await of.check()
  expect(vectors).toMatchObject({ compared: 2, mismatched: 1 })
  expect(values).toMatchObject({ same: 5, differs: 1, extra: 0, missing: 0 })
  expect(features[0]).toMatchObject({ feature: 'stats.units', verdicts: { same: 1, differs: 1 } })
  expect(mismatches).toHaveLength(1)
  expect(mismatches[0]).toMatchObject({
    feature: 'stats.units',
    verdict: 'differs',
    keys: { user: 'even' },
    region: 'weur',
    commits: ['weur/user/0/0/6'],
    servedAs: { value: '1010100', status: 'present', exact: true },
    recomputedAs: { value: '1000107', status: 'present', exact: true },
  })
  const told = mismatches[0]?.explanation.join('\n') ?? ''
  expect(told).toContain('2 of 2 kept rows count')
  expect(told).toContain('commit 4) units=7')
  expect(told).toContain('At no commit near these')
})

test('rows that the log lacks, or has too many of, are extra and missing values', async () => {
  const of = started([statsView])
  await of.serve(['stats.newest'], ['even', 'odd', 'nobody'], of.clock)
  await of.keepServed()
  await of.flushLog()
  await plant(
    of,
    `SELECT * REPLACE (CASE WHEN tm_key = 'even' THEN 'nobody' ELSE tm_key END AS tm_key, CASE WHEN uid = 'even' THEN 'nobody' ELSE uid END AS uid) FROM FILE`,
  )
  const { vectors, values } = await of.check()
  expect(vectors).toMatchObject({ compared: 3, mismatched: 2 })
  expect(values).toMatchObject({ same: 1, extra: 1, missing: 1, differs: 0 })
})

test('a vector that names a commit which it did not see is found, and the one that it saw is told', async () => {
  const of = started([statsView])
  await of.serve(['stats.units'], ['odd'], of.clock)
  of.send([event('e7', 'odd', of.clock, { units: 5, kind: 'k7' })])
  await of.keepServed()
  await of.flushLog()
  const [{ key = '' } = {}] = await of.objects.list('served/')
  const line = new TextDecoder().decode((await of.objects.get(key))?.bytes)
  await of.objects.put(
    key,
    new TextEncoder().encode(
      line.replace('weur/user/0/0/6', 'weur/user/0/0/7').replace(/"at":"[^"]*"/, '"at":"2026-01-01T00:01:00.000Z"'),
    ),
  )
  const { mismatches } = await of.check()
  expect(mismatches).toHaveLength(1)
  expect(mismatches[0]?.explanation.at(-1)).toContain('At commit weur/user/0/0/6 the log gives what was served')
})

test('commits that the log does not have yet, a log that is not there and lines that are none are told apart, and the rest is compared', async () => {
  const of = started([lifetimeView])
  await of.serve(['ever.count'], ['even'], of.clock)
  await of.flushLog()
  of.send([event('e7', 'odd', of.clock, {})])
  await of.serve(['ever.count'], ['odd'], of.clock)
  await of.keepServed()
  const [{ key = '' } = {}] = await of.objects.list('served/')
  const lines = new TextDecoder().decode((await of.objects.get(key))?.bytes)
  const elsewhere = lines
    .split('\n')[0]
    ?.replaceAll('weur/user', 'enam/user')
    .replaceAll('"region":"weur"', '"region":"enam"')
  const untold = lines.split('\n')[0]?.replace('"commits":["weur/user/0/0/6"]', '"commits":[]')
  const half = lines.slice(0, 100)
  await of.objects.put(key, new TextEncoder().encode(`${lines}${elsewhere}\n${untold}\n${half}`))
  const { vectors, values, notes } = await of.check()
  expect(vectors.skipped).toEqual({ behind: 1, unlogged: 1, untold: 1, damaged: 1, erased: 0, definitions: 0 })
  expect(vectors).toMatchObject({ sampled: 5, compared: 1, mismatched: 0 })
  expect(values.same).toBe(1)
  expect(notes.join()).toContain('line 5 is no JSON')
  await of.flushLog()
  expect((await of.check()).vectors).toMatchObject({ compared: 2, skipped: { behind: 0 } })
})

test('definitions that have changed since are no mismatch: each vector is compared by those of its time', async () => {
  const of = started([lifetimeView, hourView()])
  await of.serve(['hourly.count', 'ever.count'], ['even'], of.clock)
  await of.keepServed()
  // The same name, another window: and what was there is young again.
  const other = hourView({
    features: [{ name: 'count', aggregate: 'count', window: { kind: 'sliding', widthMs: 500, delayMs: 0 } }],
  })
  of.restart(new Plan(definitionsOf([lifetimeView, other])))
  of.clock += 10
  of.send([event('e7', 'even', of.clock, {})])
  of.clock += 10
  await of.serve(['hourly.count', 'ever.count'], ['even'], of.clock)
  await of.keepServed()
  await of.flushLog()
  const report = await of.check()
  expect(report.mismatches).toEqual([])
  expect(report.vectors).toMatchObject({ compared: 2, mismatched: 0, earlierDefinitions: 1 })
  // Without the definitions of then nobody can say.
  const [first] = (await of.objects.list('definitions/')).filter(({ key }) => !key.includes(of.plan.hash))
  await of.objects.delete([first?.key ?? ''])
  expect((await of.check()).vectors).toMatchObject({ compared: 1, skipped: { definitions: 1 } })
})

test('what a young feature has not seen is partial, and not compared; what it has seen whole is', async () => {
  const of = started([lifetimeView])
  const young = { ...statsView, name: 'young' }
  const { since: _, ...undeclared } = young
  const { since: __, ...short } = hourView({
    features: [{ name: 'count', aggregate: 'count', window: { kind: 'sliding', widthMs: 1_000, delayMs: 0 } }],
  })
  of.restart(new Plan(definitionsOf([lifetimeView, undeclared, short])))
  of.clock += 5_000
  of.send([event('e7', 'even', of.clock, { units: 1, kind: 'x' })])
  of.clock += 10
  await of.serve(of.plan.featureNames, ['even'], of.clock)
  await of.keepServed()
  await of.flushLog()
  const { vectors, values, features, mismatches } = await of.check()
  expect(mismatches).toEqual([])
  expect(vectors).toMatchObject({ compared: 1, mismatched: 0 })
  expect(values).toMatchObject({ partial: 2, same: 2 })
  expect(features.find(({ feature }) => feature === 'young.units')?.verdicts.partial).toBe(1)
})

test('what retention or an erasure took away since is not compared, and what they left is', async () => {
  const of = started([lifetimeView, statsView, hourView()])
  await of.serve(of.plan.featureNames, ['even', 'odd'], of.clock)
  await of.keepServed()
  await of.flushLog()
  const erased: Removal = {
    atMs: of.clock,
    why: 'erasure',
    keySha256: await sha256(new TextEncoder().encode('odd')),
    seq: 7,
    rows: 3,
  }
  await plant(of, `SELECT * FROM FILE WHERE tm_key <> 'odd'`)
  await changeManifest(of, (manifest) => ({ ...manifest, removed: [erased] }))
  expect(await of.check()).toMatchObject({
    vectors: { compared: 1, mismatched: 0, skipped: { erased: 1 } },
    mismatches: [],
  })
  // A day later: the rows of the first events are gone.
  const retained: Removal = { atMs: of.clock, why: 'retention', beforeMs: NOW + 3_500, rows: 1 }
  await plant(of, `SELECT * FROM FILE WHERE epoch_ms(tm_available_at) >= ${NOW + 3_500}`)
  await changeManifest(of, (manifest) => ({ ...manifest, removed: [erased, retained] }))
  of.clock += 4 * HOUR_MS
  await of.serve(['hourly.count'], ['even'], of.clock)
  await of.keepServed()
  const { vectors, values, mismatches } = await of.check()
  expect(mismatches).toEqual([])
  expect(vectors).toMatchObject({ compared: 2, mismatched: 0 })
  expect(values.gone).toBeGreaterThanOrEqual(2)
  expect(values.same).toBeGreaterThanOrEqual(1)
})

test('a sample of the sample has so many, of all files alike', async () => {
  const of = started([lifetimeView])
  for (let i = 0; i < 40; i++) {
    await of.serve(['ever.count'], ['even', 'odd'], of.clock + i)
    await of.keepServed()
    of.clock += 1
  }
  await of.flushLog()
  const { vectors, notes } = await of.check({ sample: 25 })
  expect(vectors).toMatchObject({ sampled: 25, compared: 25 })
  expect(notes.join()).toContain('25 of 80 kept vectors')
  expect((await of.check({ service: 'fraud' })).notes.join()).toContain('No vector was kept in that time')
})

test('a segment that was changed behind the back of its manifest is refused', async () => {
  const of = started([lifetimeView])
  await of.serve(['ever.count'], ['even'], of.clock)
  await of.keepServed()
  await of.flushLog()
  const [{ key = '' } = {}] = await of.objects.list('log/tm_')
  const bytes = (await of.objects.get(key))?.bytes ?? new Uint8Array()
  bytes[40] = (bytes[40] ?? 0) ^ 1
  await of.objects.put(key, bytes)
  await expect(of.check()).rejects.toThrow(/was changed: its SHA-256 is/)
})

test('thousands of vectors with long keys are each compared with their own', async () => {
  const of = started([lifetimeView, statsView])
  const users = Array.from({ length: 60 }, (_, i) => `a user whose key is longer than twelve bytes ${i}`)
  const r = random(41)
  for (let i = 0; i < 100; i++) {
    of.clock += 1
    of.send(
      users.map((uid, u) => event(`${i}/${u}`, uid, of.clock, { units: r.int(0, 1_000), kind: `kind of event ${i}` })),
    )
    await of.serve(of.plan.featureNames, users, of.clock + 1)
    await of.keepServed()
  }
  await of.flushLog()
  const { vectors, mismatches } = await of.check()
  expect(mismatches).toEqual([])
  expect(vectors.compared).toBeGreaterThan(5_000)
})
