import { ByteReader } from '../util/byte-reader.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import type { ShardUnavailable } from './messages.ts'

/** Asks a shard for entities as they are, to be merged with other parts and finalised elsewhere. */
export interface CopiesMessage {
  readonly version: number
  readonly plan: string
  /** Encoded entity keys. */
  readonly keys: readonly string[]
  /** A commit number that the copies must have seen. */
  readonly after?: number
}

/** From when on what a shard counts is complete. */
export interface History {
  /** When the shard was first opened, ms. */
  readonly bornMs: number
  /** By `view.feature`, ms; null when it always was. */
  readonly since: Readonly<Record<string, number | null>>
}

/** An entity's canonical state, and what orders it; without a state when its stored bytes are damaged. */
export interface CopyBytes {
  readonly mark: number
  readonly seq: number
  readonly state: Uint8Array | null
}

export type CopiesAnswer =
  | (History & {
      /** The shard's commit, which every copy has seen. */
      readonly seq: number
      /** The shard's clock, ms. */
      readonly atMs: number
      /** In the order of the keys; null for one that was never seen. */
      readonly entities: readonly (CopyBytes | null)[]
    })
  | { readonly notYet: { readonly seq: number } }

const writer = new ByteWriter()

/** An answer as bytes: JSON, then the states one behind the other. Over RPC one array costs a fraction of many objects. */
export function writeCopies(answer: CopiesAnswer | ShardUnavailable): Uint8Array {
  writer.reset()
  if (!('entities' in answer)) {
    writer.text(JSON.stringify(answer))
    return writer.finish()
  }
  const { entities, ...about } = answer
  writer.text(JSON.stringify({ ...about, count: entities.length }))
  for (const entity of entities) {
    writer.u8(entity === null ? 0 : entity.state === null ? 1 : 2)
    if (entity === null) continue
    writer.varint(entity.mark)
    writer.varint(entity.seq)
    if (entity.state === null) continue
    writer.varint(entity.state.length)
    writer.raw(entity.state)
  }
  return writer.finish()
}

/** Throws `CorruptBytes` for what {@link writeCopies} did not write. */
export function parseCopies(bytes: Uint8Array): CopiesAnswer | ShardUnavailable {
  const reader = new ByteReader(bytes)
  const about = JSON.parse(reader.text()) as { count?: number }
  if (about.count === undefined) return about as CopiesAnswer | ShardUnavailable
  const { count, ...head } = about as Omit<Extract<CopiesAnswer, { entities: unknown }>, 'entities'> & { count: number }
  const entities = Array.from({ length: count }, (): CopyBytes | null => {
    const kind = reader.u8()
    if (kind === 0) return null
    const order = { mark: reader.varint(), seq: reader.varint() }
    if (kind === 1) return { ...order, state: null }
    return { ...order, state: reader.raw(reader.varint()).slice() }
  })
  return { ...head, entities }
}
