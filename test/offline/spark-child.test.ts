import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleChild } from '../../scripts/spark/bundle.ts'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { type ChildJob, type ChildNote, writeChildJob } from '../../src/offline/node/spark/job.ts'
import { slotsOf } from '../../src/offline/node/spark/slots.ts'
import { KIND } from '../../src/offline/training/index.ts'
import { bytesOf, endOf, streamColumns } from '../support/merged-streams.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const LABELS_A_BATCH = 2_000
const PIECE_BYTES = 16_384
const folder = mkdtempSync(join(tmpdir(), 'tidemark-spark-child-'))
const bundle = join(folder, 'child.mjs')
const jobFile = join(folder, 'job')
const spec: DefinitionsSpec = definitionsOf([lifetimeView])
const source = spec.sources[0] as DefinitionsSpec['sources'][number]
const { sources, slots } = slotsOf([{ spec: source, fields: [source.fields.findIndex(({ name }) => name === 'uid')] }])
const job: ChildJob = {
  definitions: spec,
  entity: 'user',
  features: ['ever.count'],
  parts: [
    {
      shard: { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 },
      ...{ bornMs: 0, previous: null, fromSeq: 1, seq: 1e9, since: {} },
    },
  ],
  run: 0,
  withStatus: true,
  sources,
  slots,
}
const { schema, batch } = streamColumns(job)

beforeAll(async () => {
  await bundleChild(join(import.meta.dirname, '..', '..', 'scripts', 'spark', 'child.ts'), bundle)
  writeFileSync(jobFile, writeChildJob(job))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = (): ChildProcess => spawn(process.execPath, [bundle, jobFile], { stdio: ['pipe', 'pipe', 'pipe'] })

const event = (i: number) => ({
  ...{ key: 'u1', region: 0, ord: i, kind: KIND.row, source: 0, part: 0, seq: i + 1, time: i + 1, available: i + 1 },
  ...{ sign: 1, row_region: 1, row_epoch: 0, row_shard: 0, row_seq: i + 1, [slots[0]?.name ?? '']: 'u1' },
})
const label = (i: number) => ({ key: 'u1', region: 0, ord: 1e6 + i, kind: KIND.label, seq: i, time: 1e6 + i })
const events = Array.from({ length: 100 }, (_, i) => event(i))

async function outcome(bytes: Uint8Array): Promise<{ code: number | null; output: Uint8Array; errors: string }> {
  const child = start()
  const [pieces, errors]: [Uint8Array[], string[]] = [[], []]
  child.stdout?.on('data', (piece: Uint8Array) => pieces.push(piece))
  child.stderr?.on('data', (piece) => errors.push(String(piece)))
  child.stdin?.on('error', () => {})
  child.stdin?.end(bytes)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output: Buffer.concat(pieces), errors: errors.join('') }
}

test('the process says how it went by its exit code alone, wherever its input ends', async () => {
  const records = [...events, ...Array.from({ length: 10 }, (_, i) => label(i))]
  const whole = [batch(records.slice(0, 60)), batch(records.slice(60)), batch([endOf(records.length)])]
  const { code, output } = await outcome(bytesOf(schema, whole))
  expect(code).toBe(0)
  const table = tableFromIPC(output)
  expect(table.numRows).toBe(11)
  expect(table.getChild('f0')?.get(9)).toBe(100)
  for (const [bytes, why] of [
    [bytesOf(schema, whole.slice(0, 2)), /the input was cut off after 110 records/],
    [bytesOf(schema, [...whole.slice(0, 1), ...whole.slice(2)]), /of 110 records 60 came/],
    [bytesOf(schema, whole).subarray(0, 5_000), /./],
    [new Uint8Array(0), /./],
    [Buffer.from('this is no Arrow'), /./],
  ] as const) {
    const cut = await outcome(bytes)
    expect(cut.code).not.toBe(0)
    expect(cut.errors).toMatch(why)
  }
}, 60_000)

test('who does not read it stops it: it takes no more input, and nothing is lost', async () => {
  const child = start()
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  stdout.pause()
  const whole = [batch(events)]
  const batches = 50
  for (let at = 0; at < batches; at++) {
    whole.push(batch(Array.from({ length: LABELS_A_BATCH }, (_, i) => label(at * LABELS_A_BATCH + i))))
  }
  const labels = batches * LABELS_A_BATCH
  whole.push(batch([endOf(events.length + labels)]))
  const bytes = bytesOf(schema, whole)
  let taken = 0
  const given = (function* () {
    for (; taken < bytes.length; taken += PIECE_BYTES) yield bytes.subarray(taken, taken + PIECE_BYTES)
  })()
  Readable.from(given, { objectMode: false }).pipe(stdin)
  // Until it has begun, and then has taken nothing more for a while.
  for (let [still, before] = [0, -1]; still < 10; before = taken) {
    await setTimeout(200)
    still = stdout.readableLength > 0 && taken === before ? still + 1 : 0
  }
  expect(taken).toBeLessThan(bytes.length)
  const pieces: Uint8Array[] = []
  stdout.on('data', (piece: Uint8Array) => pieces.push(piece))
  stdout.resume()
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).toBe(0)
  const table = tableFromIPC(Buffer.concat(pieces))
  expect(table.numRows).toBe(labels + 1)
  const note = JSON.parse(String(table.getChild('tm_note')?.get(labels))) as ChildNote
  expect(note.tally.rows).toBe(labels)
}, 120_000)
