import { MemoryStorage } from '../../src/shard/index.ts'

/** What a process that was killed leaves: the storage as it is, and nobody to answer. */
export class Crash extends Error {}

/** A storage whose next transaction ends with the process: all of its writes are lost, or all are kept, without an answer. */
export class CrashingStorage extends MemoryStorage {
  next: 'lose' | 'keep' | null = null
  /** Told of each transaction before it begins: it may set `next`. */
  onTransaction: (() => void) | null = null

  override transaction(work: () => void): void {
    this.onTransaction?.()
    const { next } = this
    this.next = null
    super.transaction(() => {
      work()
      if (next === 'lose') throw new Crash()
    })
    if (next === 'keep') throw new Crash()
  }
}
