import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { uploadedOf, wranglerPlatform } from '../../scripts/deploy/wrangler-platform.ts'
import type { RunResult } from '../../scripts/lib/run.ts'
import type { Region } from '../../src/plan/index.ts'
import { plan } from './scripted.ts'

const regions: readonly Region[] = [
  { name: 'weur', id: 1, epoch: 0, shards: { default: 2 } },
  { name: 'enam', id: 2, epoch: 0, shards: { default: 2 } },
]
const [weur] = regions as [Region, Region]
const [ingest, , , consoleWorker] = plan.workers as [
  (typeof plan.workers)[number],
  unknown,
  unknown,
  (typeof plan.workers)[number],
]
const at = { name: ingest.name, config: ingest.config, region: 'weur' }

type Answer = (args: readonly string[], env: Readonly<Record<string, string>>) => RunResult

function platform(answer: Answer) {
  const calls: (readonly string[])[] = []
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    calls.push(args)
    return answer(args, env)
  }
  return { calls, platform: wranglerPlatform({ region: weur, regions, zones: {}, run }) }
}

test('secrets and versions are read from what Wrangler prints, around which it may print more', async () => {
  const { platform: one, calls } = platform(([command]) => ({
    ok: true,
    output:
      command === 'secret'
        ? '[\n  { "name": "TOKENS", "type": "secret_text" }\n]'
        : `Resource location: remote\n${JSON.stringify([
            {
              created_on: '2026-01-02T00:00:00Z',
              versions: [
                { version_id: 'newest', percentage: 90 },
                { version_id: 'canary', percentage: 10 },
              ],
            },
            { created_on: '2026-01-01T00:00:00Z', versions: [{ version_id: 'older', percentage: 100 }] },
          ])}`,
  }))
  expect(await one.secretsOf(at)).toEqual(['TOKENS'])
  expect(await one.versionOf(at)).toBe('newest')
  // By the environment of the config: without one Wrangler warns that it is not named.
  for (const call of calls) expect(call.join(' ')).toContain('wrangler.toml --env weur')
})

test("a Worker that is not there is none; anything else that fails is told in Wrangler's words", async () => {
  const none = platform(() => ({ ok: false, output: 'This Worker does not exist on your account. [code: 10007]' }))
  expect(await none.platform.secretsOf(at)).toBeNull()
  expect(await none.platform.versionOf(at)).toBeNull()
  const denied = platform(() => ({ ok: false, output: 'Authentication error [code: 10000]' }))
  await expect(denied.platform.versionOf(at)).rejects.toThrow('wrangler deployments list failed:\nAuthentication error')
  const odd = platform(() => ({ ok: true, output: 'nothing' }))
  await expect(odd.platform.secretsOf(at)).rejects.toThrow('printed no JSON')
})

test('a bucket is there, or not, or nobody can say', async () => {
  const there = platform(() => ({ ok: true, output: 'name: tidemark-weur' }))
  expect(await there.platform.hasBucket('tidemark-weur')).toBe(true)
  expect(there.calls).toEqual([['r2', 'bucket', 'info', 'tidemark-weur']])
  const none = platform(() => ({ ok: false, output: 'The specified bucket does not exist. [code: 10006]' }))
  expect(await none.platform.hasBucket('tidemark-weur')).toBe(false)
  const denied = platform(() => ({ ok: false, output: 'Authentication error [code: 10000]' }))
  await expect(denied.platform.hasBucket('tidemark-weur')).rejects.toThrow('Authentication error')
})

const REPORT = `{"type":"wrangler-session","version":1}
{"type":"deploy","version":1,"worker_name":"tidemark-ingest-weur","version_id":"v9","targets":["tidemark-ingest-weur.me.workers.dev","schedule: * * * * *","https://events.example.com/*"]}
`

test('an upload gives its version and addresses; secrets pass through a file that is gone after', async () => {
  let secretsFile = ''
  const { platform: one, calls } = platform((args, env) => {
    secretsFile = args[args.indexOf('--secrets-file') + 1] ?? ''
    expect(JSON.parse(readFileSync(secretsFile, 'utf8'))).toEqual({ TOKENS: 's3cret' })
    writeFileSync(env.WRANGLER_OUTPUT_FILE_PATH ?? '', REPORT)
    return { ok: true, output: 'Uploaded' }
  })
  expect(await one.upload(ingest, { without: [], secrets: { TOKENS: 's3cret' }, message: 'm' })).toEqual({
    versionId: 'v9',
    urls: ['https://tidemark-ingest-weur.me.workers.dev', 'https://events.example.com'],
  })
  expect(existsSync(secretsFile)).toBe(false)
  expect(calls[0]?.join(' ')).not.toContain('s3cret')
})

test('a warning of an upload is kept with its version, so that it can be taken back', async () => {
  const { platform: one } = platform((_args, env) => {
    writeFileSync(env.WRANGLER_OUTPUT_FILE_PATH ?? '', REPORT)
    return { ok: false, output: '[WARNING] the binding X is missing' }
  })
  const uploaded = await one.upload(ingest, { without: [], secrets: {}, message: 'm' })
  expect(uploaded).toMatchObject({ versionId: 'v9', warning: '[WARNING] the binding X is missing' })
  const { platform: failing } = platform(() => ({ ok: false, output: 'no' }))
  await expect(failing.upload(ingest, { without: [], secrets: {}, message: 'm' })).rejects.toThrow('failed:\nno')
})

test("a region that is not there yet is left out of the config, and of no other Worker's", async () => {
  const configs: string[] = []
  const { platform: one } = platform((args, env) => {
    configs.push(readFileSync(args[args.indexOf('--config') + 1] ?? '', 'utf8'))
    writeFileSync(env.WRANGLER_OUTPUT_FILE_PATH ?? '', REPORT)
    return { ok: true, output: '' }
  })
  await one.upload(ingest, { without: ['enam'], secrets: {}, message: 'm' })
  await one.upload(consoleWorker, { without: ['enam'], secrets: {}, message: 'm' })
  expect(configs[0]).toContain('main = "../../workers/ingest/index.ts"')
  expect(configs[0]).toContain('[env.weur]')
  expect(configs[0]).not.toContain('REGION_ENAM')
})

test('a report without an upload is none', () => {
  expect(uploadedOf('{"type":"deploy","version_id":null,"targets":[]}\n')).toBeUndefined()
})
