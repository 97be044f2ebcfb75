/** The online stores of several regions, each a process of its own that can be killed. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client/web'
import { startLibsql } from '../../../scripts/peers/libsql.ts'
import type { Peer } from '../../../scripts/peers/process.ts'
import { startRedis } from '../../../scripts/peers/redis.ts'
import { migrateStore } from '../../../src/online/libsql/index.ts'
import type { Region, StoreSpec } from '../../../src/plan/index.ts'

/** What each region has: short times, so that a test need not wait for what a minute brings. */
export const STORES: readonly StoreSpec[] = [
  { name: 'near', kind: 'redis', flushMs: 200, heartbeatMs: 1_000 },
  { name: 'sql', kind: 'libsql', flushMs: 200, heartbeatMs: 1_000 },
]

/** Regions that publish to each other's stores. */
export const withStores = (regions: readonly Region[]): readonly Region[] =>
  regions.map((region) => ({ ...region, stores: STORES }))

export class TestStore {
  readonly kind: StoreSpec['kind']
  readonly token: string
  readonly port: number
  private readonly dir: string
  private peer: Peer

  private constructor(kind: StoreSpec['kind'], dir: string, { token, ...peer }: Peer & { readonly token: string }) {
    this.kind = kind
    this.dir = dir
    this.token = token
    this.port = Number(new URL(peer.address).port)
    this.peer = peer
  }

  static async start(kind: StoreSpec['kind'], dir: string): Promise<TestStore> {
    const store = new TestStore(kind, dir, await TestStore.open(kind, dir))
    await store.migrate()
    return store
  }

  private static open(kind: StoreSpec['kind'], dir: string): Promise<Peer & { readonly token: string }> {
    return kind === 'redis' ? startRedis({ dir }) : startLibsql({ dir })
  }

  private async migrate(): Promise<void> {
    if (this.kind === 'libsql') await migrateStore({ url: this.peer.address, token: this.token }, Date.now())
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.peer.kill()
  }

  /** On the same port and data. */
  async restart(): Promise<void> {
    this.peer = await TestStore.open(this.kind, this.dir)
  }

  /** On the same port, with nothing in it: somebody has removed its data. It must have been killed. */
  async restartEmpty(): Promise<void> {
    for (const data of ['appendonlydir', 'data.db', 'data.db-wal', 'data.db-shm'])
      rmSync(join(this.dir, data), { recursive: true, force: true })
    await this.restart()
    await this.migrate()
  }

  /** Of libSQL: as a person with a shell. */
  get sql(): Client {
    return createClient({ url: this.peer.address, authToken: this.token })
  }

  async stop(): Promise<void> {
    await this.peer.stop()
  }
}

export class TestStores {
  /** By `REGION/NAME`. */
  readonly all: ReadonlyMap<string, TestStore>

  private constructor(all: ReadonlyMap<string, TestStore>) {
    this.all = all
  }

  /** Those of every region, in folders of this one. */
  static async start(regions: readonly string[], folder: string): Promise<TestStores> {
    const started = regions.flatMap((region) =>
      STORES.map(async ({ name, kind }) => {
        return [`${region}/${name}`, await TestStore.start(kind, join(folder, region, name))] as const
      }),
    )
    return new TestStores(new Map(await Promise.all(started)))
  }

  store(name: string): TestStore {
    const store = this.all.get(name)
    if (store === undefined) throw new Error(`no store ${name} runs here`)
    return store
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all.values()].map((store) => store.stop()))
  }
}
