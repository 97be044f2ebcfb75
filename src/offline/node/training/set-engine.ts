import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { LogPart } from '../../training/index.ts'
import type { SetSource } from './output.ts'
import type { StageOptions } from './stage-rows.ts'
import type { TallyParts } from './tally.ts'

/** One entity of a service: its log, and the table of what `askFor` found to be asked of it. */
export interface EntityWork {
  readonly stage: StageOptions
  readonly parts: readonly LogPart[]
  readonly asked: string
}

/** What a set is made of, when its labels and its log have been checked. */
export interface SetWork {
  readonly connection: DuckDBConnection
  readonly instance: DuckDBInstance
  readonly stages: readonly EntityWork[]
  readonly set: Omit<SetSource, 'relations'>
  /** How many labels there are. */
  readonly rows: number
  /** A folder that is thrown away afterwards. */
  readonly temporary: string
  /** What to write. It is moved to its place when all is well. */
  readonly unfinished: string
  readonly signal: AbortSignal | undefined
  readonly say: (step: 'values' | 'writing', done?: number, total?: number) => void
}

/** What was counted, by entity, and how many rows were written. */
export interface SetMade {
  readonly tallies: readonly TallyParts[]
  readonly written: number
}

/** What computes a set elsewhere: the same rows, as a folder of Parquet files. */
export interface SetEngine {
  make(work: SetWork): Promise<SetMade>
}
