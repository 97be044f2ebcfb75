import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { startRedis } from '../../../scripts/peers/redis.ts'
import { addressText } from '../../../src/online/index.ts'
import { storableKey } from '../../../src/online/keys.ts'
import { REDIS_PREFIX, RedisStore } from '../../../src/online/redis/index.ts'
import { casConformance, copyOf, entityAt, type StoreUnderTest, storeConformance } from '../../online/conformance.ts'
import { plantedText } from '../../online/plant-text.ts'
import { race } from '../../online/race.ts'
import { random } from '../../support/random.ts'
import { interopFolder } from '../peers.ts'

const dir = join(interopFolder(), 'redis')
let redis = await startRedis({ dir })
afterAll(() => redis.stop())
beforeEach(() => void command('FLUSHALL'))

/** A command as an operator would give it, past our client and the REST server. */
function command(...args: readonly string[]): string {
  const port = redis.redis.split(':')[1] ?? ''
  const { stdout, stderr, status } = spawnSync('redis-cli', ['-p', port, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const open = (token = redis.token) =>
  new RedisStore({ url: redis.address, token }, { name: 'east/near', readTimeoutMs: 10_000 })

function make(): StoreUnderTest {
  return {
    store: open(),
    another: () => open(),
    later: () => {},
    plant: async (what, copy) => {
      const key = `${REDIS_PREFIX}${await storableKey(addressText(copy.address))}`
      if (what === 'otherType') command('HSET', key, 'name', 'somebody else')
      else command('SET', key, plantedText(what, copy))
    },
  }
}

describe('the store in a real Redis, over REST', () => {
  test.each([...storeConformance, ...casConformance])('%s', async (_behaviour, check) => check(make(), random(1)))

  test.each([1, 2])('64 writers race, seed %i', async (seed) => race(make(), random(seed), 8))

  test('is given the script when it does not have it, also after it was taken away', async () => {
    const store = open()
    command('SCRIPT', 'FLUSH')
    expect(await store.put([copyOf(entityAt('k'), { seq: 1 })])).toEqual(['stored'])
    const { requests } = store.operations
    command('SCRIPT', 'FLUSH')
    expect(await store.put([copyOf(entityAt('k'), { seq: 2 })])).toEqual(['stored'])
    // Asked, given the script, asked again; from then on one request.
    expect(store.operations.requests - requests).toBe(3)
    expect(await store.put([copyOf(entityAt('k'), { seq: 3 })])).toEqual(['stored'])
    expect(store.operations.requests - requests).toBe(4)
  })

  test('a key of another type than a text reads as nothing', async () => {
    const { store, plant } = make()
    await plant('otherType', copyOf(entityAt('k')))
    expect(await store.get([entityAt('k')])).toEqual([undefined])
  })

  test('an empty text that is not ours is not written over', async () => {
    const copy = copyOf(entityAt('k'))
    command('SET', `${REDIS_PREFIX}${addressText(copy.address)}`, '')
    expect(await open().put([copy])).toEqual([{ refused: expect.stringContaining('holds a text that is no copy') }])
  })

  test('a wrong token is told, and no token is shown', async () => {
    const store = open('wrong-token')
    await expect(store.get([entityAt('k')])).rejects.toThrow(
      'The store east/near cannot be read: WRONGPASS invalid or missing auth token',
    )
    expect(await store.put([copyOf(entityAt('k'))])).toEqual([
      { again: 'the store east/near cannot be written: WRONGPASS invalid or missing auth token' },
    ])
  })

  test('a server that refuses to write is asked again later, in its own words', async () => {
    command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      const [outcome] = await open().put([copyOf(entityAt('k'))])
      expect(outcome).toEqual({ again: expect.stringContaining('OOM') })
      // An error may quote the request, and a request holds everything.
      expect(JSON.stringify(outcome).length).toBeLessThan(400)
    } finally {
      command('CONFIG', 'SET', 'maxmemory', '0')
    }
  })

  test('a server that is gone is an error that names the store, and its copies are there when it is back', async () => {
    const copy = copyOf(entityAt('k'))
    expect(await open().put([copy])).toEqual(['stored'])
    // Redis writes its log when it answers; nothing waits for the disk.
    await redis.kill()
    const store = open()
    await expect(store.get([copy.address])).rejects.toThrow('The store east/near cannot be read: ')
    const copies = Array.from({ length: 100 }, (_, i) => copyOf(entityAt(`k${i}`), {}, 30_000))
    const outcomes = await store.put(copies)
    expect(outcomes).toHaveLength(100)
    for (const outcome of outcomes) expect(outcome).toEqual({ again: expect.stringContaining('east/near') })
    redis = await startRedis({ dir })
    expect(await store.get([copy.address])).toEqual([copy])
    expect(await store.put(copies)).toEqual(copies.map(() => 'stored'))
  })

  test('a server that answers nothing is given up at the deadline', async () => {
    const store = new RedisStore(
      { url: redis.address, token: redis.token },
      { readTimeoutMs: 100, writeTimeoutMs: 100, name: 'east/near' },
    )
    command('CLIENT', 'PAUSE', '400', 'ALL')
    await expect(store.get([entityAt('k')])).rejects.toThrow('The store east/near cannot be read: ')
    expect(await store.put([copyOf(entityAt('k'))])).toEqual([{ again: expect.stringContaining('east/near') }])
    await pause(500)
    // The put that was given up may have come through: putting it again is the same.
    expect(['stored', 'older']).toContain((await open().put([copyOf(entityAt('k'))]))[0])
  })
})
