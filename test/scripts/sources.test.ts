import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { UsageError } from '../../scripts/lib/usage-error.ts'
import { parseOptions } from '../../scripts/sources/options.ts'
import { FakeRegion, halt, partition } from './sources-fake.ts'

const regions: FakeRegion[] = []
afterEach(() => {
  for (const region of regions.splice(0)) region.stop()
})

async function region(name: string, given: Parameters<typeof partition>[0] = {}): Promise<FakeRegion> {
  const started = await FakeRegion.start(name, partition(given))
  regions.push(started)
  return started
}

function sources(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...process.env, NO_COLOR: '1', TIDEMARK_TOKEN: 't' }
  const child = spawn(process.execPath, [join(root, 'scripts', 'tidemark.ts'), 'sources', ...args], { env })
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

const resume = 'npx tidemark sources resume clicks --partition clicks/0'
const place = ['clicks', '--partition', 'clicks/0']
const barrier = { topicId: 'id-1', incarnation: 0, offset: 42, generation: 3 }

test('list exits with 0 while all goes on, and with 3 when a partition is halted', async () => {
  const east = await region('east', { offset: 9, end: 12, lag: 3 })
  const well = await sources('--url', east.url)
  expect(well).toMatchObject({ code: 0, err: '' })
  expect(well.out).toContain(`1 source of east at ${east.url}`)
  east.state = partition({ phase: 'halted', halt, resume })
  expect(await sources('--url', east.url)).toMatchObject({ code: 3, out: expect.stringContaining(resume) })
  const json = await sources('show', 'clicks', '--json', '--url', east.url)
  expect(json.code).toBe(3)
  expect(JSON.parse(json.out)).toMatchObject({ source: 'clicks', topics: [{ partitions: [{ phase: 'halted' }] }] })
})

test('resume lets a halted partition go on, and leaves any other alone', async () => {
  const east = await region('east', { phase: 'halted', halt, offset: 42 })
  expect(await sources('resume', ...place, '--skip', '--url', east.url)).toMatchObject({
    code: 0,
    out: 'clicks/0 goes on at offset 42.\n',
  })
  expect(east.asked.at(-1)).toBe('POST /v1/sources/clicks/partitions/clicks/0/resume {"skip":true}')
  expect(await sources('resume', ...place, '--url', east.url)).toMatchObject({
    code: 0,
    out: 'clicks/0 is running; nothing was changed.\n',
  })
  east.state = partition({ phase: 'away' })
  const away = await sources('resume', ...place, '--url', east.url)
  expect(away).toMatchObject({ code: 1, err: expect.stringContaining('pulled by another region') })
  expect(east.asked.filter((asked) => asked.includes('/resume'))).toHaveLength(1)
})

test('move says where it stopped before it goes on there', async () => {
  const [east, west] = [await region('east', barrier), await region('west', { phase: 'away', offset: -1 })]
  const moved = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)
  expect(moved).toMatchObject({ code: 0, out: `clicks/0 goes on at ${west.url} from offset 42.\n` })
  expect(moved.err).toContain(JSON.stringify(barrier))
  expect([east.state.phase, west.state]).toMatchObject(['away', { phase: 'running', ...barrier }])
})

test('a move whose second half failed is ended with the barrier that it printed, however often', async () => {
  const [east, west] = [await region('east', barrier), await region('west', { phase: 'away', offset: -1 })]
  west.failures.set('take-over', 500)
  const broken = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)
  expect(broken.code).toBe(1)
  expect(broken.err).toContain('500: No take-over now.')
  const [, printed = ''] = /--barrier '(.*)'/.exec(broken.err) ?? []
  expect(JSON.parse(printed)).toEqual(barrier)
  west.failures.clear()
  for (let again = 0; again < 2; again++) {
    const ended = await sources('move', ...place, '--to-url', west.url, '--barrier', printed)
    expect(ended).toMatchObject({ code: 0, out: expect.stringContaining('from offset 42') })
  }
  expect(west.asked.filter((asked) => asked.includes('take-over'))).toHaveLength(2)
  expect(west.state).toMatchObject({ phase: 'running', ...barrier })
})

test('when the answer of the first half got lost, a repetition says how to end the move', async () => {
  const [east, west] = [await region('east', barrier), await region('west', { phase: 'away', offset: -1 })]
  east.failures.set('hand-over', 'lost')
  expect(await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)).toMatchObject({ code: 1 })
  const again = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining(`--barrier '${JSON.stringify(barrier)}'`) })
  expect(west.state.phase).toBe('away')
  const ended = await sources(
    ...['move', ...place, '--from-url', east.url, '--to-url', west.url, '--barrier', JSON.stringify(barrier)],
  )
  expect(ended.code).toBe(0)
  expect(west.state).toMatchObject({ phase: 'running', offset: 42 })
})

test('a partition whose source has another home now is moved from where it waits to where it waits', async () => {
  const east = await region('east', { ...barrier, phase: 'waiting', problem: 'its source has another home now' })
  const fresh = { offset: -1, generation: 0, problem: 'region east has read it' }
  const west = await region('west', { ...fresh, phase: 'waiting' })
  const list = await sources('--url', west.url)
  expect(list).toMatchObject({
    code: 3,
    out: expect.stringContaining('WAITS clicks clicks/0\n  region east has read it'),
  })
  const wrong = await sources('move', ...place, '--from-url', west.url, '--to-url', east.url)
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('is waiting where it is to go') })
  const moved = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)
  expect(moved).toMatchObject({ code: 0, out: `clicks/0 goes on at ${west.url} from offset 42.\n` })
  expect([east.state.phase, west.state.phase]).toEqual(['away', 'running'])
})

test('a move never makes two regions pull', async () => {
  const [east, west] = [await region('east', barrier), await region('west', { offset: 7 })]
  const both = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url)
  expect(both).toMatchObject({ code: 1, err: expect.stringContaining('Both would pull it') })
  west.state = partition({ phase: 'away' })
  const text = JSON.stringify(barrier)
  const still = await sources('move', ...place, '--from-url', east.url, '--to-url', west.url, '--barrier', text)
  expect(still).toMatchObject({ code: 1, err: expect.stringContaining('is still running where it comes from') })
  expect([east.state.phase, west.state.phase]).toEqual(['running', 'away'])
})

test.each([
  [['lst'], 'Did you mean "list"?'],
  [['clicks'], 'there is no "clicks"'],
  [['list', 'clicks'], 'use show clicks'],
  [['show'], 'write show NAME'],
  [['list', '--skip'], 'list takes no --skip'],
  [['--watch', '--json'], '--watch is for people'],
  [['skip', 'clicks'], 'skip takes --home REGION'],
  [['resume', 'clicks'], 'such as clicks/0'],
  [['resume', 'clicks', '--partition', 'clicks'], 'got "clicks"'],
  [['resume', ...place, '--skip', '--offset', '4'], 'one of them'],
  [['resume', ...place, '--offset', '-4'], "Option '--offset' argument is ambiguous"],
  [['resume', ...place, '--offset', '4k'], '--offset takes a whole number; got "4k"'],
  [['move', ...place, '--to-url', 'http://w'], '--from-url U1 --to-url U2'],
  [['move', ...place, '--url', 'http://w'], 'move takes no --url'],
  [['move', ...place, '--from-url', 'http://w', '--to-url', 'http://w/'], 'are the same'],
  [['move', ...place, '--from-url', 'e', '--to-url', 'http://w'], '--from-url takes the address'],
  [['move', ...place, '--to-url', 'http://w', '--barrier', '42'], 'topicId is a text or null'],
  [['move', ...place, '--to-url', 'http://w', '--barrier', '{"topicId":null}'], 'are whole numbers'],
])('%j is refused, and told what to write instead', (args, message) => {
  expect(() => parseOptions(args, {})).toThrow(UsageError)
  expect(() => parseOptions(args, {})).toThrow(message)
})
