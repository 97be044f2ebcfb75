import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { type RecordBatch, tableFromIPC } from 'apache-arrow'
import { afterAll, expect, test } from 'vitest'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { type SetManifest, type TrainingSetOptions, trainingSet } from '../../src/offline/node/index.ts'
import { runChild } from '../../src/offline/node/spark/child.ts'
import type { ChildNote } from '../../src/offline/node/spark/job.ts'
import type { TallyParts } from '../../src/offline/node/training/tally.ts'
import { Plan } from '../../src/plan/index.ts'
import { LoggedShards, live } from '../support/logged-shards.ts'
import { bytesOf, duckInsteadOfSpark, endOf, type MergedStream } from '../support/merged-streams.ts'
import { type Random, random } from '../support/random.ts'
import { writeRichLog } from '../support/rich-log.ts'
import { definitionsOf, plainEvent, randomDefinitions } from '../support/shards.ts'
import { randomView } from '../support/streams.ts'

const NOW = Date.UTC(2026, 0, 1)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-spark-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function withService(spec: DefinitionsSpec): DefinitionsSpec {
  const features = new Plan(spec).featureNames
  return { ...spec, services: [{ name: 'all', version: 1, features, maxStalenessMs: 0 }] }
}

const file = (name: string, rows: readonly object[]): string => {
  const path = join(folder, name)
  writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'))
  return path
}

/** Batches that end anywhere, also some that are empty. */
function cut(r: Random, { records, batch }: MergedStream): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < records.length; ) {
    const to = at + r.pick([0, 1, 2, 7, 50, 1_000])
    batches.push(batch(records.slice(at, to)))
    at = to
  }
  return [...batches, batch([endOf(records.length)])]
}

/** Lets the engine compute a stream; what it wrote. */
async function throughEngine(stream: MergedStream, bytes: Uint8Array, r: Random): Promise<Uint8Array> {
  const output = new PassThrough()
  const pieces: Uint8Array[] = []
  output.on('data', (piece: Uint8Array) => pieces.push(piece))
  const input = Readable.from(pipePieces(r, bytes), { objectMode: false })
  await runChild(stream.job, input, output)
  return Buffer.concat(pieces)
}

/** As a pipe hands them over: anywhere. */
function* pipePieces(r: Random, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const to = at + r.pick([1, 100, 65_536])
    yield bytes.subarray(at, to)
    at = to
  }
}

function noteOf(output: Uint8Array): { readonly note: ChildNote; readonly rows: number } {
  const table = tableFromIPC(output)
  const note = JSON.parse(String(table.getChild('tm_note')?.get(table.numRows - 1))) as ChildNote
  return { note, rows: table.numRows - 1 }
}

async function bothWays(
  r: Random,
  options: Omit<TrainingSetOptions, 'out' | 'service'>,
): Promise<{ readonly here: SetManifest; readonly there: SetManifest }> {
  const compute = async (stream: MergedStream): Promise<TallyParts> => {
    const output = await throughEngine(stream, bytesOf(stream.schema, cut(r, stream)), r)
    const { note, rows } = noteOf(output)
    expect(note.problems).toBe(0)
    expect(rows).toBe(note.tally.rows)
    return note.tally
  }
  const all = { ...options, service: 'all' }
  const here = await trainingSet({ ...all, out: join(folder, 'here.parquet'), threads: 0 })
  const there = await trainingSet({ ...all, out: join(folder, 'there'), engine: duckInsteadOfSpark(compute) })
  rmSync(join(folder, 'there'), { recursive: true })
  return { here, there }
}

test('one merged stream, cut anywhere, gives what the streams of one machine give, in every mode', async () => {
  for (let seed = 1; seed <= 2; seed++) {
    const r = random(seed)
    const spec = withService(randomDefinitions(r))
    const world = new LoggedShards(new Plan(spec), { shards: 3, startMs: NOW })
    try {
      await live(r, world, 30)
      const byMode = world.served.map(({ key, t }) => ({ user_id: key, at: new Date(t).toISOString() }))
      // Some of one entity by their commits and some by the mode.
      const byCommits = world.served.map((one, i) => ({
        user_id: one.key,
        at: new Date(one.t).toISOString(),
        commits: i % 3 === 0 ? [] : one.commits,
      }))
      for (const mode of ['as-served', 'lag:1h', 'ideal']) {
        for (const labels of [file('mode.ndjson', byMode), file('commits.ndjson', byCommits)]) {
          const { here, there } = await bothWays(r, { definitions: { spec }, labels, log: world.folder, mode })
          expect(there.content, `seed ${seed}, ${mode}`).toEqual(here.content)
          expect(there.counts).toEqual(here.counts)
        }
      }
    } finally {
      world.remove()
    }
  }
}, 120_000)

async function twoRegions(): Promise<{ near: LoggedShards; far: LoggedShards; spec: DefinitionsSpec }> {
  const spec = withService(randomDefinitions(random(11)))
  const near = new LoggedShards(new Plan(spec), { shards: 2, startMs: NOW, region: 'weur' })
  const far = new LoggedShards(near.plan, { shards: 2, startMs: NOW, region: 'apac', folder: near.folder })
  await live(random(12), near, 40)
  await live(random(13), far, 40)
  return { near, far, spec }
}

test('tables with deletes, composite keys beyond 2^53, epochs, older contracts and all types of values', async () => {
  const r = random(41)
  const { spec, labels } = await writeRichLog(r, join(folder, 'rich'), 800, 120)
  for (const mode of ['as-served', 'lag:1m', 'ideal']) {
    const options = { definitions: { spec }, labels, log: join(folder, 'rich'), mode, publishLagMs: 60_000 }
    const { here, there } = await bothWays(r, { ...options, columns: { region: 'served' } })
    expect(there.content, mode).toEqual(here.content)
    expect(there.counts).toEqual(here.counts)
    expect(Object.keys(here.content)).toEqual(['user', 'deal'])
  }
})

test('labels with commits of several parts, and of regions that see each other late', async () => {
  const { near, far, spec } = await twoRegions()
  try {
    const r = random(14)
    const last = Math.max(near.clock, far.clock)
    const both = near.served.flatMap((one, i) => {
      const other = far.served.filter(({ key }) => key === one.key)[i % 5]
      const commits = [...one.commits, ...(other?.commits ?? [])]
      return [{ user_id: one.key, at: new Date(last + i).toISOString(), commits, served: 'weur' }]
    })
    const plain = near.served.map(({ key, t }, i) => ({
      user_id: key,
      at: new Date(t).toISOString(),
      commits: [],
      served: i % 2 === 0 ? 'weur' : 'apac',
    }))
    const labels = file('regions.ndjson', [...both, ...plain])
    const options = { definitions: { spec }, labels, log: near.folder, publishLagMs: 60_000 }
    const { here, there } = await bothWays(r, { ...options, columns: { region: 'served' } })
    expect(there.content).toEqual(here.content)
    expect(there.labels.byCommits).toBe(both.length)
  } finally {
    near.remove()
  }
})

test('a stream that lacks anything is refused, wherever it was cut', async () => {
  const spec = withService(randomDefinitions(random(21)))
  const world = new LoggedShards(new Plan(spec), { shards: 1, startMs: NOW })
  try {
    await live(random(22), world, 20)
    const labels = file(
      'cut.ndjson',
      world.served.map(({ key, t }) => ({ user_id: key, at: new Date(t).toISOString() })),
    )
    const r = random(23)
    const compute = async (stream: MergedStream): Promise<TallyParts> => {
      const whole = cut(r, stream)
      const { schema, batch, records } = stream
      const lacking = [
        whole.slice(0, -1),
        whole.slice(0, 1),
        [],
        [
          ...whole
            .slice(1, -1)
            .filter(({ numRows }) => numRows > 0)
            .slice(1),
          batch([endOf(records.length)]),
        ],
        [...whole, batch(records.slice(0, 1))],
      ]
      for (const batches of lacking)
        await expect(throughEngine(stream, bytesOf(schema, batches), r)).rejects.toThrow(
          /cut off|records .* came|behind the end|before its entity|schema/i,
        )
      const bytes = bytesOf(schema, whole)
      for (let i = 0; i < 20; i++) {
        const short = bytes.subarray(0, r.int(1, bytes.length - 600))
        await expect(throughEngine(stream, short, r)).rejects.toThrow()
      }
      return noteOf(await throughEngine(stream, bytes, r)).note.tally
    }
    const out = join(folder, 'cut')
    await trainingSet({
      definitions: { spec },
      service: 'all',
      labels,
      out,
      log: world.folder,
      engine: duckInsteadOfSpark(compute),
    })
  } finally {
    world.remove()
  }
})

test('a folder that is no set is not written over', async () => {
  const spec = withService(definitionsOf([{ ...randomView(random(1)), name: 'v' }]))
  const engine = duckInsteadOfSpark(() => Promise.reject(new Error('not asked')))
  const options = { definitions: { spec }, service: 'all', labels: 'x.csv', log: folder, engine }
  await expect(trainingSet({ ...options, out: folder })).rejects.toThrow(/is there already, and is no set/)
  await expect(trainingSet({ ...options, out: 'set.csv' })).rejects.toThrow(/writes a folder of Parquet/)
})

test('labels for which no lookup can have answered are told, the first of them', async () => {
  const spec = withService(randomDefinitions(random(31)))
  const world = new LoggedShards(new Plan(spec), { shards: 1, startMs: NOW })
  try {
    world.send([plainEvent('a', 'u1', NOW)])
    world.clock += 400 * 86_400_000
    world.send([plainEvent('b', 'u1', world.clock)])
    await world.flush()
    const commits = ['weur/user/0/0/2']
    const rows = [NOW + 400 * 86_400_000, NOW, NOW + 1].map((ms) => ({
      user_id: 'u1',
      at: new Date(ms).toISOString(),
      commits,
    }))
    const labels = file('old.ndjson', rows)
    const compute = async (stream: MergedStream): Promise<TallyParts> => {
      const r = random(32)
      const { note } = noteOf(await throughEngine(stream, bytesOf(stream.schema, cut(r, stream)), r))
      expect(note.problems).toBe(2)
      expect(note.problem).toMatchObject({ row: 1, message: expect.stringContaining('no lookup has answered that') })
      return note.tally
    }
    const out = join(folder, 'old')
    await trainingSet({
      definitions: { spec },
      service: 'all',
      labels,
      out,
      log: world.folder,
      engine: duckInsteadOfSpark(compute),
    })
  } finally {
    world.remove()
  }
})
