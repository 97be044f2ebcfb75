import type { Row } from '@libsql/client/web'
import { checksum32 } from '../../util/checksum.ts'
import { checkCount, inParts, tooLarge } from '../batches.ts'
import { addressText, type Copy, type CopyAddress } from '../copy.ts'
import { COPY_FORMAT } from '../copy-text.ts'
import { storableKey } from '../keys.ts'
import type { Found, OnlineStore, PutOutcome, StoreConnection, StoreFlags } from '../store.ts'
import { exchange, problemOf } from './client.ts'
import { schemaProblem, schemaState } from './migrate.ts'
import { GET, getArguments, PUT, putArguments, type WantedRow } from './statements.ts'

const FLAGS: StoreFlags = {
  cas: true,
  staleMs: 0,
  readable: true,
  maxBodyBytes: 4 * 1024 * 1024,
  maxPuts: 1_000,
  maxGets: 1_000,
  // One statement.
  atomicGets: 1_000,
}

/** A transaction at Turso may take 5 s. */
const REQUEST_BYTES = 1_000_000
const COPIES_A_REQUEST = 200
const KEYS_A_REQUEST = 100

export interface LibsqlStoreOptions {
  /** How it is called in messages; default `libsql`. */
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
  readonly copy: Copy
}

/**
 * Copies in a libSQL database (Turso) over HTTP: a row each, replaced by one conditional statement. Nothing is read or written
 * before the schema was seen to be this code's.
 */
export class LibsqlStore implements OnlineStore {
  readonly kind = 'libsql'
  readonly flags = FLAGS
  readonly operations = { reads: 0, writes: 0, requests: 0 }
  private readonly name: string
  private readonly connection: StoreConnection
  private readonly readTimeoutMs: number
  private readonly writeTimeoutMs: number
  private schemaSeen = false

  constructor(connection: StoreConnection, options: LibsqlStoreOptions = {}) {
    this.connection = connection
    this.name = options.name ?? 'libsql'
    this.readTimeoutMs = options.readTimeoutMs ?? 1_000
    this.writeTimeoutMs = options.writeTimeoutMs ?? 10_000
  }

  async get(addresses: readonly CopyAddress[]): Promise<Found[]> {
    checkCount(addresses.length, FLAGS.maxGets, 'addresses')
    const wanted = await Promise.all(
      addresses.map(async (address) => ({ address, key: await storableKey(address.key) })),
    )
    try {
      await this.checkSchema(this.readTimeoutMs)
      const parts = inParts(wanted, { maxCount: KEYS_A_REQUEST }).map((part) => this.read(part))
      return (await Promise.all(parts)).flat()
    } catch (error) {
      throw new Error(`The store ${this.name} cannot be read: ${problemOf(error)}`)
    }
  }

  private async read(wanted: readonly WantedRow[]): Promise<Found[]> {
    this.operations.requests++
    // A row that is not there is looked for in the index, and counts as one too.
    this.operations.reads += wanted.length
    const { rows } = await exchange(this.connection, this.readTimeoutMs, (client) =>
      client.execute({ sql: GET, args: getArguments(wanted) }),
    )
    const found: Found[] = wanted.map(() => undefined)
    for (const row of rows) {
      const i = Number(row.n)
      const address = wanted[i]?.address
      if (address !== undefined) found[i] = copyOf(row, address)
    }
    return found
  }

  async put(copies: readonly Copy[]): Promise<PutOutcome[]> {
    checkCount(copies.length, FLAGS.maxPuts, 'copies')
    const outcomes: (PutOutcome | undefined)[] = copies.map((copy) => tooLarge(copy, FLAGS))
    const entries: Entry[] = []
    for (const [index, copy] of copies.entries()) {
      if (outcomes[index] === undefined) entries.push({ index, key: await storableKey(copy.address.key), copy })
    }
    const limits = {
      maxCount: COPIES_A_REQUEST,
      maxSize: REQUEST_BYTES,
      sizeOf: ({ copy }: Entry) => copy.body.length + (copy.readable?.length ?? 0),
    }
    try {
      await this.checkSchema(this.writeTimeoutMs)
      // One after the other: a request that fails says that the next one would.
      for (const part of inParts(entries, limits)) await this.write(part, outcomes)
    } catch (error) {
      const problem = `the store ${this.name} cannot be written: ${problemOf(error)}`
      return outcomes.map((outcome) => outcome ?? { again: problem })
    }
    return outcomes.map((outcome) => outcome ?? { again: `the store ${this.name} gave no answer` })
  }

  /** One transaction: all of them are in it, or none. */
  private async write(entries: readonly Entry[], outcomes: (PutOutcome | undefined)[]): Promise<void> {
    this.operations.requests++
    // A row and its entry in the index.
    this.operations.writes += 2 * entries.length
    const statements = entries.map(({ copy, key }) => ({ sql: PUT, args: putArguments(copy, key) }))
    const results = await exchange(this.connection, this.writeTimeoutMs, (client) => client.batch(statements, 'write'))
    for (const [i, { index }] of entries.entries())
      outcomes[index] = results[i]?.rowsAffected === 0 ? 'older' : 'stored'
  }

  /** Once for each isolate. Throws what is wrong. */
  private async checkSchema(timeoutMs: number): Promise<void> {
    if (this.schemaSeen) return
    this.operations.requests++
    const problem = schemaProblem(await exchange(this.connection, timeoutMs, schemaState))
    if (problem !== undefined) throw new Error(problem)
    this.schemaSeen = true
  }
}

function copyOf(row: Row, address: CopyAddress): Found {
  const passedOver = (why: string): Found => ({ passedOver: `the copy of ${addressText(address)} ${why}` })
  if (row.format !== BigInt(COPY_FORMAT))
    return passedOver(`is of format ${String(row.format)}; this code reads ${COPY_FORMAT}`)
  const [epoch, mark, seq, revision] = [whole(row.epoch), whole(row.mark), whole(row.seq), whole(row.revision)]
  const atMs = whole(row.at_ms)
  if (epoch === undefined || mark === undefined || seq === undefined || revision === undefined || atMs === undefined)
    return passedOver('was not written by Tidemark')
  const body = row.body instanceof ArrayBuffer ? new Uint8Array(row.body) : undefined
  if (body === undefined || row.sum !== BigInt(checksum32(body))) return passedOver('is damaged')
  return { address, version: { epoch, mark, seq, revision }, atMs, body }
}

/** SQLite's integers have 64 bits; ours are those that a double holds. */
function whole(value: unknown): number | undefined {
  const number = Number(value)
  return typeof value === 'bigint' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
