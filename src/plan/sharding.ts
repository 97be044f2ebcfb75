import { murmur32 } from '../util/murmur3.ts'
import type { EntityRuntime } from './plan.ts'

/** The one hash of an entity key: shards are taken from it, and pages within a shard. */
export const hashKey = (key: string): number => murmur32(key)

/** The shard of an entity key: the same at every door, for as long as the epoch lasts. */
export const shardOf = (key: string, shards: number): number => hashKey(key) % shards

/** Into how many slices each entity is split; 1 for one that is not spread. */
export const spreadOf = ({ spec }: Pick<EntityRuntime, 'spec'>): number => spec.spread ?? 1

/** The slice of what has this id: of an event its own, of a table's row its primary key. */
export const sliceOf = (id: string, spread: number): number => murmur32(id) % spread

/**
 * The shard of one slice of an entity: the slices of a key lie in neighbouring shards, the first one where the whole entity would.
 *
 * @example for (let slice = 0; slice < spreadOf(user); slice++) sliceShard('u1', slice, 8) // each another shard
 */
export const sliceShard = (key: string, slice: number, shards: number): number => (hashKey(key) + slice) % shards

/** The slice that a shard has of a key with this hash; `spread` or more when it has none. */
export const sliceIn = (shard: number, keyHash: number, shards: number): number =>
  (shard + shards - (keyHash % shards)) % shards

/** Where an entity's commits are counted, as the name of its Durable Object says it. */
export interface ShardName {
  readonly region: string
  readonly entity: string
  readonly epoch: number
  readonly shards: number
  readonly shard: number
}

/** `region/entity/epoch/shards/shard`. */
export function formatShardName({ region, entity, epoch, shards, shard }: ShardName): string {
  return `${region}/${entity}/${epoch}/${shards}/${shard}`
}

/** The parts of a shard's name, or undefined when the text is none. */
export function parseShardName(name: string): ShardName | undefined {
  const [region, entity, ...numbers] = name.split('/')
  const [epoch, shards, shard] = numbers.map(Number)
  if (!region || !entity || epoch === undefined || shards === undefined || shard === undefined) return undefined
  const isSound =
    numbers.length === 3 && [epoch, shards, shard].every(Number.isSafeInteger) && shard >= 0 && shard < shards
  return isSound ? { region, entity, epoch, shards, shard } : undefined
}

/** A commit as answers and requests write it: `region/entity/epoch/shard/seq`. */
export function formatCommit(name: ShardName, seq: number): string {
  return `${name.region}/${name.entity}/${name.epoch}/${name.shard}/${seq}`
}

export interface Commit {
  readonly region: string
  readonly entity: string
  readonly epoch: number
  readonly shard: number
  readonly seq: number
}

/** The parts of a commit, or undefined when the text is none. */
export function parseCommit(text: string): Commit | undefined {
  const [region, entity, ...numbers] = text.split('/')
  const [epoch, shard, seq] = numbers.map((number) => (/^\d{1,15}$/.test(number) ? Number(number) : Number.NaN))
  if (!region || !entity || numbers.length !== 3) return undefined
  if (epoch === undefined || shard === undefined || seq === undefined) return undefined
  return Number.isNaN(epoch + shard + seq) ? undefined : { region, entity, epoch, shard, seq }
}
