import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import type { FieldSpec, Value, ViewPlan } from '../../../engine/index.ts'
import type { EntityRuntime, FeatureRef } from '../../../plan/index.ts'
import type { ReplayRow } from '../../index.ts'
import {
  type Cursor,
  type Emit,
  type LabelBatch,
  type LabelProblem,
  type Lineage,
  Replays,
  type RowBatch,
  runPass,
} from '../../training/index.ts'
import { cellOf, numbersOf } from './chunk-columns.ts'
import { Chunks } from './chunks.ts'
import { COMMITS_SEPARATOR } from './commits-text.ts'
import type { StagedSource } from './stage-rows.ts'

/** What is computed in one go: some of the entities, with all their labels and rows. */
export interface Bucket {
  /** SQL that gives `eid`, `t`, `row`, `key`, `commits`; unsorted. */
  readonly labels: string
  /** By source: what `rowsQuery` gives; empty where there is none. */
  readonly rows: readonly string[]
}

export interface BucketInput {
  readonly connect: () => Promise<DuckDBConnection>
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  readonly lineage: Lineage
  readonly sources: readonly StagedSource[]
  /** Where the caller wants to look into the replay at each label; default: new ones. */
  readonly replays?: Replays
  /** @see PassInput */
  readonly onProblem?: (problem: LabelProblem) => void
}

/** Computes the labels of a bucket; DuckDB sorts. */
export async function computeBucket(input: BucketInput, { labels, rows }: Bucket, emit: Emit): Promise<void> {
  const { connect, entity, features, lineage, sources } = input
  const connections: DuckDBConnection[] = []
  const sorted = async (query: string, order: string): Promise<Chunks> => {
    // A connection has one answer under way at a time.
    const connection = await connect()
    connections.push(connection)
    return await Chunks.of(connection, `SELECT * FROM (${query}) ORDER BY ${order}`)
  }
  try {
    const labelCursor = new LabelCursor(await sorted(labels, 'eid, t'))
    const feeds = []
    for (const [i, staged] of sources.entries()) {
      const query = rows[i] as string
      if (query === '') continue
      feeds.push({ source: staged.source, rows: new RowCursor(await sorted(query, 'eid, seen'), staged) })
    }
    const lateness = features.map(({ view }) => (entity.plan[view] as ViewPlan).spec.allowedLatenessMs)
    const replays = input.replays ?? new Replays(entity, features, lineage)
    const latenessMs = Math.min(...lateness)
    const { onProblem } = input
    const pass = { lineage, replays, labels: labelCursor, sources: feeds, latenessMs, ...(onProblem && { onProblem }) }
    await runPass(pass, emit)
  } finally {
    for (const connection of connections) connection.closeSync()
  }
}

const LABEL_COLUMNS = ['eid', 't', 'row', 'key', 'commits']

class LabelCursor implements Cursor<LabelBatch> {
  private readonly chunks: Chunks
  private readonly places: readonly number[]

  constructor(chunks: Chunks) {
    this.chunks = chunks
    this.places = placesOf(chunks, LABEL_COLUMNS)
  }

  async next(): Promise<LabelBatch | undefined> {
    const chunk = await this.chunks.next()
    if (chunk === undefined) return undefined
    const [entity = 0, t = 0, row = 0, key = 0, commits = 0] = this.places
    const keys = chunk.getColumnVector(key)
    const texts = chunk.getColumnVector(commits)
    return {
      length: chunk.rowCount,
      entity: numbersOf(chunk, entity),
      t: numbersOf(chunk, t),
      row: numbersOf(chunk, row),
      key: (at) => keys.getItem(at) as string,
      commits: (at) => (texts.getItem(at) as string | null)?.split(COMMITS_SEPARATOR).filter(Boolean) ?? null,
      // A vector does not keep its chunk, and with the chunk go the texts that it points to.
      held: chunk,
    }
  }
}

const ROW_COLUMNS = [
  'eid',
  'seen',
  'available',
  'part',
  'seq',
  'time',
  'sign',
  'row_region',
  'row_epoch',
  'row_shard',
  'row_seq',
]

/** Rows of a source as `rowsQuery` gives them. */
export class RowCursor implements Cursor<RowBatch> {
  private readonly chunks: Chunks
  private readonly staged: StagedSource
  private readonly places: readonly number[]
  private readonly valuePlaces: readonly number[]

  constructor(chunks: Chunks, staged: StagedSource) {
    this.chunks = chunks
    this.staged = staged
    this.places = placesOf(chunks, ROW_COLUMNS)
    this.valuePlaces = placesOf(
      chunks,
      staged.fields.map((_, i) => `v${i}`),
    )
  }

  async next(): Promise<RowBatch | undefined> {
    const chunk = await this.chunks.next()
    if (chunk === undefined) return undefined
    const columns = this.places.map((place) => numbersOf(chunk, place)) as [Float64Array, ...Float64Array[]]
    const [entity, seenFromMs, available, part, seq, time, sign, ...rowKey] = columns as Columns
    const valuesOf = this.valuesOf(chunk)
    const [region, epoch, shard, rowSeq] = rowKey
    return {
      length: chunk.rowCount,
      entity,
      seenFromMs,
      part,
      seq,
      row: (at): ReplayRow => ({
        timeMs: time[at] as number,
        availableAtMs: available[at] as number,
        part: { region: region[at] as number, epoch: epoch[at] as number, shard: shard[at] as number },
        seq: rowSeq[at] as number,
        sign: sign[at] as 1 | -1,
        values: valuesOf(at),
      }),
      held: chunk,
    }
  }

  private valuesOf(chunk: DuckDBDataChunk): (at: number) => readonly Value[] {
    const { source, fields } = this.staged
    const count = source.spec.fields.length
    const cells = fields.map((place, i) => {
      return cellOf(chunk, this.valuePlaces[i] as number, (source.spec.fields[place] as FieldSpec).type)
    })
    return (at) => {
      const values = new Array<Value>(count).fill(null)
      for (let i = 0; i < cells.length; i++) values[fields[i] as number] = (cells[i] as (typeof cells)[number])(at)
      return values
    }
  }
}

type Columns = [
  entity: Float64Array,
  seen: Float64Array,
  available: Float64Array,
  part: Float64Array,
  seq: Float64Array,
  time: Float64Array,
  sign: Float64Array,
  region: Float64Array,
  epoch: Float64Array,
  shard: Float64Array,
  rowSeq: Float64Array,
]

function placesOf({ names: all }: Chunks, names: readonly string[]): number[] {
  return names.map((name) => all.indexOf(name))
}
