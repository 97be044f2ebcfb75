import { expect, test } from 'vitest'
import { regions } from '../../regions.ts'
import { storeAdaptersModule } from '../../scripts/lib/store-adapters.ts'
import { workerPlans } from '../../scripts/lib/workers.ts'
import { hasWarning } from '../../scripts/lib/wrangler.ts'
import { wranglerConfig } from '../../scripts/lib/wrangler-config.ts'
import { localServices } from '../../scripts/local/services.ts'
import { zoneSpec } from '../../src/define/time-zones.ts'
import { type Region, regionNamed, type StoreSpec, shardCount } from '../../src/plan/index.ts'

const local: Region = { name: 'local', id: 1, epoch: 0, shards: { default: 4, entities: { user: 16 } } }
const weur: Region = { name: 'weur', id: 2, epoch: 0, shards: { default: 8 } }

test('region names and ids are unique, and every count is a positive whole number', () => {
  expect(new Set(regions.map((region) => region.id)).size).toBe(regions.length)
  expect(new Set(regions.map((region) => region.name)).size).toBe(regions.length)
  for (const region of regions) {
    expect(region.name).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(region.id).toBeGreaterThan(0)
    for (const count of [region.shards.default, ...Object.values(region.shards.entities ?? {})]) {
      expect(Number.isInteger(count) && count > 0).toBe(true)
    }
  }
})

test('an entity takes its own shard count, any other the default', () => {
  expect(shardCount(local, 'user')).toBe(16)
  expect(shardCount(local, 'airport')).toBe(4)
  expect(shardCount(local, 'constructor')).toBe(4)
})

test('an unknown region is an error that names the known ones', () => {
  expect(() => regionNamed(regions, 'mars')).toThrow('it has: local')
})

test('every environment repeats every binding of the top level', () => {
  const config = wranglerConfig('ingest', [local, weur])
  for (const binding of ['SHARDS', 'DEAD_LETTERS']) {
    expect(config.match(new RegExp(`name = "${binding}"`, 'g'))).toHaveLength(3)
  }
  expect(config).toContain('[env.weur]\nname = "tidemark-ingest-weur"')
  expect(config).toContain('[env.weur.exports.FeatureShard]\ntype = "durable-object"\nstorage = "sqlite"')
})

test('a stateless Worker reaches the shards of its region by the name of their owner', () => {
  const config = wranglerConfig('lookup', [local, weur])
  expect(config).toContain('class_name = "FeatureShard"\nscript_name = "tidemark-ingest"')
  expect(config).toContain('class_name = "FeatureShard"\nscript_name = "tidemark-ingest-weur"')
})

test('the regions of an environment are bound to each other by an entrypoint, and to no region of another', () => {
  const staging: Region = { name: 'weur-staging', id: 3, environment: 'staging', epoch: 0, shards: { default: 1 } }
  for (const worker of ['ingest', 'lookup'] as const) {
    const config = wranglerConfig(worker, [local, weur, staging])
    expect(config).toContain(
      '[[env.weur.services]]\nbinding = "REGION_LOCAL"\nservice = "tidemark-ingest"\nentrypoint = "RegionDoor"',
    )
    expect(config).toContain('[[env.local.services]]\nbinding = "REGION_WEUR"\nservice = "tidemark-ingest-weur"')
    expect(config).not.toContain('[[env.weur-staging.services]]')
    expect(config).not.toContain('REGION_WEUR_STAGING')
  }
})

test('the top level has no binding that some environment has not: Wrangler warns of those', () => {
  const kv = { name: 'kv', kind: 'kv', id: '0123456789abcdef0123456789abcdef' } as const
  const staging: Region = { name: 'b', id: 3, environment: 'staging', epoch: 0, shards: { default: 1 }, stores: [kv] }
  const [top = ''] = wranglerConfig('lookup', [local, weur, staging]).split('[env.local]')
  expect(top).not.toContain('REGION_')
  expect(top).not.toContain('KV_')
  expect(top).toContain('name = "SHARDS"')
})

test('no secret stands in a config', () => {
  expect(wranglerConfig('ingest', [local])).not.toMatch(/TOKENS\s*=/)
})

test('what is deployed is minified, with a map from its lines to the source', () => {
  for (const plan of workerPlans(local, [local])) {
    expect(wranglerConfig(plan.worker, [local])).toContain(
      '\nminify = true\nkeep_names = false\nupload_source_maps = true\n',
    )
  }
})

const near: StoreSpec = { name: 'near', kind: 'redis' }
const far: StoreSpec = { name: 'far', kind: 'kv', id: 'abc123' }

test('the KV namespaces of an environment are bound in every region of it, to those who publish and those who look up', () => {
  const west = { ...weur, stores: [far] }
  const staging: Region = { name: 'staging', id: 3, epoch: 0, shards: { default: 1 }, environment: 'staging' }
  for (const worker of ['ingest', 'lookup'] as const) {
    const config = wranglerConfig(worker, [{ ...local, stores: [near] }, west, staging])
    // Not at the top: staging has none, and Wrangler warns of what only some environments have.
    for (const prefix of ['env.local.', 'env.weur.'])
      expect(config).toContain(`[[${prefix}kv_namespaces]]\nbinding = "KV_WEUR_FAR"\nid = "abc123"\n`)
    expect(config).not.toContain('[[env.staging.kv_namespaces]]')
  }
  expect(wranglerConfig('inference', [west])).not.toContain('kv_namespaces')
  expect(wranglerConfig('lookup', [{ ...weur, stores: [{ name: 'far', kind: 'kv' }] }])).toContain(
    '[[kv_namespaces]]\nbinding = "KV_WEUR_FAR"\n\n',
  )
})

test('who looks up knows the connections of its environment where a store is reached by them, and nowhere else', () => {
  const secrets = (stores: readonly StoreSpec[]) =>
    workerPlans({ ...local, stores }, [{ ...local, stores }])
      .find(({ worker }) => worker === 'lookup')
      ?.bindings.flatMap(({ kind, name }) => (kind === 'secret' ? [name] : []))
  expect(secrets([])).toEqual(['TOKENS'])
  expect(secrets([far])).toEqual(['TOKENS'])
  expect(secrets([far, near])).toEqual(['TOKENS', 'CONNECTIONS'])
})

test('a local runtime has a KV namespace for each binding, but for those that are elsewhere', () => {
  const region: Region = { ...weur, stores: [near, far, { name: 'else', kind: 'kv' }] }
  const bundles = workerPlans(region, [region])
    .filter(({ worker }) => worker === 'ingest' || worker === 'lookup')
    .map((plan) => ({ worker: plan.worker, plan, modules: [] }))
  const secrets = { TOKENS: '{}', CONNECTIONS: '{}' }
  const services = localServices(bundles, secrets, {}, { KV_WEUR_ELSE: 'there' })
  expect(services.map(({ name, outbound }) => [name, outbound])).toEqual([
    ['ingest', 'private'],
    ['lookup', 'private'],
    ['kvweurfar', undefined],
  ])
  for (const { bindings } of services.slice(0, 2)) {
    expect(bindings).toContainEqual({ kind: 'kv', name: 'KV_WEUR_FAR', service: 'kvweurfar' })
    expect(bindings).toContainEqual({ kind: 'kv', name: 'KV_WEUR_ELSE', service: 'there' })
  }
})

test('the bucket of a region with a log is bound to those who write it; a local runtime has its objects as files', () => {
  const west: Region = { ...weur, log: {} }
  const [ingest = ''] = [wranglerConfig('ingest', [{ ...local, log: { bucket: 'mine' } }, west])]
  expect(ingest).toContain('[[env.local.r2_buckets]]\nbinding = "LOG"\nbucket_name = "mine"\n')
  expect(ingest).toContain('[[env.weur.r2_buckets]]\nbinding = "LOG"\nbucket_name = "tidemark-weur"\n')
  expect(wranglerConfig('inference', [west])).not.toContain('r2_buckets')
  expect(wranglerConfig('ingest', [weur])).not.toContain('r2_buckets')

  const bundles = workerPlans(west, [west]).map((plan) => ({ worker: plan.worker, plan, modules: [] }))
  const services = localServices(bundles, { TOKENS: '{}', CONNECTIONS: '{}' })
  const owners = services.filter(({ bindings }) => bindings.some(({ kind }) => kind === 'r2'))
  expect(owners.map(({ name }) => name)).toEqual(['ingest', 'lookup'])
  expect(services.at(-1)).toMatchObject({ name: 'r2log', folder: { binding: 'DISK', path: 'r2/tidemark-weur' } })
})

test('the Workers carry the adapters of the kinds that regions name, and no others', () => {
  expect(storeAdaptersModule([local])).toContain(': StoreAdapters = {}\n')
  expect(storeAdaptersModule([local])).not.toContain('redis')
  const text = storeAdaptersModule([local, { ...weur, stores: [far, near, { ...near, name: 'other' }] }])
  expect(text.match(/from '.*'/g)).toEqual([
    "from '../src/online/index.ts'",
    "from '../src/online/kv/index.ts'",
    "from '../src/online/redis/index.ts'",
  ])
  expect(text).toContain('StoreAdapters = { redis: openRedis, kv: openKv }')
})

test('time zones are compiled into the Worker that runs definitions, in every environment; a lookup has them as data', () => {
  const zones = { 'Europe/Berlin': zoneSpec('Europe/Berlin'), 'Asia/Kolkata': zoneSpec('Asia/Kolkata') }
  const config = wranglerConfig('ingest', [local, weur], zones)
  for (const table of ['define', 'env.local.define', 'env.weur.define']) {
    const [, json = ''] = config.split(`[${table}]\nTIDEMARK_TIME_ZONES = '`)
    expect(JSON.parse(json.slice(0, json.indexOf("'\n")))).toEqual(zones)
  }
  expect(wranglerConfig('ingest', [local, weur])).not.toContain('define')
  for (const worker of ['lookup', 'inference'] as const)
    expect(wranglerConfig(worker, [local], zones)).not.toContain('define')
})

test('a warning of wrangler is recognised', () => {
  expect(hasWarning('▲ [WARNING] Processing wrangler.toml configuration')).toBe(true)
  expect(hasWarning('Total Upload: 0.52 KiB / gzip: 0.32 KiB')).toBe(false)
})
