import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import type { LoggedRow } from '../../src/offline/index.ts'
import {
  compact,
  eraseLog,
  eraseServed,
  eraseUnnamed,
  expire,
  FileObjects,
  findPerson,
  keySha256,
  openLog,
  prove,
  readManifests,
  recompute,
  sweep,
  trainingSet,
  type Upkeep,
} from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { Death, DyingObjects, dyingEditor } from '../support/dying.ts'
import { rowsOf } from '../support/log.ts'
import { LoggedShards, live } from '../support/logged-shards.ts'
import { type Random, random } from '../support/random.ts'
import { randomDefinitions } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
/** Worlds of each test; more by hand. */
const SEEDS = Number(process.env.TIDEMARK_SEEDS ?? 4)
const DAY_MS = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'tidemark-upkeep-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function withService(spec: DefinitionsSpec): DefinitionsSpec {
  const features = new Plan(spec).featureNames
  return { ...spec, services: [{ name: 'all', version: 1, features, maxStalenessMs: 0 }] }
}

interface Case {
  readonly r: Random
  readonly spec: DefinitionsSpec
  readonly world: LoggedShards
  readonly death: Death
  readonly objects: FileObjects
  readonly upkeep: Upkeep
}

async function forEachSeed(count: number, property: (it: Case) => Promise<void>): Promise<void> {
  let deaths = 0
  for (let seed = 1; seed <= count; seed++) {
    const r = random(seed)
    const spec = withService(randomDefinitions(r))
    const world = new LoggedShards(new Plan(spec), { shards: r.int(1, 3), startMs: NOW })
    const death = new Death(r)
    const upkeep = {
      objects: new DyingObjects(world.folder, death),
      editor: dyingEditor(world.editor, death),
      folder,
      memoryMb: 200,
      now: () => world.clock,
    }
    try {
      await live(r, world, r.int(30, 80))
      await property({ r, spec, world, death, objects: new FileObjects(world.folder), upkeep })
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    } finally {
      deaths += death.deaths
      world.remove()
    }
  }
  expect(deaths).toBeGreaterThan(count)
}

const unzstd = (bytes: Uint8Array): Uint8Array => new Uint8Array(zstdDecompressSync(bytes))

/** Every bit of a row as a text. */
const rowText = (row: LoggedRow): string =>
  JSON.stringify(row, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (value instanceof Float32Array) return [...value].map((x) => (Object.is(x, -0) ? '-0' : x))
    return Object.is(value, -0) ? '-0' : value
  })

async function allRows(objects: FileObjects): Promise<(LoggedRow & { readonly text: string })[]> {
  const rows: (LoggedRow & { readonly text: string })[] = []
  for (const manifest of await readManifests(objects))
    for (const row of await rowsOf(objects, manifest, unzstd))
      rows.push({ ...row, text: `${manifest.shard.shard} ${rowText(row)}` })
  return rows.sort((a, b) => (a.text < b.text ? -1 : 1))
}

const textsOf = async (objects: FileObjects): Promise<string[]> => (await allRows(objects)).map(({ text }) => text)

const namedFiles = async (objects: FileObjects): Promise<string[]> =>
  (await readManifests(objects)).flatMap(({ segments }) => segments.map(({ key }) => key)).sort()

const files = async (objects: FileObjects): Promise<string[]> => (await objects.list('log/tm_')).map(({ key }) => key)

/** What training makes of everything that was served. */
async function setOf({ spec, world }: Case, served = world.served, more: { readonly allowPartial?: boolean } = {}) {
  const labels = join(folder, 'labels.ndjson')
  writeFileSync(
    labels,
    served
      .map(({ key, t, commits }) => JSON.stringify({ user_id: key, at: new Date(t).toISOString(), commits }))
      .join('\n'),
  )
  return await trainingSet({
    definitions: { spec },
    service: 'all@1',
    labels,
    out: join(folder, 'set.parquet'),
    log: world.folder,
    threads: 0,
    ...more,
  })
}

test('a compacted log has the very same rows, whatever dies on the way and whatever comes meanwhile', async () => {
  await forEachSeed(SEEDS, async (it) => {
    const { r, world, death, objects, upkeep } = it
    const set = await setOf(it)
    const before = await textsOf(objects)
    const count = (await files(objects)).length
    await death.insist(0.12, () =>
      compact(upkeep, { all: true, targetBytes: r.pick([20_000, 1e9]), days: r.int(1, 30) }),
    )
    expect(await textsOf(objects)).toEqual(before)
    expect((await setOf(it)).content).toEqual(set.content)
    await openLog(world.folder)
    const named = await namedFiles(objects)
    expect(named.length).toBeLessThanOrEqual(count)
    // Events go on, and so does the log.
    await live(r, world, 10)
    const more = await textsOf(objects)
    await death.insist(0.12, () => compact(upkeep, { all: true, days: 1_000 }))
    expect(await textsOf(objects)).toEqual(more)
    expect(await compact(upkeep, { all: true, days: 1_000 })).toMatchObject({ groups: 0 })
    for (const { segments } of await readManifests(objects)) {
      expect(segments.length).toBeLessThanOrEqual(1)
      for (const { key, order } of segments) {
        expect(order).toBe('entity')
        expect(key).toMatch(/\/\d+-\d+-[0-9a-f]{8}-[0-9a-f]{8}\.parquet$/)
      }
    }
    // What died left files that nobody names; they go, and nothing else does.
    const sweeping = { objects, now: () => Date.now() + 1_000, graceMs: 0, pause: async () => {} }
    await objects.put('log/README', new Uint8Array([1]))
    const young = await sweep({ ...sweeping, now: () => Date.now(), graceMs: 60_000 })
    expect(young.deleted).toEqual([])
    const left = (await files(objects)).length - (await namedFiles(objects)).length
    expect(young.young).toBe(left)
    const swept = await sweep(sweeping)
    expect(swept.deleted.length).toBe(left)
    expect(swept.foreign).toEqual(['log/README'])
    expect(await files(objects)).toEqual(await namedFiles(objects))
  })
}, 240_000)

test('by the day, only days that are over are compacted, and each file is of one', async () => {
  await forEachSeed(3, async ({ world, objects, upkeep, death }) => {
    await death.insist(0.1, () => compact(upkeep))
    const today = Math.floor(world.clock / DAY_MS) * DAY_MS
    const segments = (await readManifests(objects)).flatMap((manifest) => manifest.segments)
    const past = segments.filter(({ toArrivalMs }) => toArrivalMs < today)
    expect(past.every(({ order }) => order === 'entity')).toBe(true)
    for (const { toArrivalMs, order } of segments) if (order === 'entity') expect(toArrivalMs).toBeLessThan(today)
    const days = past.map(({ key }) => key.split('/').slice(0, -1).join('/'))
    expect(new Set(days).size).toBe(days.length)
  })
}, 60_000)

test('what retention took away is gone, the manifest says so, and nobody computes from what is left as if it were all', async () => {
  await forEachSeed(SEEDS, async (it) => {
    const { r, spec, world, death, objects, upkeep } = it
    const before = await allRows(objects)
    const beforeMs = (r.pick(before).availableAtMs + r.pick(before).availableAtMs) / 2
    const shards = new Map((await readManifests(objects)).map((manifest) => [manifest.shard.shard, manifest]))
    await death.insist(0.1, () => expire(upkeep, Math.ceil(beforeMs)))
    const kept = before.filter(({ availableAtMs }) => availableAtMs >= beforeMs)
    const left = await allRows(objects)
    expect(left.map(({ text }) => text)).toEqual(kept.map(({ text }) => text))
    for (const manifest of await readManifests(objects)) {
      const had = shards.get(manifest.shard.shard)
      const own = (rows: typeof before) => rows.filter(({ text }) => text.startsWith(`${manifest.shard.shard} `))
      const gone = own(before).length - own(left).length
      expect(manifest.seq).toBe(had?.seq)
      if (gone === 0) {
        expect(manifest.fromSeq).toBe(had?.fromSeq)
        continue
      }
      expect(manifest.removed).toMatchObject([{ why: 'retention', beforeMs: Math.ceil(beforeMs), rows: gone }])
      const seqs = own(before)
        .filter(({ availableAtMs }) => availableAtMs < beforeMs)
        .map(({ seq }) => seq)
      expect(manifest.fromSeq).toBeGreaterThan(Math.max(...seqs))
    }
    if (left.length === before.length) return
    // Every vector reaches back for ever: no label can be had.
    await expect(setOf(it)).rejects.toThrow(/reaches back to before .* the log of entity user has not everything/)
    const partial = await setOf(it, world.served, { allowPartial: true })
    expect(partial.rows).toBe(world.served.length)
    const plan = new Plan(spec)
    const vector = plan.service('all')
    const logs = await openLog(world.folder)
    const [served] = world.served
    if (vector === undefined || served === undefined) throw new Error('nothing was served')
    const requests = [{ keys: { user_id: served.key }, t: served.t, commits: served.commits }]
    for await (const answer of recompute({ plan, vector, logs }, requests))
      expect(answer).toMatchObject({ problem: expect.stringContaining('has not everything from before') })
    expect(await expire(upkeep, Math.ceil(beforeMs))).toMatchObject({ shards: 0, rows: 0 })
  })
}, 120_000)

test('who is erased is gone from every file, others are as they were, and it can be proved, whatever dies on the way', async () => {
  await forEachSeed(Math.ceil(SEEDS / 2), async (it) => {
    const { r, spec, world, death, objects, upkeep } = it
    const key = r.pick(['u1', 'u2', 'u,3'])
    const others = world.served.filter((served) => served.key !== key)
    const set = await setOf(it, others)
    const before = await allRows(objects)
    const line = (of: string) =>
      JSON.stringify({ served: new Date(NOW).toISOString(), keys: { user: of }, values: [1] })
    await objects.put(
      `served/tm_region=weur/tm_day=2026-01-01/${NOW}-a.ndjson`,
      new TextEncoder().encode(`${line(key)}\n${line('other')}\n{"keys":{"user":${JSON.stringify(key)}\n`),
    )
    await objects.put(
      `served/tm_region=weur/tm_day=2026-01-01/${NOW}-b.ndjson`,
      new TextEncoder().encode(`${line(key)}\n`),
    )
    // As a compaction leaves it that was killed: a file that nobody names, with everything in it.
    const [named] = await namedFiles(objects)
    const orphan = (await objects.get(named ?? ''))?.bytes
    if (orphan && r.chance(0.5)) await objects.put((named ?? '').replace('.parquet', '-deadbeef.parquet'), orphan)
    world.clock++
    let commits = new Map<string, number>()
    let atMs = 0
    const run = async () => {
      const person = await findPerson(upkeep, new Plan(spec), { entity: 'user', key })
      atMs = world.clock
      const { shard, seq } = await world.erase(key)
      commits = new Map([[`${shard} ${key}`, seq]])
      const at = { atMs, commits }
      const log = await eraseLog(upkeep, person, at)
      expect(log.left).toEqual([])
      await eraseUnnamed(upkeep, person, at)
      await eraseServed(upkeep, person, atMs)
      return { person, at }
    }
    const { person, at } = await death.insist(0.06, run)
    // Who comes back afterwards is new.
    world.clock += 10
    world.send([{ id: 'back', uid: key, friend: key, at: world.clock, fields: {} }])
    await world.flush()
    const proof = await prove(upkeep, person, at)
    expect(proof).toMatchObject({ found: 0, foundIn: [], elsewhere: {}, since: 1, lines: 1 })
    const named2 = await namedFiles(objects)
    const after = await allRows(objects)
    expect(after.filter((row) => row.key === key).map(({ id }) => id)).toEqual(['back'])
    // All that is left is what was there, but for the key and the id of its events.
    const expected = before
      .filter((row) => row.key !== key)
      .map(({ text: _, ...row }) => {
        const [id = null, uid = null, friend = null, ...rest] = row.values
        const has = uid === key || friend === key
        const values = [has ? null : id, uid === key ? null : uid, friend === key ? null : friend, ...rest]
        return rowText({ ...row, id: has ? null : row.id, values })
      })
    const left = after.filter(({ id }) => id !== 'back').map(({ text: _, ...row }) => rowText(row))
    expect(left.sort()).toEqual(expected.sort())
    expect((await files(objects)).length).toBeGreaterThanOrEqual(named2.length)
    expect((await setOf(it, others)).content).toEqual(set.content)
    // Only the hash of the key is told.
    const manifests = await readManifests(objects)
    const told = manifests.flatMap(({ removed }) => removed)
    expect(told.every(({ why, keySha256: sum }) => why === 'erasure' && sum === keySha256(key))).toBe(true)
    expect(told.filter(({ fields }) => fields === undefined)).toHaveLength(1)
    // The proof can fail: what is put back is found, also where nobody names it.
    if (orphan && before.some((row) => row.key === key && row.seq > 0)) {
      const first = (named ?? '').replace('.parquet', '-feedface.parquet')
      await objects.put(first, orphan)
      const again = await prove(upkeep, person, at)
      const had = again.foundIn.includes(first)
      expect(again.found > 0).toBe(had)
    }
  })
}, 240_000)
