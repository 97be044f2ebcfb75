import {
  decimalScale,
  elementType,
  type FieldSpec,
  type FieldType,
  type SourceSpec,
  vectorLength,
} from '../../engine/index.ts'
import type { LoggedRow } from './logged-row.ts'

/** How a column is stored: what Parquet calls it, by the types of fields. `text` is UTF-8, `time` milliseconds since the epoch, UTC. */
export type ColumnType =
  | { readonly kind: 'text' | 'bool' | 'int64' | 'double' | 'time' }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'list'; readonly of: ColumnType }
  | { readonly kind: 'vector' }

/** One column of a segment. */
export interface LogColumn {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
  /** What the row has in it: bigints for `int64`, `time` and decimals (units of the last digit), lists as arrays. */
  readonly stored: (row: LoggedRow) => unknown
}

/** No field of a source begins like this: these columns are the log's own. */
export const OWN_PREFIX = 'tm_'

const TEXT: ColumnType = { kind: 'text' }
const INT64: ColumnType = { kind: 'int64' }
const TIME: ColumnType = { kind: 'time' }

const own = (
  name: string,
  type: ColumnType,
  stored: LogColumn['stored'],
  nullable: 'null' | 'required' = 'required',
): LogColumn => ({ name: `${OWN_PREFIX}${name}`, type, nullable: nullable === 'null', stored })

const big = (value: number | null | undefined): bigint | null =>
  value === null || value === undefined ? null : BigInt(value)

const OF_ALL: readonly LogColumn[] = [
  own('key', TEXT, ({ key }) => key, 'null'),
  own('seq', INT64, ({ seq }) => BigInt(seq)),
  own('time', TIME, ({ timeMs }) => BigInt(timeMs)),
  own('available_at', TIME, ({ availableAtMs }) => BigInt(availableAtMs)),
  own('id', TEXT, ({ id }) => id, 'null'),
  own('sequence', TEXT, ({ position }) => position?.sequence ?? null, 'null'),
  own('incarnation', INT64, ({ position }) => big(position?.incarnation), 'null'),
  own('offset', INT64, ({ position }) => big(position?.offset), 'null'),
  own('imported', { kind: 'bool' }, ({ imported }) => imported !== null),
  own('known_at', TIME, ({ imported }) => big(imported?.availableAtMs), 'null'),
]

/** The order key of a table's row, and whether it is put in or taken out. */
const OF_TABLES: readonly LogColumn[] = [
  own('sign', INT64, ({ sign }) => BigInt(sign)),
  own('row_region', INT64, ({ row }) => big(row?.region), 'null'),
  own('row_epoch', INT64, ({ row }) => big(row?.epoch), 'null'),
  own('row_shard', INT64, ({ row }) => big(row?.shard), 'null'),
  own('row_seq', INT64, ({ row }) => big(row?.seq), 'null'),
]

const OF_ENRICHED: readonly LogColumn[] = [own('stamps', TEXT, ({ stamps }) => stamps, 'null')]

/** The columns of a segment of one source, by the contract that its rows were accepted by: the log's own, then the fields. */
export function columnsOf(source: SourceSpec): readonly LogColumn[] {
  return [
    ...OF_ALL,
    ...(source.changes === undefined ? [] : OF_TABLES),
    ...(source.enrich === undefined ? [] : OF_ENRICHED),
    ...source.fields.map(fieldColumn),
  ]
}

function fieldColumn({ name, type }: FieldSpec, index: number): LogColumn {
  const column = columnType(type)
  const raw: LogColumn['stored'] = ({ values }) => values[index] ?? null
  return { name, type: column, nullable: true, stored: toStored(column, raw) }
}

/** How a field's type is stored. */
export function columnType(type: FieldType): ColumnType {
  const scale = decimalScale(type)
  if (scale !== undefined) return { kind: 'decimal', scale }
  const element = elementType(type)
  if (element !== undefined) return { kind: 'list', of: columnType(element) }
  if (vectorLength(type) !== undefined) return { kind: 'vector' }
  switch (type) {
    case 'bool':
      return { kind: 'bool' }
    case 'int':
    case 'int64':
      return INT64
    case 'float64':
      return { kind: 'double' }
    case 'timestamp':
      return TIME
    default:
      return TEXT
  }
}

function toStored(type: ColumnType, plain: LogColumn['stored']): LogColumn['stored'] {
  if (type.kind === 'int64' || type.kind === 'time') {
    return (row) => {
      const value = plain(row) as number | bigint | null
      return typeof value === 'number' ? BigInt(value) : value
    }
  }
  if (type.kind === 'vector') {
    return (row) => {
      const value = plain(row) as Float32Array | null
      return value && Array.from(value)
    }
  }
  if (type.kind === 'list' && (type.of.kind === 'int64' || type.of.kind === 'time')) {
    return (row) => {
      const value = plain(row) as readonly (number | bigint)[] | null
      return value?.map((element) => BigInt(element)) ?? null
    }
  }
  return plain
}
