import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { parseOptions, spanOf } from '../../scripts/parity/options.ts'
import type { ParityReport } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { random } from '../support/random.ts'
import { definitionsOf, lifetimeView, plainEvent } from '../support/shards.ts'
import { ParityWorld } from './parity-world.ts'

const empty = mkdtempSync(join(tmpdir(), 'tidemark-parity-command-'))
let world: ParityWorld | undefined
afterEach(() => world?.end())
afterAll(() => rmSync(empty, { recursive: true, force: true }))

const SINCE = ['--since', '2025-12-31T00:00:00Z']

function parity(...args: string[]): { status: number | null; out: string; err: string } {
  const file = join(root, 'scripts/tidemark.ts')
  const env = { PATH: process.env.PATH, NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, 'parity', ...args], { encoding: 'utf8', env })
  return { status, out: stdout, err: stderr }
}

async function served(): Promise<ParityWorld> {
  const made = new ParityWorld(new Plan(definitionsOf([lifetimeView])), random(50))
  world = made
  made.deaths = 0
  for (let i = 0; i < 5; i++) {
    made.clock++
    made.send([plainEvent(`e${i}`, 'u', made.clock)])
    await made.serve(['ever.count'], ['u', 'v'], made.clock + 1)
  }
  await made.keepServed()
  await made.flushLog()
  return made
}

test('a log and a sample that agree: exit 0, a table for people, and the report beside the log', async () => {
  const { folder, objects } = await served()
  const { status, out, err } = parity('--log', folder, ...SINCE)
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toContain('0 mismatches in 10 vectors, 10 values bit for bit')
  expect(out).toMatch(/feature +same\n +ever\.count +10\n/)
  for (const line of out.split('\n')) if (!line.startsWith('Kept as')) expect(line.length).toBeLessThanOrEqual(100)
  const [{ key = '' } = {}, ...others] = await objects.list('parity/')
  expect(others).toEqual([])
  const kept = JSON.parse(new TextDecoder().decode((await objects.get(key))?.bytes)) as ParityReport
  expect(kept).toMatchObject({ format: 1, vectors: { compared: 10, mismatched: 0 }, regions: ['weur'] })

  const again = parity('--log', folder, ...SINCE, '--json', '--no-save')
  expect({ ...(JSON.parse(again.out) as ParityReport), ranAt: '', to: '' }).toEqual({ ...kept, ranAt: '', to: '' })
  expect(await objects.list('parity/')).toHaveLength(1)
})

test('a vector that was served as another: exit 3, both values and where they come from', async () => {
  const { folder, objects } = await served()
  const [{ key = '' } = {}] = await objects.list('served/')
  const text = new TextDecoder().decode((await objects.get(key))?.bytes)
  await objects.put(key, new TextEncoder().encode(text.replace('"values":[3]', '"values":[33]')))
  const { status, out } = parity('--log', folder, ...SINCE)
  expect(status).toBe(3)
  expect(out).toContain('1 of 10 vectors are not what the log gives')
  expect(out).toMatch(/served +33 +present\n +log +3 +present\n/)
  expect(out).toContain('user "u"')
  expect(out).toContain('By the log: count')
})

test('a log that is behind says so, and waiting for it has an end', async () => {
  const { folder, objects } = await served()
  const [{ key = '' } = {}] = await objects.list('served/')
  const text = new TextDecoder().decode((await objects.get(key))?.bytes)
  await objects.put(key, new TextEncoder().encode(text.replaceAll('weur/user/0/0/5', 'weur/user/0/0/6')))
  const { status, out } = parity('--log', folder, ...SINCE, '--wait', '1s')
  expect(status).toBe(0)
  expect(out).toContain('2 vectors not compared: they wait for the log')
})

test('a damaged log: exit 1 with the file', async () => {
  const { folder, objects } = await served()
  const [{ key = '' } = {}] = await objects.list('log/tm_')
  await objects.delete([key])
  const { status, err } = parity('--log', folder, ...SINCE)
  expect(status).toBe(1)
  expect(err).toContain(key)
  expect(err).toContain('is missing')
})

mkdirSync(join(empty, 'bucket/log'), { recursive: true })

test.each<[string, readonly string[], string]>([
  ['no log', [], 'where is the log?'],
  ['a folder that is none', ['--log', join(empty, 'nowhere')], 'is no folder'],
  ['a folder that is no bucket', ['--log', empty], 'neither log/ nor served/'],
  ['a time that is none', ['--log', join(empty, 'bucket'), '--since', 'yesterday'], '--since takes a time'],
  ['no length of time', ['--log', join(empty, 'bucket'), '--every', 'often'], '--every takes a length of time'],
  ['a sample of none', ['--log', join(empty, 'bucket'), '--sample', '0'], '--sample takes a whole number'],
  [
    'again and again until a time',
    ['--log', join(empty, 'bucket'), '--every', '1m', '--until', '1h'],
    'leave --until out',
  ],
  ['an option that is none', ['--sevrice', 'x'], "Unknown option '--sevrice'"],
])('a wrong command line is refused: %s', (_what, args, message) => {
  expect(() => parseOptions(args, {}, join(empty, 'no-start'))).toThrow(message)
})

test('logs are folders and addresses, one a region; without any, what the environment or npm start has', () => {
  const bucket = join(empty, 'bucket')
  const { logs, since } = parseOptions(['--log', bucket, '--log', 'https://in.example.com/', '--token', 't'], {})
  expect(logs).toEqual([{ folder: bucket }, { at: { url: 'https://in.example.com', token: 't' } }])
  expect(since).toEqual({ agoMs: 3_600_000 })
  const env = { TIDEMARK_URL: 'https://in.example.com', TIDEMARK_TOKEN: 't' }
  expect(parseOptions([], env).logs).toEqual([{ at: { url: 'https://in.example.com', token: 't' } }])
  expect(parseOptions([], {}, bucket).logs).toEqual([{ folder: bucket }])
  const options = parseOptions(['--log', bucket, '--since', '2h', '--every', '15m'], {})
  expect(options.everyMs).toBe(900_000)
  expect(spanOf(options, 10_000_000)).toEqual({ fromMs: 2_800_000, toMs: 10_000_000 })
})
