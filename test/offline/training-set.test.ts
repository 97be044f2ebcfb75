import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { openDuck } from '../../src/offline/node/duck.ts'
import { readSetManifest, type TrainingSetOptions, trainingSet } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { LoggedShards, live } from '../support/logged-shards.ts'
import { random } from '../support/random.ts'
import { definitionsOf, plainEvent, randomDefinitions } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-sets-'))
let world: LoggedShards
let definitions: { readonly spec: DefinitionsSpec }

/** All features of all views as one service. */
function withService(spec: DefinitionsSpec): DefinitionsSpec {
  const features = new Plan(spec).featureNames
  return { ...spec, services: [{ name: 'all', version: 1, features, maxStalenessMs: 0 }] }
}

beforeAll(async () => {
  const r = random(7)
  definitions = { spec: withService(randomDefinitions(r)) }
  world = new LoggedShards(new Plan(definitions.spec), { shards: 3, startMs: NOW })
  await live(r, world, 60)
})

afterAll(() => {
  world.remove()
  rmSync(folder, { recursive: true, force: true })
})

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const options = (more: Partial<TrainingSetOptions> & Pick<TrainingSetOptions, 'labels'>): TrainingSetOptions => ({
  definitions,
  service: 'all@1',
  out: join(folder, 'set.parquet'),
  log: world.folder,
  threads: 0,
  ...more,
})

async function read(path: string, columns = '*'): Promise<Record<string, unknown>[]> {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 200, temporary: folder })
  try {
    return (await connection.runAndReadAll(`SELECT ${columns} FROM '${path}'`)).getRowObjectsJson() as Record<
      string,
      unknown
    >[]
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The served vectors as labels: now, in the order in which they were asked, some of them twice. */
function servedLabels(): string {
  const now = world.served.filter(({ isNow }) => isNow)
  return [...now, ...now.slice(0, 5)]
    .map(({ key, t }, i) =>
      JSON.stringify({ user_id: key, at: new Date(t).toISOString(), label: i % 2, note: `n${i}` }),
    )
    .join('\n')
}

test('a set has the columns of its labels in their order, then a typed column a feature', async () => {
  const labels = file('served.ndjson', servedLabels())
  const manifest = await trainingSet(options({ labels, status: true }))
  const rows = await read(join(folder, 'set.parquet'))
  const now = world.served.filter(({ isNow }) => isNow)
  expect(rows.length).toBe(now.length + 5)
  expect(rows.map((row) => row.note)).toEqual(rows.map((_, i) => `n${i}`))
  const names = Object.keys(rows[0] ?? {})
  expect(names.slice(0, 4)).toEqual(['user_id', 'at', 'label', 'note'])
  expect(names).toContain('ever__count')
  expect(names).toContain('ever__count__status')
  const place = manifest.features.indexOf('ever.count')
  const served = [...now, ...now.slice(0, 5)].map(({ answer }) => JSON.parse(`[${answer.values}]`)[place] as number)
  expect(rows.map((row) => Number(row.ever__count))).toEqual(served)
  expect(manifest).toMatchObject({ mode: 'as-served', rows: rows.length, region: 'weur' })
})

test('threads, formats and the order of the labels do not change what is computed', async () => {
  const labels = file('served.ndjson', servedLabels())
  const alone = await trainingSet(options({ labels }))
  const threads = await trainingSet(options({ labels, threads: 2, out: join(folder, 'threads.arrow') }))
  const csv = await trainingSet(options({ labels, out: join(folder, 'set.csv') }))
  expect(threads.content).toEqual(alone.content)
  expect(csv.content).toEqual(alone.content)
  expect(threads.counts).toEqual(alone.counts)
})

test('a set is made again from its manifest, after the log has grown', async () => {
  const labels = file('served.ndjson', servedLabels())
  const out = join(folder, 'first.parquet')
  await trainingSet(options({ labels, out }))
  world.clock += 1_000
  world.send([plainEvent('new', 'u1', NOW + 5)])
  await world.flush()
  const again = readSetManifest(`${out}.manifest.json`)
  const second = join(folder, 'second.parquet')
  await trainingSet(options({ labels, out: second, again }))
  expect(readFileSync(second).equals(readFileSync(out))).toBe(true)
  const other = file('other.ndjson', servedLabels().replace('"label":0', '"label":7'))
  await expect(trainingSet(options({ labels: other, again }))).rejects.toThrow(
    /is not the file that the set was made of/,
  )
})

test.each([
  ['no.parquet', undefined, /there is no file/],
  ['empty.csv', '', /empty.csv is empty/],
  ['none.csv', 'user_id,at\n', /none.csv has no rows/],
  ['half.parquet', 'PAR1 and then nothing', /half.parquet cannot be read as parquet/],
  ['labels.xlsx', 'x', /no format that is read/],
  [
    'key.csv',
    'user,at\nu1,2026-01-01T00:00:00Z\n',
    /key.csv has no column user_id for the key user_id.*--columns user_id=/,
  ],
  ['time.csv', 'user_id,time\nu1,2026-01-01T00:00:00Z\n', /no column at for the time/],
  [
    'zone.csv',
    'user_id,at\nu1,2026-01-01T00:00:00Z\nu2,2026-01-01T00:00:00\n',
    /zone.csv, row 2, column at .*without a zone.*--time-zone/,
  ],
  ['null.csv', 'user_id,at\nu1,\n', /row 1, column at is null/],
  ['seconds.csv', 'user_id,at\nu1,1767225600\n', /row 1, column at .*are these seconds/],
  [
    'mixed.ndjson',
    '{"user_id":"u1","at":1767225600000}\n{"user_id":7,"at":1767225600000}\n',
    /row 2, column user_id .*expected a text/,
  ],
  ['commit.csv', 'user_id,at,commits\nu1,2026-01-01T00:00:00Z,weur/user/0/0/999999\n', /row 1, column commits .*up to/],
  [
    'taken.csv',
    'user_id,at,ever__count\nu1,2026-01-01T00:00:00Z,1\n',
    /column ever__count, which is what the set calls/,
  ],
])('%s is refused, and nothing is left', async (name, text, message) => {
  const labels = text === undefined ? join(folder, name) : file(name, text)
  const out = join(folder, 'refused.parquet')
  await expect(trainingSet(options({ labels, out }))).rejects.toThrow(message)
  expect(readdirSync(folder).filter((entry) => entry.includes('refused'))).toEqual([])
})

test('a segment that is missing or changed is named before anything is computed', async () => {
  const labels = file('one.csv', 'user_id,at\nu1,2026-06-01T00:00:00Z\n')
  const segment = readdirSync(world.folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith('.parquet'),
  )
  const path = join(world.folder, segment ?? '')
  const bytes = readFileSync(path)
  const changed = Uint8Array.from(bytes)
  changed[bytes.length >> 1] = (changed[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(path, changed)
  await expect(trainingSet(options({ labels }))).rejects.toThrow(/was changed: its SHA-256 is/)
  writeFileSync(path, bytes.subarray(0, bytes.length - 10))
  await expect(trainingSet(options({ labels }))).rejects.toThrow(/it was changed or cut/)
  rmSync(path)
  await expect(trainingSet(options({ labels }))).rejects.toThrow(/is missing: the log of weur\/user\/0\/. names it/)
  writeFileSync(path, bytes)
  await trainingSet(options({ labels }))
})

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('tidemark-train-'))

test('a set that is broken off leaves nothing, at whatever step', async () => {
  const labels = file('served.ndjson', servedLabels())
  const out = join(folder, 'broken.parquet')
  const before = leftovers()
  for (const step of ['labels', 'log', 'rows', 'values', 'writing']) {
    for (const threads of step === 'values' ? [0, 2] : [0]) {
      const stop = new AbortController()
      const onProgress = (progress: { readonly step: string }) => {
        if (progress.step === step) stop.abort(new Error('enough'))
      }
      await expect(trainingSet(options({ labels, out, threads, signal: stop.signal, onProgress }))).rejects.toThrow(
        'enough',
      )
      expect(readdirSync(folder).filter((name) => name.includes('broken'))).toEqual([])
    }
  }
  expect(leftovers().filter((name) => !before.includes(name))).toEqual([])
})

test('labels of any type of a column pass through, and commits come as a list or as a text', async () => {
  const [served] = world.served
  if (served === undefined) throw new Error('nothing was read')
  const { key, t, commits } = served
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 200, temporary: folder })
  const query = `SELECT '${key}' AS uid, make_timestamptz(${t} * 1000) AS "when", ['${commits.join("', '")}'] AS commits,
    DATE '2026-01-02' AS day, 1.5::DECIMAL(5, 2) AS price, {'a': 1} AS nested, 7::UTINYINT AS small, NULL AS nothing`
  const labels = join(folder, 'typed.parquet')
  await connection.run(`COPY (${query}) TO '${labels}' (FORMAT parquet)`)
  const columns = { user_id: 'uid', at: 'when' }
  const sets = []
  for (const format of ['parquet', 'csv', 'arrow']) {
    const out = join(folder, `typed-set.${format}`)
    sets.push(await trainingSet(options({ labels, columns, out })))
    if (format === 'arrow') continue
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM '${out}'`)
    const types = described
      .getRows()
      .map(([name, type]) => [name, type])
      .slice(0, 7)
    if (format === 'parquet') {
      expect(types).toEqual([
        ['uid', 'VARCHAR'],
        ['when', 'TIMESTAMP WITH TIME ZONE'],
        ['commits', 'VARCHAR[]'],
        ['day', 'DATE'],
        ['price', 'DECIMAL(5,2)'],
        ['nested', 'STRUCT(a INTEGER)'],
        ['small', 'UTINYINT'],
      ])
    }
  }
  const text = file('text.csv', `user_id,at,commits\n"${key}",${t},"${commits.join(' , ')}"\n`)
  const fromText = await trainingSet(options({ labels: text }))
  expect(new Set([...sets, fromText].map(({ content }) => JSON.stringify(content))).size).toBe(1)
  expect(sets[0]).toMatchObject({
    labels: { byCommits: 1 },
    columns: { user_id: 'uid', at: 'when', commits: 'commits' },
  })
  connection.closeSync()
  instance.closeSync()
})

test('a set of several regions says which of them serves, and sees the others later', async () => {
  const near = new LoggedShards(new Plan(definitions.spec), { shards: 1, startMs: NOW, region: 'weur' })
  const far = new LoggedShards(near.plan, { shards: 1, startMs: NOW, region: 'apac', folder: near.folder })
  try {
    near.clock = far.clock = NOW + 10_000
    near.send([plainEvent('a', 'u1', NOW)])
    far.send([plainEvent('b', 'u1', NOW)])
    await near.flush()
    await far.flush()
    const at = [NOW + 9_999, NOW + 10_000, NOW + 14_999, NOW + 15_000].map((ms) => new Date(ms).toISOString())
    const labels = file('regions.csv', `user_id,at,where\n${at.map((text) => `u1,${text},apac`).join('\n')}\n`)
    const out = join(folder, 'regions.parquet')
    const more = { labels, out, log: near.folder, publishLagMs: 5_000 }
    await expect(trainingSet(options(more))).rejects.toThrow(
      /has the regions apac, weur: say which of them serves with --region/,
    )
    await expect(trainingSet(options({ ...more, region: 'weru' }))).rejects.toThrow(
      /no region weru. Did you mean "weur"/,
    )
    for (const one of [{ region: 'weur' }, { columns: { region: 'where' } }]) {
      await trainingSet(options({ ...more, ...one }))
      expect((await read(out)).map((row) => Number(row.ever__count))).toEqual([0, 1, 1, 2])
    }
  } finally {
    near.remove()
  }
})

test('the sign of zero is kept, in one thread and by several, in every file', async () => {
  const features = ['amount'].map((field) => ({
    name: 'amount',
    aggregate: 'latest',
    field,
    window: { kind: 'lifetime' as const },
  }))
  const view = { name: 'v', entity: 'user', source: 'activity', key: { user_id: 'uid' }, features }
  const spec = withService(definitionsOf([{ ...view, exactRows: 2, allowedLatenessMs: 5_000, since: 'beginning' }]))
  const zeros = new LoggedShards(new Plan(spec), { shards: 1, startMs: NOW })
  try {
    const uids = ['a', 'b', 'c', 'd']
    const amounts = [0, -0, 0, -0]
    zeros.send(uids.map((uid, i) => ({ ...plainEvent(`e${i}`, uid, NOW), fields: { amount: amounts[i] ?? null } })))
    await zeros.flush()
    const labels = file('zeros.csv', `user_id,at,mine\n${uids.map((uid) => `${uid},${NOW + 1},-0.0`).join('\n')}\n`)
    for (const threads of [0, 2]) {
      const out = join(folder, 'zeros.parquet')
      await trainingSet(options({ definitions: { spec }, labels, out, log: zeros.folder, threads }))
      const rows = await read(out, 'CAST(v__amount AS VARCHAR) AS amount')
      expect(rows.map(({ amount }) => amount)).toEqual(['0.0', '-0.0', '0.0', '-0.0'])
    }
  } finally {
    zeros.remove()
  }
})
