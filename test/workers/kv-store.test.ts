import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test } from 'vitest'
import { addressText } from '../../src/online/index.ts'
import { storableKey } from '../../src/online/keys.ts'
import { KV_PREFIX, type KvNamespace, KvStore, openKv } from '../../src/online/kv/index.ts'
import { copyOf, entityAt, type StoreUnderTest, storeConformance } from '../online/conformance.ts'
import { plantedText } from '../online/plant-text.ts'
import { random } from '../support/random.ts'

afterEach(() => reset())

/** Bound by vitest.config.ts. */
const namespace = Reflect.get(env, 'KV_OF_TESTS') as KvNamespace

function make(): StoreUnderTest {
  // The clock stands: the store holds back a second put of a key until the test lets time pass.
  let nowMs = Date.now()
  const open = () => new KvStore(namespace, { epochsOf: () => [1, 0], now: () => nowMs })
  return {
    store: open(),
    another: open,
    later: (ms) => {
      nowMs += ms
    },
    plant: async (what, copy) => {
      const key = `${KV_PREFIX}${copy.version.epoch}:${await storableKey(addressText(copy.address))}`
      await namespace.put(key, plantedText(what, copy))
    },
  }
}

describe('the store in the KV of workerd', () => {
  test.each(storeConformance)('%s', async (_behaviour, check) => check(make(), random(1)))

  test('what was put is read back after quiet, and put again when it is gone', async () => {
    const { store, later } = make()
    const copy = copyOf(entityAt('k'))
    await store.put([copy])
    await namespace.put(`${KV_PREFIX}0:${addressText(copy.address)}`, 'gone')
    later(91_000)
    expect(await store.settle?.()).toBe(1)
    expect(await store.get([copy.address])).toEqual([copy])
    later(91_000)
    expect(await store.settle?.()).toBe(0)
  })

  test('a binding that is no namespace is refused by the name of its store', () => {
    const place = { region: 'east', spec: { name: 'far', kind: 'kv' as const }, epochsOf: () => [0], now: () => 0 }
    expect(() => openKv({ ...place, namespace: 'text' })).toThrow('The store east/far has no KV namespace.')
    expect(openKv({ ...place, namespace }).kind).toBe('kv')
  })
})
