import type { LogEdit, LogShard, ObjectStore } from '../../src/offline/index.ts'
import { FileObjects, type LogEditor } from '../../src/offline/node/index.ts'
import { Crash } from './crashing-storage.ts'
import type { Random } from './random.ts'

/** Ends what uses it at a step that is drawn by lot: before it is done, or after. */
export class Death {
  chance = 0
  deaths = 0
  private readonly r: Random

  constructor(r: Random) {
    this.r = r
  }

  async around<T>(work: () => Promise<T>): Promise<T> {
    const dies = this.r.chance(this.chance)
    const isBefore = this.r.chance(0.5)
    if (dies) this.deaths++
    if (dies && isBefore) throw new Crash()
    const done = await work()
    if (dies) throw new Crash()
    return done
  }

  /** Again and again until it lives. */
  async insist<T>(chance: number, work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      this.chance = tries < 40 ? chance : 0
      try {
        return await work()
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
      } finally {
        this.chance = 0
      }
    }
  }
}

/** A bucket as files, by way of somebody who dies. */
export class DyingObjects implements ObjectStore {
  private readonly inner: FileObjects
  private readonly death: Death

  constructor(folder: string, death: Death) {
    this.inner = new FileObjects(folder)
    this.death = death
  }

  get(key: string) {
    return this.death.around(() => this.inner.get(key))
  }

  put(...args: Parameters<ObjectStore['put']>) {
    return this.death.around(() => this.inner.put(...args))
  }

  async delete(keys: readonly string[]) {
    for (const key of keys) await this.death.around(() => this.inner.delete([key]))
  }

  list(prefix: string) {
    return this.death.around(() => this.inner.list(prefix))
  }
}

export const dyingEditor = (inner: LogEditor, death: Death): LogEditor => ({
  edit: (shard: LogShard, change: LogEdit) => death.around(() => inner.edit(shard, change)),
})
