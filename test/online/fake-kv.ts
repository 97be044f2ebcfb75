/** Workers KV as it is at Cloudflare, where the local one is not: late, cached, throttled, and in no order. Seeded. */
import type { KvNamespace } from '../../src/online/kv/index.ts'
import type { Random } from '../support/random.ts'

const CACHED_MS = 60_000
const WRITE_EVERY_MS = 1_000
const MAX_KEY_BYTES = 512
const MAX_VALUE_BYTES = 25 * 1024 * 1024
const MAX_KEYS = 100

export interface FakeKvFaults {
  /** A put arrives up to so much later than it is answered, so that two of one key may change places. Default 0. */
  readonly lateMs?: number
  /** How often a put is answered with an error although it arrives, and how often it is lost with one. Default 0. */
  readonly lostAnswers?: number
  readonly lostPuts?: number
}

interface Cached {
  readonly value: string | null
  readonly untilMs: number
}

/** One namespace, seen from several places. Time stands still until `pass`. */
export class FakeKv {
  nowMs = 1_700_000_000_000
  /** What the store itself holds, by key. */
  readonly values = new Map<string, string>()
  puts = 0
  throttled = 0
  private readonly underWay: { readonly atMs: number; readonly key: string; readonly value: string }[] = []
  private readonly lastPutMs = new Map<string, number>()
  private readonly random: Random
  private readonly faults: FakeKvFaults

  constructor(random: Random, faults: FakeKvFaults = {}) {
    this.random = random
    this.faults = faults
  }

  readonly now = (): number => this.nowMs

  pass(ms: number): void {
    this.nowMs += ms
    this.arrive()
  }

  /**
   * The namespace as a Worker of one place sees it: what it has read it reads again for up to a minute, also what was not there.
   * A place with two caches is answered by one or the other.
   */
  at(cacheCount = 1): KvNamespace {
    const caches = Array.from({ length: cacheCount }, () => new Map<string, Cached>())
    return {
      get: async (keys) => {
        if (keys.length < 1 || keys.length > MAX_KEYS) throw new Error(`KV GET failed: 400 ${keys.length} keys`)
        for (const key of keys) checkKey(key)
        this.arrive()
        const cache = this.random.pick(caches)
        const read = new Map(keys.map((key) => [key, this.readThrough(cache, key)]))
        const size = [...read.values()].reduce((sum, value) => sum + (value?.length ?? 0), 0)
        if (size > MAX_VALUE_BYTES)
          throw new Error('KV GET failed: 413 Total size of request exceeds the limit of 25MB')
        return read
      },
      put: async (key, value) => this.put(key, value),
    }
  }

  private readThrough(cache: Map<string, Cached>, key: string): string | null {
    const known = cache.get(key)
    if (known !== undefined && known.untilMs > this.nowMs) return known.value
    const value = this.values.get(key) ?? null
    cache.set(key, { value, untilMs: this.nowMs + CACHED_MS })
    return value
  }

  private put(key: string, value: string): void {
    checkKey(key)
    if (value.length > MAX_VALUE_BYTES) throw new Error('KV PUT failed: 413 Request Entity Too Large')
    const lastMs = this.lastPutMs.get(key) ?? Number.NEGATIVE_INFINITY
    if (this.nowMs - lastMs < WRITE_EVERY_MS) {
      this.throttled++
      throw new Error('KV PUT failed: 429 Too Many Requests')
    }
    this.lastPutMs.set(key, this.nowMs)
    this.puts++
    const { lateMs = 0, lostAnswers = 0, lostPuts = 0 } = this.faults
    if (this.random.chance(lostPuts)) throw new Error('KV PUT failed: 503 Service Unavailable')
    this.underWay.push({ atMs: this.nowMs + this.random.int(0, lateMs), key, value })
    this.arrive()
    if (this.random.chance(lostAnswers)) throw new Error('KV PUT failed: 500 Internal Server Error')
  }

  /** What is due by now, in the order of its arrival. */
  private arrive(): void {
    this.underWay.sort((a, b) => a.atMs - b.atMs)
    while (this.underWay[0] !== undefined && this.underWay[0].atMs <= this.nowMs) {
      const { key, value } = this.underWay.shift() ?? { key: '', value: '' }
      this.values.set(key, value)
    }
  }
}

function checkKey(key: string): void {
  const bytes = new TextEncoder().encode(key).length
  if (key === '' || key === '.' || key === '..') throw new Error(`KV: an illegal key "${key}"`)
  if (bytes > MAX_KEY_BYTES) throw new Error(`KV: 414 UTF-8 encoded length of ${bytes} exceeds key length limit of 512`)
}
