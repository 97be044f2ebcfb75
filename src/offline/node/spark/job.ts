import { deserialize, serialize } from 'node:v8'
import type { DefinitionsSpec, SourceSpec } from '../../../engine/index.ts'
import type { LogPart } from '../../training/index.ts'
import type { TallyParts } from '../training/tally.ts'
import type { Slot } from './slots.ts'
import type { Wire } from './wire.ts'

/** What the engine's process is told, as a file. */
export interface ChildJob {
  readonly definitions: DefinitionsSpec
  readonly entity: string
  /** `view.feature`, in the order of the set. */
  readonly features: readonly string[]
  readonly parts: readonly LogPart[]
  readonly run: number
  readonly withStatus: boolean
  /** By their numbers in the stream. */
  readonly sources: readonly {
    readonly spec: SourceSpec
    readonly fields: readonly number[]
    readonly slots: readonly string[]
  }[]
  readonly slots: readonly Slot[]
}

/** Definitions have integers and numbers that JSON has not. */
export const writeChildJob = (job: ChildJob): Uint8Array => serialize(job)
export const readChildJob = (bytes: Uint8Array): ChildJob => deserialize(bytes) as ChildJob

/** What the engine's process says in the last row that it writes: the only one whose place is below 0. */
export interface ChildNote {
  readonly tally: TallyParts
  /** Labels that cannot be computed, the first of them; they are in no row. */
  readonly problem: { readonly row: number; readonly message: string } | null
  readonly problems: number
  readonly node: string
  /** The most memory that the process had, kB; 0 where nobody says. */
  readonly peakKb: number
}

/** The columns of the merged stream that are not slots, in Spark's types. */
export const STREAM_COLUMNS = {
  key: 'STRING',
  region: 'INT',
  ord: 'DOUBLE',
  kind: 'INT',
  source: 'INT',
  part: 'INT',
  seq: 'DOUBLE',
  time: 'DOUBLE',
  available: 'DOUBLE',
  sign: 'INT',
  row_region: 'INT',
  row_epoch: 'INT',
  row_shard: 'INT',
  row_seq: 'DOUBLE',
  commits: 'STRING',
} as const

export const NOTE_ROW = -1

/** Columns of the results: the label's place, the features, statuses where they are wanted, and the note. */
export function resultColumns(features: readonly Wire[], withStatus: boolean): { name: string; wire: Wire }[] {
  const text: Wire = { kind: 'text' }
  return [
    { name: 'tm_row', wire: { kind: 'double' } },
    ...features.map((wire, i) => ({ name: `f${i}`, wire })),
    ...(withStatus ? [{ name: 'tm_status', wire: text }] : []),
    { name: 'tm_note', wire: text },
  ]
}
