import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { bundleApp } from '../../../scripts/local/app-bundle.ts'
import { kvService } from '../../../scripts/local/kv-service.ts'
import { freePort } from '../../../scripts/local/port.ts'
import { startRuntime } from '../../../scripts/local/workerd.ts'
import type { ExternalService, Service } from '../../../scripts/local/workerd-config.ts'
import { startLibsql } from '../../../scripts/peers/libsql.ts'
import { startRedis } from '../../../scripts/peers/redis.ts'
import { migrateStore } from '../../../src/online/libsql/index.ts'
import { interopFolder } from '../peers.ts'
import type { Asked, Told } from './app/stores.ts'

/** Two regions, each on a workerd of its own, with the Redis of one and the libSQL and KV of the other. */
const redis = await startRedis({ dir: join(interopFolder(), 'redis-of-workerd') })
const libsql = await startLibsql({ dir: join(interopFolder(), 'libsql-of-workerd') })
await migrateStore({ url: libsql.address, token: libsql.token }, Date.now())
const modules = await bundleApp('test/interop/online/app', 'stores')
const kvPort = await freePort(0)
const west = await start('west', [kvService('kvwestfar')], [{ service: 'kvwestfar', port: kvPort }])
const east = await start('east', [], [], [{ name: 'kvwestfar', address: `127.0.0.1:${kvPort}` }])
afterAll(async () => {
  await Promise.all([west.stop(), east.stop()])
  await Promise.all([redis.stop(), libsql.stop()])
})

async function start(
  region: string,
  others: readonly Service[],
  sockets: readonly { service: string; port: number }[],
  externals: readonly ExternalService[] = [],
) {
  const stores = {
    'east/near': { url: redis.address, token: redis.token },
    'west/sql': { url: libsql.address, token: libsql.token },
  }
  const worker: Service = {
    name: 'stores',
    modules,
    outbound: 'private',
    bindings: [
      { kind: 'text', name: 'REGION', value: region },
      { kind: 'text', name: 'CONNECTIONS', value: JSON.stringify({ stores }) },
      { kind: 'kv', name: 'KV_WEST_FAR', service: 'kvwestfar' },
    ],
  }
  return await startRuntime({
    services: [worker, ...others],
    sockets: [{ service: 'stores', port: await freePort(0) }, ...sockets],
    stateDir: join(interopFolder(), `state-${region}`),
    externals,
  })
}

async function ask({ url }: { readonly url: string }, asked: Asked): Promise<Told> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(asked) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}

describe.each(['east/near', 'west/sql', 'west/far'])('the store %s inside of workerd', (store) => {
  test('is written in one region and read in the other', async () => {
    const keys = Array.from({ length: 130 }, (_, i) => `k${i}`)
    const told = await ask(east, { store, put: keys.map((key, i) => ({ key, seq: 2, bytes: i })) })
    expect(told.stores).toEqual(['east/near redis', 'west/sql libsql', 'west/far kv'])
    expect(told.outcomes).toEqual(keys.map(() => 'stored'))
    const { found } = await ask(west, { store, get: [...keys, 'nobody'] })
    expect(found).toEqual([...keys.map((_, i) => `2 ${i}`), 'nothing'])
  })

  test('keeps the greater version, whoever puts the lesser one', async () => {
    // KV has one writer for an address; the others may have any.
    const other = store === 'west/far' ? east : west
    const told = await ask(other, { store, put: [{ key: 'k7', seq: 1, bytes: 3 }] })
    expect(told.outcomes).toEqual(['older'])
    expect((await ask(east, { store, get: ['k7'] })).found).toEqual(['2 7'])
  })

  test('takes what is large', async () => {
    const put = ['a', 'b', 'c'].map((key) => ({ key: `large-${key}`, seq: 3, bytes: 2_500_000 }))
    expect((await ask(west, { store, put })).outcomes).toEqual(['stored', 'stored', 'stored'])
    const { found } = await ask(east, { store, get: put.map(({ key }) => key) })
    expect(found).toEqual(put.map(() => '3 2500000'))
  })

  test('takes keys that are hard to write', async () => {
    const keys = ['', '/', '..', 'a%2fb', 'k\u00e9y \u{1f600}', 'a?b#c', 'x'.repeat(500), 'a\u0000b']
    expect((await ask(west, { store, put: keys.map((key, i) => ({ key, seq: 1, bytes: i })) })).outcomes).toEqual(
      keys.map(() => 'stored'),
    )
    expect((await ask(east, { store, get: keys })).found).toEqual(keys.map((_, i) => `1 ${i}`))
  })

  test('serves many requests at once', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(east, { store, get: keys })))
    for (const { found } of answers) expect(found).toEqual(keys.map((_, i) => `2 ${i}`))
  })
})
