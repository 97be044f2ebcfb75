import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow'
import { type FeatureValue, jsonText, mapValueType, type ResultType } from '../../../engine/index.ts'
import { LETTER_OF } from '../../../shard/index.ts'
import { dataOf } from './arrow-data.ts'
import { NOTE_ROW, resultColumns } from './job.ts'
import { arrowTypeOf, wireOf } from './wire.ts'

const BATCH_ROWS = 4_096
/** What ends a stream: a marker, and no length. */
const END_BYTES = 8

/** Writes results as a stream of Arrow: {@link drained} waits for who reads them. */
export class ResultStream {
  private readonly output: Writable
  private readonly types: readonly ResultType[]
  private readonly withStatus: boolean
  private readonly columns: ReturnType<typeof resultColumns>
  private readonly schema: Schema
  private readonly head: Uint8Array
  private cells: unknown[][]

  constructor(output: Writable, types: readonly ResultType[], withStatus: boolean) {
    this.output = output
    this.types = types
    this.withStatus = withStatus
    this.columns = resultColumns(types.map(wireOf), withStatus)
    this.schema = new Schema(this.columns.map(({ name, wire }) => new Field(name, arrowTypeOf(wire), true)))
    this.cells = this.columns.map(() => [])
    const empty = this.stream([])
    this.head = empty.subarray(0, empty.length - END_BYTES)
    output.write(this.head)
  }

  add(row: number, values: readonly FeatureValue[]): void {
    const { cells, types } = this
    cells[0]?.push(row)
    for (let i = 0; i < types.length; i++) {
      const { value } = values[i] as FeatureValue
      const type = types[i] as ResultType
      cells[i + 1]?.push(value === null || mapValueType(type) === undefined ? value : jsonText(value, type))
    }
    if (this.withStatus) cells[types.length + 1]?.push(values.map(({ status }) => LETTER_OF[status]).join(''))
    cells.at(-1)?.push(null)
    if (cells[0]?.length === BATCH_ROWS) this.flush()
  }

  /** Resolves when the reader has taken what there is; whoever has more waits for it. */
  async drained(): Promise<void> {
    if (this.output.writableNeedDrain) await once(this.output, 'drain')
  }

  /** The last row says what was counted, in a batch of its own. Resolves when all of it has been written. */
  async finish(note: string): Promise<void> {
    this.flush()
    this.columns.forEach((_, i) => {
      this.cells[i]?.push(i === 0 ? NOTE_ROW : i === this.columns.length - 1 ? note : null)
    })
    this.flush()
    const end = this.stream([]).subarray(this.head.length)
    await new Promise<void>((resolve, reject) => {
      this.output.write(end, (error) => (error ? reject(error) : resolve()))
    })
  }

  private flush(): void {
    const length = this.cells[0]?.length ?? 0
    if (length === 0) return
    const children = this.columns.map(({ wire }, i) => dataOf(this.cells[i] as unknown[], wire))
    const type = new Struct(this.schema.fields)
    const batch = new RecordBatch(this.schema, makeData({ type, length, nullCount: 0, children }))
    const bytes = this.stream([batch])
    this.output.write(bytes.subarray(this.head.length, bytes.length - END_BYTES))
    this.cells = this.columns.map(() => [])
  }

  /**
   * A whole stream of its own for each batch, of which only the batch is sent: a writer that is kept either holds what nobody
   * has read yet without end, or gives all since the beginning at each call.
   */
  private stream(batches: readonly RecordBatch[]): Uint8Array {
    const writer = new RecordBatchStreamWriter()
    writer.reset(undefined, this.schema)
    for (const batch of batches) writer.write(batch)
    writer.finish()
    return writer.toUint8Array(true)
  }
}
