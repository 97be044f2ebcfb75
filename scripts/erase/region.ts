/** One region forgets a person: its shards, its log, what was sampled of what it served, its dead letters; and the proof. */
import { decodeKey } from '../../src/contract/index.ts'
import {
  type ErasedAt,
  type ErasedLog,
  type ErasedServed,
  eraseLog,
  eraseServed,
  eraseUnnamed,
  type Person,
  type Proof,
  prove,
} from '../../src/offline/node/index.ts'
import type { LogPlace } from '../log/place.ts'
import { dropLetters, lettersOf } from './letters.ts'

export interface ErasedRegion {
  readonly region: string
  readonly url: string
  readonly at: string
  /** How many of the keys each shard knew, and the commit of their erasure. */
  readonly shards: readonly { readonly shard: string; readonly seq: number; readonly found: number }[]
  /** Null: the region keeps no log. */
  readonly log: ErasedLog | null
  readonly unnamedDeleted: number
  readonly served: ErasedServed | null
  readonly lettersDropped: number
  readonly proof: Proof | null
  readonly lettersLeft: number
}

interface Said {
  readonly region: string
  readonly atMs: number
  readonly shards: readonly (ErasedRegion['shards'][number] & { readonly keys: readonly number[] })[]
}

/** Keys of one request. */
const AT_ONCE = 500

/** Wherever it ends, running it again ends the same. */
export async function eraseRegion(
  { client, upkeep, url }: LogPlace,
  person: Person,
  isLogged: boolean,
  say: (step: string) => (done: number, of: number) => void,
): Promise<ErasedRegion> {
  const commits = new Map<string, number>()
  const shards: ErasedRegion['shards'][number][] = []
  let [region, atMs] = ['', 0]
  for (const entity of new Set(person.keys.map((one) => one.entity))) {
    const spec = person.plan.entities.get(entity)?.spec
    if (spec === undefined) continue
    const own = person.keys.filter((one) => one.entity === entity).map(({ key }) => key)
    for (let from = 0; from < own.length; from += AT_ONCE) {
      const some = own.slice(from, from + AT_ONCE)
      const keys = some.map((key) => {
        const parts = decodeKey(
          key,
          spec.keys.map(({ type }) => type),
        )
        return Object.fromEntries(spec.keys.map(({ name }, i) => [name, jsonOf(parts[i])]))
      })
      const said = await client.ask<Said>('POST', '/v1/erasures', { entity, keys })
      region = said.region
      atMs = Math.max(atMs, said.atMs)
      for (const { keys: places, ...one } of said.shards) {
        shards.push(one)
        const [of, name, epoch, , shard] = one.shard.split('/')
        for (const place of places) commits.set(`${of}/${name}/${epoch}/${shard} ${some[place]}`, one.seq)
      }
    }
  }
  const at: ErasedAt = { atMs, commits }
  let log: ErasedLog | null = null
  let served: ErasedServed | null = null
  let unnamedDeleted = 0
  if (isLogged) {
    // What other shards have of the same events goes to the log before it is looked at.
    await client.ask('POST', '/v1/log/flush')
    log = await eraseLog(upkeep, person, at, say('files of the log'))
    if (log.left.length > 0)
      throw new Error(
        `the log of ${log.left.join(', ')} was changed meanwhile (by a compaction?): run the same command again`,
      )
    unnamedDeleted = await eraseUnnamed(upkeep, person, at)
    served = await eraseServed(upkeep, person, atMs)
  }
  const lettersDropped = await dropLetters(client, await lettersOf(client, person))
  const proof = isLogged ? await prove(upkeep, person, at, say('files read for the proof')) : null
  const lettersLeft = (await lettersOf(client, person)).length
  return {
    region,
    url,
    at: new Date(atMs).toISOString(),
    shards,
    log,
    unnamedDeleted,
    served,
    lettersDropped,
    proof,
    lettersLeft,
  }
}

const jsonOf = (part: unknown): unknown => (typeof part === 'bigint' ? part.toString() : part)
