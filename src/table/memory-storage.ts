import { MemoryStorage } from '../shard/index.ts'
import type { TableStorage } from './storage.ts'

/** The reference implementation: everything in maps, nothing durable. */
export class MemoryTableStorage implements TableStorage {
  readonly contributions = new MemoryStorage()
  readonly letters = new MemoryStorage()
  private readonly rows = new Map<string, Row>()
  /** What the transaction under way has written over, oldest first. */
  private before: [key: string, row: Row | undefined][] = []

  transaction(work: () => void): void {
    this.before = []
    try {
      this.contributions.transaction(() => this.letters.transaction(work))
    } catch (cause) {
      for (const [key, row] of this.before.reverse()) this.set(key, row)
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
    return this.rows.get(key)?.body
  }

  writeRow(key: string, body: string, round: number): void {
    this.before.push([key, this.rows.get(key)])
    this.rows.set(key, { body, round })
  }

  deleteRow(key: string): void {
    this.before.push([key, this.rows.get(key)])
    this.rows.delete(key)
  }

  scanRows(after: string | null, limit: number, round = 0): { readonly key: string; readonly body: string }[] {
    const rows = [...this.rows].filter(([key, row]) => (after === null || key > after) && row.round >= round)
    const sorted = rows.sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.slice(0, limit).map(([key, { body }]) => ({ key, body }))
  }

  private set(key: string, row: Row | undefined): void {
    if (row === undefined) this.rows.delete(key)
    else this.rows.set(key, row)
  }
}

interface Row {
  readonly body: string
  readonly round: number
}
