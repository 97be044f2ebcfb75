import { DatabaseSync } from 'node:sqlite'
import type { Sql, SqlValue } from '../../src/dead-letters/index.ts'

/** The tables in memory, as a Durable Object has them on disk. `failing` makes the next transactions throw at their end. */
export class MemorySql implements Sql {
  readonly database = new DatabaseSync(':memory:')
  private readonly statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()
  failing = 0

  all<Row extends Record<string, SqlValue>>(statement: string, ...bindings: readonly SqlValue[]): Row[] {
    let prepared = this.statements.get(statement)
    if (prepared === undefined) {
      prepared = this.database.prepare(statement)
      this.statements.set(statement, prepared)
    }
    return prepared.all(...bindings) as Row[]
  }

  transaction<T>(work: () => T): T {
    this.database.exec('BEGIN')
    try {
      const result = work()
      if (this.failing > 0) {
        this.failing--
        throw new Error('disk full')
      }
      this.database.exec('COMMIT')
      return result
    } catch (cause) {
      this.database.exec('ROLLBACK')
      throw cause
    }
  }
}
