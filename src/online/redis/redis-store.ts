import { Redis } from '@upstash/redis/cloudflare'
import { checkCount, inParts, tooLarge, wordsOf } from '../batches.ts'
import { addressText, type Copy, type CopyAddress } from '../copy.ts'
import { readCopy, writeCopy } from '../copy-text.ts'
import { within } from '../deadline.ts'
import { storableKey } from '../keys.ts'
import type { Found, OnlineStore, PutOutcome, StoreConnection, StoreFlags } from '../store.ts'
import { KEY_LOCKING, PLAIN, refusesKeyLocking, type Script } from './script.ts'

/** Before every key, so that other tools may use the same database; the number is raised when keys change. */
export const REDIS_PREFIX = 'tidemark:1:'

const KEYS_A_READ = 100

const FLAGS: StoreFlags = {
  cas: true,
  staleMs: 0,
  readable: false,
  // As base64 in one request, which Upstash takes up to 10 MB.
  maxBodyBytes: 6 * 1024 * 1024,
  maxPuts: 1_000,
  maxGets: 1_000,
  atomicGets: KEYS_A_READ,
}

/** Below the smallest limit of a request that Upstash has had (1 MB); a copy that is larger goes alone. */
const REQUEST_UNITS = 900_000
/** A script holds its keys while it runs: long enough to be cheap, short enough to let others in between. */
const COPIES_A_SCRIPT = 32

export interface RedisStoreOptions {
  /** How it is called in messages; default `redis`. */
  readonly name?: string
  /** A read that takes longer fails, and the next tier is asked; default 1,000 ms. */
  readonly readTimeoutMs?: number
  /** Default 10,000 ms. */
  readonly writeTimeoutMs?: number
}

/** A copy under way, with its place in the call. */
interface Entry {
  readonly index: number
  readonly key: string
  readonly text: string
}

/** What a command of a pipeline came to. */
type Answer = { readonly result: unknown } | { readonly error: string }

/**
 * Copies in Upstash Redis, or in a Redis behind a server of its REST interface: a text each, replaced by a script that compares
 * versions. A place that holds something else is never written over.
 *
 * A key of another type than a text reads as nothing (`MGET` cannot tell); whoever puts there is refused.
 */
export class RedisStore implements OnlineStore {
  readonly kind = 'redis'
  readonly flags = FLAGS
  readonly operations = { reads: 0, writes: 0, requests: 0 }
  private readonly name: string
  private readonly reader: Redis
  private readonly writer: Redis
  private readonly readTimeoutMs: number
  private readonly writeTimeoutMs: number
  /** Which script the server takes; the other one after the first was refused. */
  private script: Script = KEY_LOCKING

  constructor(connection: StoreConnection, options: RedisStoreOptions = {}) {
    this.name = options.name ?? 'redis'
    this.readTimeoutMs = options.readTimeoutMs ?? 1_000
    this.writeTimeoutMs = options.writeTimeoutMs ?? 10_000
    this.reader = client(connection, this.readTimeoutMs)
    this.writer = client(connection, this.writeTimeoutMs)
  }

  async get(addresses: readonly CopyAddress[]): Promise<Found[]> {
    checkCount(addresses.length, FLAGS.maxGets, 'addresses')
    const keys = await Promise.all(addresses.map(keyOf))
    const read = inParts(keys, { maxCount: KEYS_A_READ }).map(async (part) => {
      this.operations.reads++
      this.operations.requests++
      return await within(this.readTimeoutMs, this.reader.mget<(string | null)[]>(...part))
    })
    try {
      const texts = (await Promise.all(read)).flat()
      return addresses.map((address, i) => {
        const text = texts[i]
        return text === null || text === undefined ? undefined : readCopy(text, address)
      })
    } catch (error) {
      throw new Error(`The store ${this.name} cannot be read: ${problemOf(error)}`)
    }
  }

  async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    checkCount(copies.length, FLAGS.maxPuts, 'copies')
    const outcomes: (PutOutcome | undefined)[] = copies.map((copy) => tooLarge(copy, FLAGS))
    const entries: Entry[] = []
    for (const [index, copy] of copies.entries()) {
      if (outcomes[index] === undefined) entries.push({ index, key: await keyOf(copy.address), text: writeCopy(copy) })
    }
    const sizeOf = ({ key, text }: Entry) => key.length + text.length
    // One after the other: a request that fails says that the next one would.
    for (const part of inParts(entries, { maxCount: FLAGS.maxPuts, maxSize: REQUEST_UNITS, sizeOf })) {
      const failed = await this.putPart(part, outcomes)
      if (failed !== undefined) break
    }
    return outcomes.map((outcome) => outcome ?? { again: `the store ${this.name} did not answer the copies before it` })
  }

  /** One request. What its problem was, when none of it is known to be stored. */
  private async putPart(entries: readonly Entry[], outcomes: (PutOutcome | undefined)[]): Promise<string | undefined> {
    const calls = inParts(entries, { maxCount: COPIES_A_SCRIPT })
    let answers: readonly Answer[]
    try {
      answers = await this.callScript(calls)
    } catch (error) {
      const problem = `the store ${this.name} cannot be written: ${problemOf(error)}`
      for (const { index } of entries) outcomes[index] = { again: problem }
      return problem
    }
    for (const [i, call] of calls.entries()) {
      const answer = answers[i] ?? { error: 'it gave no answer' }
      const results = 'result' in answer && Array.isArray(answer.result) ? answer.result : []
      for (const [j, { index, key }] of call.entries()) {
        outcomes[index] =
          'error' in answer
            ? { again: `the store ${this.name} says: ${wordsOf(answer.error)}` }
            : outcomeOf(results[j], key, this.name)
      }
    }
    return undefined
  }

  /** By the script's digest; when the server does not have the script, it is given it once. */
  private async callScript(calls: readonly (readonly Entry[])[]): Promise<readonly Answer[]> {
    for (let tries = 0; ; tries++) {
      const script = this.script
      const answers = await this.pipeline(calls, await script.sha())
      const lacking = answers.some((answer) => 'error' in answer && answer.error.startsWith('NOSCRIPT'))
      // The calls that were made by then are made again, which changes nothing: what is there is as new.
      if (!lacking || tries === 2) return answers
      await this.load(script)
    }
  }

  private async load(script: Script): Promise<void> {
    this.operations.requests++
    this.operations.writes++
    try {
      await within(this.writeTimeoutMs, this.writer.scriptLoad(script.text))
    } catch (error) {
      if (script === PLAIN || !refusesKeyLocking(problemOf(error))) throw error
      this.script = PLAIN
    }
  }

  private async pipeline(calls: readonly (readonly Entry[])[], sha: string): Promise<readonly Answer[]> {
    this.operations.requests++
    this.operations.writes += calls.length
    const pipeline = this.writer.pipeline()
    for (const call of calls) {
      const [keys, texts] = [call.map(({ key }) => key), call.map(({ text }) => text)]
      pipeline.evalsha(sha, keys, texts)
    }
    const answers = await within(this.writeTimeoutMs, pipeline.exec({ keepErrors: true }))
    return answers.map(({ error, result }) => (error === undefined ? { result } : { error }))
  }
}

/** Errors are told, never retried: whoever puts tries again in its own time, and whoever reads asks the next tier. */
function client({ url, token = '' }: StoreConnection, timeoutMs: number): Redis {
  return new Redis({
    url,
    token,
    retry: { retries: 0 },
    // All that we keep is text: base64 would be a third more to send.
    responseEncoding: false,
    automaticDeserialization: false,
    enableTelemetry: false,
    readYourWrites: false,
    enableAutoPipelining: false,
    keepAlive: false,
    signal: () => AbortSignal.timeout(timeoutMs),
  })
}

const keyOf = async (address: CopyAddress): Promise<string> =>
  `${REDIS_PREFIX}${await storableKey(addressText(address))}`

function outcomeOf(said: unknown, key: string, name: string): PutOutcome {
  if (said === 'stored' || said === 'older') return said
  const text = typeof said === 'string' ? said : 'nothing'
  if (text === 'FOREIGN') return { refused: `the key ${key} of the store ${name} holds a text that is no copy` }
  if (text.startsWith('WRONGTYPE')) return { refused: `the key ${key} of the store ${name} is no text: ${text}` }
  return { again: `the store ${name} said ${wordsOf(text)} of the key ${key}` }
}

/** The client puts the whole command, with every copy in it, behind its error. */
function problemOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  const cut = words.indexOf(', command was')
  return wordsOf(cut < 0 ? words : words.slice(0, cut))
}
