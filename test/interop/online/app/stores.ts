/** A Worker that puts and reads copies as it is told, in the stores of two regions. */
import { type StoreBindings, storesOf } from '../../../../durable-objects/stores.ts'
import { type CopyAddress, isCopy } from '../../../../src/online/index.ts'
import { openKv } from '../../../../src/online/kv/index.ts'
import { openLibsql } from '../../../../src/online/libsql/index.ts'
import { openRedis } from '../../../../src/online/redis/index.ts'

/** What a test asks for: copies by key and seq, each with so many bytes. */
export interface Asked {
  readonly store: string
  readonly put?: readonly { readonly key: string; readonly seq: number; readonly bytes: number }[]
  readonly get?: readonly string[]
}

export interface Told {
  readonly problem?: string
  readonly outcomes: readonly unknown[]
  /** `seq bytes` of each, or what else was found. */
  readonly found: readonly string[]
  readonly stores: readonly string[]
}

const shards = { default: 1 }
const app = {
  definitions: { spec: { entities: [], sources: [], views: [], services: [], topics: [] } as never },
  regions: [
    { name: 'east', id: 1, epoch: 0, shards, stores: [{ name: 'near', kind: 'redis' as const }] },
    {
      name: 'west',
      id: 2,
      epoch: 0,
      shards,
      stores: [
        { name: 'sql', kind: 'libsql' as const },
        { name: 'far', kind: 'kv' as const },
      ],
    },
  ],
  stores: { redis: openRedis, libsql: openLibsql, kv: openKv },
}

const addressOf = (key: string): CopyAddress => ({ kind: 'entity', entity: 'user', region: 'east', place: 0, key })

export default {
  async fetch(request: Request, env: StoreBindings): Promise<Response> {
    if (request.method === 'GET') return new Response('ok')
    const asked = (await request.json()) as Asked
    const stores = storesOf(app, env)
    const one = stores.find(({ name }) => name === asked.store)
    const told: Told = {
      ...(one?.problem !== undefined && { problem: one.problem }),
      stores: stores.map(({ name, store }) => `${name} ${store.kind}`),
      outcomes:
        (await one?.store.put(
          (asked.put ?? []).map(({ key, seq, bytes }) => ({
            address: addressOf(key),
            version: { epoch: 0, mark: 1_000, seq, revision: 1 },
            atMs: 1_700_000_000_000,
            body: new Uint8Array(bytes).fill(seq),
          })),
        )) ?? [],
      found: ((await one?.store.get((asked.get ?? []).map(addressOf))) ?? []).map((found) =>
        isCopy(found) ? `${found.version.seq} ${found.body.length}` : (found?.passedOver ?? 'nothing'),
      ),
    }
    return Response.json(told)
  },
}
