import type { Data } from 'apache-arrow'
import { type RecordBatch, RecordBatchReader } from 'apache-arrow'
import type { Value } from '../../../engine/index.ts'
import type { SourceRuntime } from '../../../plan/index.ts'
import type { ReplayRow } from '../../index.ts'
import { KIND, type MergedBatch } from '../../training/index.ts'
import { COMMITS_SEPARATOR } from '../training/commits-text.ts'
import { type Cell, cellOf, textOf } from './arrow-cells.ts'
import { type ChildJob, STREAM_COLUMNS } from './job.ts'

/** What of a source is in the stream. */
export interface MergedSource {
  readonly source: SourceRuntime
  readonly fields: readonly number[]
  readonly slots: readonly string[]
}

/** Reads the merged stream of Arrow, batch by batch. Throws for a stream that is no Arrow, or lacks a column. */
export async function* mergedBatches(
  input: AsyncIterable<Uint8Array>,
  sources: readonly MergedSource[],
  slots: ChildJob['slots'],
): AsyncGenerator<MergedBatch> {
  const reader = await RecordBatchReader.from(input)
  const before = new KeyBefore()
  for await (const batch of reader) {
    if (batch.numRows > 0) yield mergedBatch(batch, sources, slots, before)
  }
}

type Columns = Record<keyof typeof STREAM_COLUMNS, Data>

function mergedBatch(
  batch: RecordBatch,
  sources: readonly MergedSource[],
  slots: ChildJob['slots'],
  before: KeyBefore,
): MergedBatch {
  const dataOf = (name: string): Data => {
    const [data] = batch.getChild(name)?.data ?? []
    if (data === undefined) throw new Error(`the input has no column ${name}`)
    return data
  }
  const columns = Object.fromEntries(Object.keys(STREAM_COLUMNS).map((name) => [name, dataOf(name)])) as Columns
  const numbers = (name: keyof Columns) => columns[name].values as Float64Array | Int32Array
  const cells = new Map(slots.map(({ name, wire }) => [name, cellOf(dataOf(name), wire)]))
  const readers = sources.map(({ source, fields, slots: own }) =>
    valuesReader(
      source.spec.fields.length,
      fields,
      own.map((name) => cells.get(name) as Cell),
    ),
  )
  const kind = numbers('kind')
  const region = numbers('region')
  const timeMs = numbers('time')
  const seq = numbers('seq')
  const [source, available, sign] = [numbers('source'), numbers('available'), numbers('sign')]
  const [rowRegion, epoch] = [numbers('row_region'), numbers('row_epoch')]
  const [shard, rowSeq] = [numbers('row_shard'), numbers('row_seq')]
  const key = cellOf(columns.key, { kind: 'text' })
  const commits = cellOf(columns.commits, { kind: 'text' })
  const isNew = before.compare(columns.key, region, kind, batch.numRows)
  return {
    length: batch.numRows,
    kind,
    region,
    timeMs,
    seq,
    part: numbers('part'),
    isNew,
    key: (at) => key(at) as string,
    source: (at) => (sources[source[at] as number] as MergedSource).source,
    commits: (at) => (commits(at) as string | null)?.split(COMMITS_SEPARATOR).filter(Boolean) ?? [],
    row: (at): ReplayRow => ({
      timeMs: timeMs[at] as number,
      availableAtMs: available[at] as number,
      part: { region: rowRegion[at] as number, epoch: epoch[at] as number, shard: shard[at] as number },
      seq: rowSeq[at] as number,
      sign: sign[at] as 1 | -1,
      values: (readers[source[at] as number] as (at: number) => readonly Value[])(at),
    }),
  }
}

function valuesReader(
  count: number,
  fields: readonly number[],
  cells: readonly Cell[],
): (at: number) => readonly Value[] {
  return (at) => {
    const values = new Array<Value>(count).fill(null)
    for (let i = 0; i < cells.length; i++) values[fields[i] as number] = (cells[i] as Cell)(at)
    return values
  }
}

/** Tells where an entity begins, by the bytes of its key: a string a record would cost as much as reading the rest of it. */
class KeyBefore {
  private key: Uint8Array | undefined
  private region = 0

  compare(keys: Data, region: ArrayLike<number>, kind: ArrayLike<number>, length: number): (at: number) => boolean {
    const first = this.key
    const firstRegion = this.region
    const last = length - 1
    if (kind[last] !== KIND.end) {
      this.key = textOf(keys, last).slice()
      this.region = region[last] as number
    }
    return (at) => {
      if (at === 0) return first === undefined || region[0] !== firstRegion || !isSame(first, textOf(keys, 0))
      return region[at] !== region[at - 1] || !isSame(textOf(keys, at - 1), textOf(keys, at))
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
