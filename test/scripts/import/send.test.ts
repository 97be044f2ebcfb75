import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { SourceFile } from '../../../scripts/import/files.ts'
import type { ImportRow, OpenFile, Rows } from '../../../scripts/import/row.ts'
import { type RunOptions, sendAll } from '../../../scripts/import/run.ts'
import { Sender, Stopped } from '../../../scripts/import/send.ts'
import { ImportState } from '../../../scripts/import/state.ts'
import { newTally } from '../../../scripts/import/tally.ts'
import { type Random, random } from '../../support/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-send-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rowsOf = (count: number): ImportRow[] =>
  Array.from({ length: count }, (_, i) => ({ line: i + 1, text: `{"n":${i + 1}}`, knownAt: null }))

const file = (name: string): SourceFile => ({
  path: name,
  name,
  format: 'csv',
  isGzip: false,
  bytes: 10,
  modifiedMs: 0,
})

const opened = (rows: Rows): OpenFile => ({
  columns: [],
  share: 1,
  async *rows(after) {
    yield rows.filter(({ line }) => line > after)
  },
})

interface World {
  /** Lines that the Worker has, as `FILE:LINE`, each time that they came. */
  readonly taken: string[]
  readonly pauses: number[]
}

/** A Worker that answers as it is told, one answer a request; then well. */
function sender(world: World, answers: (Response | Error | undefined)[], isStopped = () => false): Sender {
  return new Sender({
    address: { url: 'http://worker', token: 't' },
    source: 'flights',
    isStopped,
    waiting: () => {},
    pause: async (ms) => {
      world.pauses.push(ms)
    },
    fetch: async (_url, init) => {
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      if (answer) return answer
      const [head = ''] = gunzipSync(init.body as Uint8Array)
        .toString()
        .split('\n')
      const { file: name, lines } = JSON.parse(head) as { file: string; lines: number[] }
      world.taken.push(...lines.map((line) => `${name}:${line}`))
      return Response.json({ accepted: lines.length, duplicates: 0, refused: [], commits: [] })
    },
  })
}

const busy = (status: number, retryAfter: string) =>
  new Response('{"detail":"busy"}', { status, headers: { 'retry-after': retryAfter } })

describe('a request', () => {
  it('is sent again for 429 and 503 when the Worker says, and when nothing answers', async () => {
    const world: World = { taken: [], pauses: [] }
    const sent = await sender(world, [busy(503, '7'), busy(429, '1'), new TypeError('reset')]).send('a', rowsOf(2))
    expect([sent.accepted, world.taken]).toEqual([2, ['a:1', 'a:2']])
    expect(world.pauses[0]).toBe(7_000)
  })

  it('is given up when nothing goes on answering, and when the Worker says that it is wrong', async () => {
    const silent = Array.from({ length: 50 }, () => new TypeError('refused'))
    await expect(sender({ taken: [], pauses: [] }, silent).send('a', rowsOf(1))).rejects.toThrow(Stopped)
    const wrong = new Response('{"detail":"no such scope"}', { status: 403 })
    await expect(sender({ taken: [], pauses: [] }, [wrong]).send('a', rowsOf(1))).rejects.toThrow(
      '403 from http://worker: no such scope',
    )
  })
})

describe('an import', () => {
  it('that breaks anywhere goes on so that every row arrives, in the order of the files, and is counted once', async () => {
    for (let seed = 1; seed <= 40; seed++) await breaking(random(seed))
  })
})

async function breaking(r: Random): Promise<void> {
  const world: World = { taken: [], pauses: [] }
  const given = [rowsOf(r.int(0, 30)), rowsOf(r.int(1, 30))]
  const files = given.map((rows, f) => ({ file: file(`f${f}`), open: opened(rows) }))
  const total = given.flat().length
  const identity = {
    url: String(r.seed),
    source: 's',
    knownAt: 'none',
    timeZone: undefined,
    map: [],
    files: files.map((one) => one.file),
  }
  let runs = 0
  const concurrency = r.pick([1, 3])
  for (let isDone = false; !isDone; runs++) {
    const state = new ImportState(folder, identity, () => Number.POSITIVE_INFINITY)
    const from = state.read() ?? { file: 0, line: 0, share: 0, tally: newTally() }
    const fails = r.chance(0.7) && runs < 20
    const answers = Array.from({ length: r.int(0, 4) }, () => undefined)
    const broken = fails ? [...answers, new Response('{}', { status: 500 })] : []
    const options: RunOptions = {
      files,
      batchRows: r.int(1, 7),
      concurrency,
      rate: undefined,
      now: () => 0,
      pause: async () => {},
      isStopped: () => false,
      advanced: () => {},
    }
    isDone = await sendAll(options, sender(world, broken), state, from).then(
      () => true,
      () => false,
    )
    if (isDone) expect(from.tally.rows, `seed ${r.seed}`).toBe(total)
  }
  const firsts = [...new Set(world.taken)]
  expect(firsts.length, `seed ${r.seed}, ${runs} runs`).toBe(total)
  const sorted = firsts.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  if (concurrency === 1) expect(firsts).toEqual(sorted)
}
