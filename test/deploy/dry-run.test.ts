import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeployPlan } from '../../scripts/deploy/plan.ts'
import { binary } from '../../scripts/lib/paths.ts'
import { RepositoryCopy } from './copy.ts'

const regionsOf = (more = '', routing = '{}') => `
import type { Region, Routing } from './src/plan/index.ts'
export const regions: readonly Region[] = [
  { name: 'weur', id: 1, epoch: 0, shards: { default: 8 }, location: 'weur', stores: [
    { name: 'redis', kind: 'redis' },
    { name: 'kv', kind: 'kv', id: '0123456789abcdef0123456789abcdef' },
    { name: 'db', kind: 'libsql' }${more}] },
  { name: 'enam', id: 2, epoch: 0, shards: { default: 8 }, location: 'enam' },
  { name: 'apac', id: 3, epoch: 0, shards: { default: 4 }, location: 'apac' },
]
export const routing: Routing = ${routing}
`

let copy: RepositoryCopy

beforeAll(() => {
  copy = new RepositoryCopy(regionsOf())
  const generated = copy.run(['scripts/generate.ts'])
  if (generated.status !== 0) throw new Error(generated.err)
}, 120_000)
afterAll(() => copy.remove())

interface Report {
  readonly ok: boolean
  readonly plan: DeployPlan
  readonly problems: readonly string[]
}

/** Budgets are held by the check of this repository; here they are of no matter. */
const besideBudgets = ({ problems }: Report) => problems.filter((problem) => !problem.includes('its budget is'))

test.each(['weur', 'enam', 'apac'])(
  'a dry run of %s bundles every Worker by Wrangler and changes nothing',
  (region) => {
    const { out, err } = copy.deploy(['--region', region, '--dry-run', '--json'])
    expect(err).toBe('')
    const report = JSON.parse(out) as Report
    expect(besideBudgets(report)).toEqual([])
    const { workers, others } = report.plan
    expect(workers.map(({ name }) => name)).toEqual(
      ['ingest', 'lookup', 'inference', 'console'].map((worker) => `tidemark-${worker}-${region}`),
    )
    for (const { gzipBytes } of workers) expect(gzipBytes).toBeGreaterThan(1_000)
    expect(others).toEqual(['weur', 'enam', 'apac'].filter((name) => name !== region))
    for (const other of others) {
      expect(workers[0]?.bindings).toContain(`REGION_${other.toUpperCase()} (${other})`)
      expect(workers[1]?.links).toContain(other)
    }
    expect(workers[1]?.bindings).toContain('KV_WEUR_KV (KV)')
  },
)

test('its plan is a calm page of at most 100 columns, without a control character', () => {
  const { out } = copy.deploy(['--region', 'weur', '--dry-run'])
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  expect(out).not.toContain('\u001b')
  expect(out).toMatch(/^Region weur of production, epoch 0, plan [0-9a-f]{32}\n/)
  expect(out).toContain('  stores      weur/redis (redis), weur/kv (kv), weur/db (libsql)\n')
  expect(out).toContain('enam, apac; if weur is new or its stores have changed, deploy them after it')
})

describe('what is wrong is told, with exit 1', () => {
  test.each<[string, () => void, Readonly<Record<string, string>>, string]>([
    ['tokens that are no tokens', () => copy.write('regions.ts', regionsOf()), { TOKENS: '["a"]' }, 'TOKENS'],
    [
      'connections that lack a store',
      () => {},
      { CONNECTIONS: '{"stores": {"weur/db": {"url": "libsql://db.example"}}}' },
      'The secret CONNECTIONS has no address of weur/redis: add it under "stores".',
    ],
    [
      'a namespace without its id',
      () => copy.write('regions.ts', regionsOf(", { name: 'kv2', kind: 'kv' }")),
      {},
      'store kv2: its id is missing',
    ],
    [
      'a routing to nowhere',
      () => copy.write('regions.ts', regionsOf('', "{ flights: { home: 'eur' } }")),
      {},
      'routing.flights: there is no region "eur"',
    ],
    [
      'generated files of before',
      () => {
        const text = regionsOf()
        copy.write('regions.ts', text.replace("name: 'apac'", "name: 'oc'"))
      },
      {},
      'npm run generate, and commit the result',
    ],
  ])('%s', (_what, arrange, env, said) => {
    arrange()
    const { status, err, out } = copy.deploy(['--region', 'weur', '--dry-run'], env)
    copy.write('regions.ts', regionsOf())
    expect({ status, out }).toEqual({ status: 1, out: '' })
    expect(err.replaceAll(/\s+/g, ' ')).toContain(said)
    expect(err).toContain('Region weur cannot be deployed:')
  })

  test('a region that is not there, with its neighbour and exit 2', () => {
    expect(copy.deploy(['--region', 'wuer', '--dry-run'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('regions.ts has no region "wuer". Did you mean "weur"?'),
    })
    expect(copy.deploy(['--regoin', 'weur'])).toMatchObject({ status: 2 })
    expect(copy.deploy(['--region', 'weur', '--url', 'ingest'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('--url takes WORKER=ADDRESS'),
    })
  })
})

test('without a way to Cloudflare a deployment fails before it changes anything, in the words of Wrangler', () => {
  const { status, err } = copy.deploy(['--region', 'weur'], {
    CLOUDFLARE_API_TOKEN: '',
    CLOUDFLARE_ACCOUNT_ID: '',
    TIDEMARK_TOKEN: 't',
  })
  expect(status).toBe(1)
  expect(err).toContain('wrangler')
  expect(err).not.toContain('    at ')
})

test('the config without a region that is not there yet is one that Wrangler takes', async () => {
  const script = `
    import { mkdirSync, writeFileSync } from 'node:fs'
    import { regions } from './regions.ts'
    import { wranglerConfig } from './scripts/lib/wrangler-config.ts'
    mkdirSync('.tidemark/deploy', { recursive: true })
    writeFileSync('.tidemark/deploy/ingest-weur.toml', wranglerConfig('ingest', regions.slice(0, 1), {}, '.tidemark/deploy'))
  `
  expect(copy.run(['--input-type=module-typescript', '--eval', script])).toMatchObject({ status: 0 })
  const args = ['deploy', '--dry-run', '--config', '.tidemark/deploy/ingest-weur.toml', '--env', 'weur']
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', CI: '1' }
  const { status, stdout } = spawnSync(binary('wrangler'), args, { cwd: copy.folder, encoding: 'utf8', env })
  expect(stdout).not.toContain('[WARNING]')
  expect(status).toBe(0)
})
