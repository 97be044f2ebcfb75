import { describe, expect, test } from 'vitest'
import { addressText, type Copy, isCopy, versionText } from '../../src/online/index.ts'
import { storableKey } from '../../src/online/keys.ts'
import { KvStore } from '../../src/online/kv/index.ts'
import { type Random, random } from '../support/random.ts'
import { copyOf, entityAt, type StoreUnderTest, storeConformance } from './conformance.ts'
import { FakeKv } from './fake-kv.ts'
import { plantedText } from './plant-text.ts'

const KEYS = ['a', 'b', 'c']
const QUIET_MS = 91_000

function storeOf(kv: FakeKv, epochs: readonly number[] = [1, 0], cacheCount = 1): KvStore {
  return new KvStore(kv.at(cacheCount), { epochsOf: () => epochs, now: kv.now })
}

function make(): StoreUnderTest {
  const kv = new FakeKv(random(1))
  return {
    store: storeOf(kv),
    another: () => storeOf(kv),
    later: (ms) => kv.pass(ms),
    plant: async (what, copy) => {
      const key = `tidemark:1:${copy.version.epoch}:${await storableKey(addressText(copy.address))}`
      kv.values.set(key, plantedText(what, copy))
    },
  }
}

describe('the store in KV', () => {
  test.each(storeConformance)('%s', async (_behaviour, check) => check(make(), random(1)))

  test('converges to the greatest copies, and no reader ever goes back, whatever puts do to each other', async () => {
    for (let seed = 1; seed <= 150; seed++) {
      try {
        await converge(random(seed))
      } catch (cause) {
        throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
      }
    }
  })

  test('a writer of an epoch before cannot undo a copy of the new one', async () => {
    const kv = new FakeKv(random(1))
    const [zombie, owner] = [storeOf(kv, [0]), storeOf(kv)]
    const restored = copyOf(entityAt('k'), { epoch: 1, mark: 5, seq: 1 })
    await zombie.put([copyOf(entityAt('k'), { mark: 9_000, seq: 90 })])
    await owner.put([restored])
    kv.pass(5_000)
    await zombie.put([copyOf(entityAt('k'), { mark: 9_999, seq: 99 })])
    kv.pass(60_000)
    expect(await storeOf(kv).get([entityAt('k')])).toEqual([restored])
  })

  test('while an epoch hands over, what the new one does not have yet is read from the one before', async () => {
    const kv = new FakeKv(random(1))
    const [moved, waiting] = [copyOf(entityAt('moved')), copyOf(entityAt('waiting'))]
    await storeOf(kv).put([moved, waiting])
    const anew = { ...moved, version: { ...moved.version, epoch: 1 } }
    await storeOf(kv).put([anew])
    expect(await storeOf(kv, [1, 0]).get([moved.address, waiting.address])).toEqual([anew, waiting])
    expect(await storeOf(kv, [1]).get([moved.address, waiting.address])).toEqual([anew, undefined])
  })

  test('a copy of the new epoch that cannot be read does not bring back the one before', async () => {
    const kv = new FakeKv(random(1))
    const copy = copyOf(entityAt('k'))
    await storeOf(kv).put([copy])
    kv.values.set(`tidemark:1:1:${addressText(copy.address)}`, plantedText('corrupt', copy))
    expect(await storeOf(kv).get([copy.address])).toEqual([{ passedOver: expect.stringContaining('is damaged') }])
  })

  test('a key takes one put a second: what comes sooner is to be put again, and KV is not asked', async () => {
    const kv = new FakeKv(random(1))
    const store = storeOf(kv)
    await store.put([copyOf(entityAt('k'), { seq: 1 })])
    kv.pass(999)
    expect(await store.put([copyOf(entityAt('k'), { seq: 2 })])).toEqual([
      { again: expect.stringContaining('a second') },
    ])
    expect(kv.throttled).toBe(0)
    kv.pass(1)
    expect(await store.put([copyOf(entityAt('k'), { seq: 2 })])).toEqual(['stored'])
  })

  test('a put that KV refuses is to be put again; the others are stored', async () => {
    const kv = new FakeKv(random(1))
    await storeOf(kv).put([copyOf(entityAt('k'), { seq: 1 })])
    const outcomes = await storeOf(kv).put([copyOf(entityAt('k'), { seq: 2 }), copyOf(entityAt('other'))])
    expect(outcomes).toEqual([{ again: expect.stringContaining('429') }, 'stored'])
  })

  test('a put is lost on the way: it is read back after quiet, and put again', async () => {
    const kv = new FakeKv(random(1))
    const store = storeOf(kv)
    const copy = copyOf(entityAt('k'))
    await store.put([copy])
    kv.values.clear()
    expect(await store.settle()).toBe(1)
    expect(kv.puts).toBe(1)
    kv.pass(QUIET_MS)
    expect(await store.settle()).toBe(1)
    expect(await storeOf(kv).get([copy.address])).toEqual([copy])
    kv.pass(QUIET_MS)
    expect(await store.settle()).toBe(0)
    expect(kv.puts).toBe(2)
  })

  test('a namespace that cannot be read back is told by the name of its store, and is read back later', async () => {
    const kv = new FakeKv(random(1))
    const place = kv.at()
    let isDown = true
    const get: typeof place.get = (keys, options) =>
      isDown ? Promise.reject(new Error('down')) : place.get(keys, options)
    const store = new KvStore({ ...place, get }, { name: 'east/far', epochsOf: () => [0], now: kv.now })
    await store.put([copyOf(entityAt('k'))])
    kv.pass(QUIET_MS)
    await expect(store.settle()).rejects.toThrow('The store east/far cannot be read: down')
    isDown = false
    expect(await store.settle()).toBe(0)
  })

  test('more than one answer may hold is read in parts', async () => {
    const kv = new FakeKv(random(1))
    const copies = ['a', 'b', 'c'].map((key) => copyOf(entityAt(key), {}, 9_000_000))
    for (const copy of copies) await storeOf(kv).put([copy])
    const found = await storeOf(kv).get(copies.map(({ address }) => address))
    expect(found.map((one) => isCopy(one) && one.body.length)).toEqual([9_000_000, 9_000_000, 9_000_000])
  })

  test('a namespace that does not answer is an error that names the store', async () => {
    const never = new Promise<never>(() => {})
    const options = { name: 'east/near', epochsOf: () => [0], now: () => 0, readTimeoutMs: 10, writeTimeoutMs: 10 }
    const store = new KvStore({ get: () => never, put: () => never }, options)
    await expect(store.get([entityAt('k')])).rejects.toThrow(
      'The store east/near cannot be read: no answer within 10 ms',
    )
    expect(await store.put([copyOf(entityAt('k'))])).toEqual([
      { again: 'the store east/near cannot be written: no answer within 10 ms' },
    ])
  })
})

/** One shard that publishes what its entities become, an older instance of it that wakes up now and then, four readers. */
async function converge(r: Random): Promise<void> {
  const kv = new FakeKv(r, { lateMs: 4_000, lostAnswers: 0.1, lostPuts: 0.1 })
  const [owner, twin, zombie] = [storeOf(kv), storeOf(kv), storeOf(kv, [0])]
  const readers = Array.from({ length: 4 }, () => ({ store: storeOf(kv, [1, 0], 2), last: new Map<string, string>() }))
  const newest = new Map<string, Copy>()
  const waiting = new Map<string, Copy>()
  let slept: Copy[] = []

  for (let step = 0; step < 120; step++) {
    kv.pass(r.int(0, 2_500))
    const key = r.pick(KEYS)
    const seq = step + 1
    const copy = copyOf(entityAt(key), { epoch: 1, mark: 1_000 + seq - (seq % 3), seq })
    newest.set(key, copy)
    waiting.set(key, copy)
    if (r.chance(0.3)) await publish(owner)
    if (r.chance(0.1)) slept = [...newest.values()]
    // The same shard in an isolate that did not know that it was replaced.
    if (r.chance(0.1)) await twin.put(slept)
    if (r.chance(0.1)) await zombie.put(KEYS.map((k) => copyOf(entityAt(k), { epoch: 0, mark: 99_999, seq: 999 })))
    if (r.chance(0.2)) await owner.settle()
    await readAll()
  }
  while (waiting.size > 0) {
    kv.pass(1_000)
    await publish(owner)
  }
  for (let tries = 0; ; tries++) {
    kv.pass(QUIET_MS)
    if ((await owner.settle()) === 0) break
    if (tries > 50) throw new Error('it does not settle')
    await readAll()
  }
  kv.pass(60_000)
  for (const { store } of readers) {
    const expected = KEYS.map((key) => newest.get(key))
    const found = await store.get(KEYS.map((key) => entityAt(key)))
    expect(found).toEqual(expected)
  }

  async function publish(store: KvStore): Promise<void> {
    const copies = [...waiting.values()]
    const outcomes = await store.put(copies)
    for (const [i, copy] of copies.entries()) {
      const outcome = outcomes[i]
      if (outcome === 'stored' || outcome === 'older') waiting.delete(copy.address.key)
      else expect(outcome).toHaveProperty('again')
    }
  }

  async function readAll(): Promise<void> {
    for (const { store, last } of readers) {
      for (const [i, found] of (await store.get(KEYS.map((key) => entityAt(key)))).entries()) {
        const key = KEYS[i] ?? ''
        const before = last.get(key) ?? ''
        if (found === undefined) expect(before).toBe('')
        if (!isCopy(found)) continue
        expect(versionText(found.version) >= before).toBe(true)
        last.set(key, versionText(found.version))
      }
    }
  }
}
