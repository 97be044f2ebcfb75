import type { Copy, CopyAddress } from './copy.ts'

/** Raised when a reader of before could not read what is written. */
const HEAD_FORMAT = 1
const utf8 = new TextEncoder()
const text = new TextDecoder()

/**
 * How far the copies of one shard's entities are in a store. It is put after them, and not before every entity of the shard is
 * there: whoever reads a head and then a copy knows that the copy holds every commit up to the head's, and that an entity
 * without a copy has no state.
 */
export interface Head {
  readonly entity: string
  readonly region: string
  readonly epoch: number
  /** How many shards the epoch has. */
  readonly shards: number
  readonly shard: number
  /** Every commit of the shard up to this one is in the store. */
  readonly seq: number
  /** When that was all there was, ms. */
  readonly atMs: number
  /** When the shard was first opened, ms: what it counts, it has counted since then. */
  readonly bornMs: number
  /** By `view.feature`, from when on its history is complete, ms; null when it always was. */
  readonly since: Readonly<Record<string, number | null>>
  readonly revision: number
  /** Of the entity's definition: `since` is true of that one only. */
  readonly print: string
}

export const headAddress = ({ entity, region, shard }: Pick<Head, 'entity' | 'region' | 'shard'>): CopyAddress => ({
  kind: 'head',
  entity,
  region,
  place: shard,
  key: '',
})

/** A head as a store keeps it. Its version rises with time, so that a writer that slept cannot put an older one. */
export function headCopy(head: Head): Copy {
  const { epoch, atMs, seq, revision } = head
  return {
    address: headAddress(head),
    version: { epoch, mark: atMs, seq, revision },
    atMs,
    body: utf8.encode(JSON.stringify({ format: HEAD_FORMAT, ...head })),
  }
}

/** The head that a copy holds, or undefined when it is of a format that this code does not read. */
export function readHead({ body }: Copy): Head | undefined {
  let parsed: Head & { readonly format: number }
  try {
    parsed = JSON.parse(text.decode(body)) as typeof parsed
  } catch {
    return undefined
  }
  return parsed.format === HEAD_FORMAT ? parsed : undefined
}
