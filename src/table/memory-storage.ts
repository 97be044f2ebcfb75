import { MemoryStorage } from '../shard/index.ts'
import type { TableStorage } from './storage.ts'

/** The reference implementation: everything in maps, nothing durable. */
export class MemoryTableStorage implements TableStorage {
  readonly contributions = new MemoryStorage()
  readonly letters = new MemoryStorage()
  private readonly rows = new Map<string, string>()
  /** What the transaction under way has written over, oldest first. */
  private before: [key: string, body: string | undefined][] = []

  transaction(work: () => void): void {
    this.before = []
    try {
      this.contributions.transaction(() => this.letters.transaction(work))
    } catch (cause) {
      for (const [key, body] of this.before.reverse()) this.set(key, body)
      throw cause
    }
  }

  readMeta(key: string): string | undefined {
    return this.contributions.readMeta(key)
  }

  writeMeta(key: string, value: string): void {
    this.contributions.writeMeta(key, value)
  }

  readRow(key: string): string | undefined {
    return this.rows.get(key)
  }

  writeRow(key: string, body: string): void {
    this.before.push([key, this.rows.get(key)])
    this.rows.set(key, body)
  }

  deleteRow(key: string): void {
    this.before.push([key, this.rows.get(key)])
    this.rows.delete(key)
  }

  scanRows(after: string | null, limit: number): { readonly key: string; readonly body: string }[] {
    const keys = [...this.rows.keys()].filter((key) => after === null || key > after).sort()
    return keys.slice(0, limit).map((key) => ({ key, body: this.rows.get(key) as string }))
  }

  private set(key: string, body: string | undefined): void {
    if (body === undefined) this.rows.delete(key)
    else this.rows.set(key, body)
  }
}
