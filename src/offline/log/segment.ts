import { ByteWriter, parquetWrite } from 'hyparquet-writer'
import type { SourceSpec } from '../../engine/index.ts'
import { type ColumnType, columnsOf, type LogColumn } from './columns.ts'
import type { LoggedRow } from './logged-row.ts'

type ColumnSource = Parameters<typeof parquetWrite>[0]['columnData'][number]
type SchemaElement = NonNullable<Parameters<typeof parquetWrite>[0]['schema']>[number]

/** Of the columns of a segment, and of what its footer says. */
export const SEGMENT_FORMAT = 1

/** Rows that are encoded without a pause: about 10 ms. */
const GROUP_ROWS = 4_096
/** 38 digits fit. */
const DECIMAL_BYTES = 16

/** What the footer of a segment says of it, by the key `tidemark`, as JSON. */
export interface SegmentFooter {
  readonly format: number
  readonly source: string
  readonly entity: string
  readonly region: string
  readonly epoch: number
  readonly shard: number
  /** The contract's number in the shard's manifest. */
  readonly contract: number
}

/**
 * The rows of one source that a shard accepted by one contract, as a Parquet file: Snappy, explicit logical types, times in
 * UTC milliseconds. The same rows give the same bytes.
 */
export class SegmentBuilder {
  private readonly columns: readonly LogColumn[]
  private readonly data: unknown[][]
  rows = 0

  constructor(source: SourceSpec) {
    this.columns = columnsOf(source)
    this.data = this.columns.map(() => [])
  }

  add(row: LoggedRow): void {
    for (let i = 0; i < this.columns.length; i++)
      (this.data[i] as unknown[]).push((this.columns[i] as LogColumn).stored(row))
    this.rows++
  }

  /** The file. `pause` is awaited between row groups, so that others have their turn: encoding takes a while. */
  async finish(footer: SegmentFooter, pause: () => Promise<void> = async () => {}): Promise<Uint8Array> {
    const { columns, data } = this
    const writer: ByteWriter & { flush?: () => Promise<void> } = new ByteWriter()
    writer.flush = pause
    await parquetWrite({
      writer,
      columnData: columns.map((column, i) => ({ name: column.name, data: data[i] as unknown[], ...howStored(column) })),
      schema: schemaOf(columns),
      rowGroupSize: GROUP_ROWS,
      kvMetadata: [{ key: 'tidemark', value: JSON.stringify(footer) }],
      createdBy: 'tidemark',
    })
    return new Uint8Array(writer.getBuffer())
  }
}

/** What rises, or is new in each row, is no matter for a dictionary, and bounds are kept of what files are chosen by: both take time. */
export function howStored({ name, type }: LogColumn): Pick<ColumnSource, 'encoding' | 'statistics'> {
  const statistics = BOUNDED.has(name)
  if (name === 'tm_id') return { encoding: 'DELTA_LENGTH_BYTE_ARRAY', statistics }
  if (RISING.has(name) || type.kind === 'time') return { encoding: 'DELTA_BINARY_PACKED', statistics }
  // A dictionary takes 0 and -0 for one value, and the sign of zero would be lost.
  if (isFloating(type)) return { encoding: 'PLAIN', statistics }
  return { statistics }
}

function isFloating(type: ColumnType): boolean {
  return type.kind === 'double' || type.kind === 'vector' || (type.kind === 'list' && isFloating(type.of))
}

const BOUNDED = new Set(['tm_key', 'tm_seq', 'tm_time', 'tm_available_at', 'tm_offset'])
const RISING = new Set(['tm_seq', 'tm_offset', 'tm_row_seq'])

/** The schema of a segment, as Parquet has it. */
export function schemaOf(columns: readonly LogColumn[]): SchemaElement[] {
  const root: SchemaElement = { name: 'root', num_children: columns.length }
  return [root, ...columns.flatMap(({ name, type, nullable }) => elements(name, type, nullable))]
}

function elements(name: string, type: ColumnType, nullable: boolean): SchemaElement[] {
  const of = { name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' } as const
  switch (type.kind) {
    case 'text':
      return [{ ...of, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }]
    case 'bool':
      return [{ ...of, type: 'BOOLEAN' }]
    case 'int64':
      return [{ ...of, type: 'INT64' }]
    case 'double':
      return [{ ...of, type: 'DOUBLE' }]
    case 'time':
      // The legacy type alone is read as local time by some.
      return [{ ...of, type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' } }]
    case 'decimal':
      return [
        {
          ...of,
          type: 'FIXED_LEN_BYTE_ARRAY',
          type_length: DECIMAL_BYTES,
          converted_type: 'DECIMAL',
          scale: type.scale,
          precision: 38,
        },
      ]
    case 'list':
    case 'vector': {
      const element: SchemaElement[] =
        type.kind === 'list'
          ? elements('element', type.of, false)
          : [{ name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' }]
      return [
        { ...of, converted_type: 'LIST', logical_type: { type: 'LIST' }, num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...element,
      ]
    }
  }
}
