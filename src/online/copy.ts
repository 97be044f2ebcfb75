import type { Version } from './version.ts'

/**
 * Where a copy belongs. One entity has a copy of each of its parts: of each region, and of each slice of a spread entity. The
 * head of a shard says how far the copies of its entities are.
 */
export interface CopyAddress {
  readonly kind: 'entity' | 'head'
  /** The entity's name. */
  readonly entity: string
  /** The region whose shards own it. */
  readonly region: string
  /** Of an entity its slice, 0 where it is not spread; of a head the shard. */
  readonly place: number
  /** The encoded entity key; of a head ''. */
  readonly key: string
}

/** What a store keeps at one address. */
export interface Copy {
  readonly address: CopyAddress
  readonly version: Version
  /** When it was taken from the shard, ms. */
  readonly atMs: number
  /** Of an entity its canonical state (`encodeState`), empty when it was erased; of a head its JSON. */
  readonly body: Uint8Array
  /** For stores that are read by SQL: the values of all features as JSON, by `view.feature`. */
  readonly readable?: string
}

/**
 * The body of an entity that is not in the store although it has a state: too large for it, or damaged. Readers ask the shard.
 * No state begins with this byte.
 */
export const WITHHELD = Uint8Array.of(0xff)

export const isWithheld = ({ body }: Pick<Copy, 'body'>): boolean => body.length === 1 && body[0] === WITHHELD[0]

/** One text for each address: `entity|head / entity / region / place / key`. Only the key may hold a slash. */
export const addressText = ({ kind, entity, region, place, key }: CopyAddress): string =>
  `${kind}/${entity}/${region}/${place}/${key}`
