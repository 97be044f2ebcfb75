import { checkCount, inParts, tooLarge, wordsOf } from '../batches.ts'
import { addressText, type Copy, type CopyAddress } from '../copy.ts'
import { isCopyText, readCopy, writeCopy } from '../copy-text.ts'
import { within } from '../deadline.ts'
import { storableKey } from '../keys.ts'
import { type Found, isCopy, type OnlineStore, type PutOutcome, type StoreFlags } from '../store.ts'
import { VERSION_TEXT_LENGTH, versionText } from '../version.ts'
import type { KvNamespace } from './namespace.ts'
import { SeenVersions } from './seen.ts'
import { WrittenKeys } from './written.ts'

/** Before every key; the number is raised when keys change. */
export const KV_PREFIX = 'tidemark:1:'

const FLAGS: StoreFlags = {
  cas: false,
  // Cloudflare's words: "up to 60 seconds or more".
  staleMs: 60_000,
  readable: false,
  // As base64 within the 25 MiB of a value, and of one answer.
  maxBodyBytes: 16 * 1024 * 1024,
  // An invocation may have 1,000 operations, and its caller needs some of them.
  maxPuts: 500,
  maxGets: 1_000,
  atomicGets: 1,
}

/** KV takes one write a second and key, and answers more with 429. */
const WRITE_EVERY_MS = 1_000
/** A Worker has six connections that wait. */
const PUTS_AT_ONCE = 6
const KEYS_A_READ = 100
/** What is read this long after the last put comes from no cache that is older than it. */
const QUIET_MS = 90_000
const READ_BACK_AT_ONCE = 500
const REMEMBERED_KEYS = 20_000
const REMEMBERED_UNITS = 16 * 1024 * 1024

export interface KvStoreOptions {
  /** How it is called in messages; default `kv`. */
  readonly name?: string
  /** The epochs of a region's shards whose copies count, the newest first. */
  readonly epochsOf: (region: string) => readonly number[]
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Default 2,000 ms. */
  readonly readTimeoutMs?: number
  /** Default 10,000 ms. */
  readonly writeTimeoutMs?: number
}

/** A copy under way, with its place in the call. */
interface Entry {
  readonly index: number
  readonly key: string
  readonly version: string
  readonly text: string
}

/**
 * Copies in Workers KV. It has no compare-and-set: each address has one writer, the shard that owns it, and the epoch is part of
 * the key, so that a writer of an epoch before writes elsewhere. The newest epoch that has something decides. What two puts of
 * one writer may still do to each other on their way is mended by `settle`.
 *
 * A reader never goes back: what is older than what it has read before is passed over.
 */
export class KvStore implements OnlineStore {
  readonly kind = 'kv'
  readonly flags = FLAGS
  readonly operations = { reads: 0, writes: 0, requests: 0 }
  private readonly namespace: KvNamespace
  private readonly name: string
  private readonly options: KvStoreOptions
  private readonly seen = new SeenVersions(REMEMBERED_KEYS)
  private readonly written = new WrittenKeys(REMEMBERED_KEYS, REMEMBERED_UNITS)
  /** By key, since when, ms: a put whose request was ended from outside is never told of, and must not stand for ever. */
  private readonly underWay = new Map<string, number>()

  constructor(namespace: KvNamespace, options: KvStoreOptions) {
    this.namespace = namespace
    this.options = options
    this.name = options.name ?? 'kv'
  }

  async get(addresses: readonly CopyAddress[]): Promise<Found[]> {
    checkCount(addresses.length, FLAGS.maxGets, 'addresses')
    const wanted = await Promise.all(addresses.map(async (address) => ({ address, keys: await this.keysOf(address) })))
    const keys = [...new Set(wanted.flatMap((one) => one.keys))]
    const texts = await this.read(keys)
    return wanted.map(({ address, keys }) => {
      const text = keys.map((key) => texts.get(key) ?? null).find((one) => one !== null)
      const found = text === undefined ? undefined : readCopy(text, address)
      if (found !== undefined && !isCopy(found)) return found
      const version = found === undefined ? '' : versionText(found.version)
      if (this.seen.note(addressText(address), version)) return found
      return {
        passedOver: `the copy of ${addressText(address)} in ${this.name} is older than one that was read before`,
      }
    })
  }

  async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    checkCount(copies.length, FLAGS.maxPuts, 'copies')
    const outcomes: (PutOutcome | undefined)[] = copies.map((copy) => tooLarge(copy, FLAGS))
    const greatest = new Map<string, Entry>()
    for (const [index, copy] of copies.entries()) {
      if (outcomes[index] !== undefined) continue
      const key = keyOf(copy.version.epoch, await storableKey(addressText(copy.address)))
      const entry = { index, key, version: versionText(copy.version), text: writeCopy(copy) }
      const other = greatest.get(key)
      if (other !== undefined && other.version >= entry.version) outcomes[index] = 'older'
      else {
        if (other !== undefined) outcomes[other.index] = 'older'
        greatest.set(key, entry)
      }
    }
    await eachOf(greatest.values(), async (entry) => {
      outcomes[entry.index] = await this.putOne(entry)
    })
    return outcomes.map((outcome) => outcome ?? { again: `the store ${this.name} was not asked` })
  }

  async settle(): Promise<number> {
    const quiet = this.options.now() - QUIET_MS
    const due = [...this.written.waiting()].filter(([, { putMs }]) => putMs <= quiet).slice(0, READ_BACK_AT_ONCE)
    // Read keys that are due only: they are in no cache by now.
    const texts = await this.read(due.map(([key]) => key))
    await eachOf(due, async ([key, { version, text }]) => {
      const there = texts.get(key) ?? ''
      const known = isCopyText(there) ? there.slice(0, VERSION_TEXT_LENGTH) : ''
      if (known < version) await this.putOne({ index: 0, key, version, text }, true)
      else if (this.written.get(key)?.version === version) this.written.set(key, { version, putMs: 0 })
    })
    return [...this.written.waiting()].length
  }

  /** One put of a key at a time, and one a second. `anew`: although it was taken before. */
  private async putOne({ key, version, text }: Entry, anew = false): Promise<PutOutcome> {
    const nowMs = this.options.now()
    const known = this.written.get(key)
    if (known !== undefined && (known.version > version || (known.version === version && !anew))) return 'older'
    const timeoutMs = this.options.writeTimeoutMs ?? 10_000
    if (nowMs - (this.underWay.get(key) ?? Number.NEGATIVE_INFINITY) < 2 * timeoutMs)
      return { again: `another put of ${key} is under way` }
    if (known !== undefined && nowMs - known.putMs < WRITE_EVERY_MS)
      return { again: `the store ${this.name} takes one put of ${key} a second` }
    this.underWay.set(key, nowMs)
    this.operations.writes++
    this.operations.requests++
    try {
      await within(timeoutMs, this.namespace.put(key, text))
      this.written.set(key, { version, putMs: nowMs, text })
      return 'stored'
    } catch (error) {
      this.written.set(key, { ...known, version: known?.version ?? '', putMs: nowMs })
      return { again: `the store ${this.name} cannot be written: ${wordsOf(error)}` }
    } finally {
      this.underWay.delete(key)
    }
  }

  /** Of every key its text, or null. */
  private async read(keys: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    try {
      const parts = inParts(keys, { maxCount: KEYS_A_READ }).map((part) => this.readPart(part))
      return new Map((await Promise.all(parts)).flatMap((texts) => [...texts]))
    } catch (error) {
      throw new Error(`The store ${this.name} cannot be read: ${wordsOf(error)}`)
    }
  }

  /** One answer has at most 25 MiB: what is more is asked for in halves. */
  private async readPart(keys: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    this.operations.reads += keys.length
    this.operations.requests++
    try {
      const read = this.namespace.get([...keys], { type: 'text' })
      return await within(this.options.readTimeoutMs ?? 2_000, read)
    } catch (error) {
      if (keys.length === 1 || !/\b413\b|exceeds/i.test(wordsOf(error))) throw error
      const half = Math.ceil(keys.length / 2)
      const halves = [keys.slice(0, half), keys.slice(half)].map((part) => this.readPart(part))
      return new Map((await Promise.all(halves)).flatMap((texts) => [...texts]))
    }
  }

  private async keysOf(address: CopyAddress): Promise<string[]> {
    const key = await storableKey(addressText(address))
    return this.options.epochsOf(address.region).map((epoch) => keyOf(epoch, key))
  }
}

const keyOf = (epoch: number, key: string): string => `${KV_PREFIX}${epoch}:${key}`

/** Several at once, but no more than a Worker has connections. */
async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].values()
  const line = async () => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: PUTS_AT_ONCE }, line))
}
