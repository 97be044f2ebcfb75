/** Values of DuckDB as JSON values of a source's fields, exact to the last digit. */
import {
  DuckDBArrayType,
  DuckDBDateValue,
  DuckDBListType,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api'
import { decimalScale, elementType, type FieldSpec, isScalarType, vectorLength } from '../../src/engine/index.ts'
import { UsageError } from '../lib/usage-error.ts'
import { cellWriter, timeOfCell } from './cells.ts'
import type { ToUtc } from './zone.ts'

/** A value of a column that is not null, as JSON. */
export type ValueWriter = (value: unknown) => string

const Id = DuckDBTypeId
const INTEGERS: readonly DuckDBTypeId[] = [
  ...[Id.TINYINT, Id.SMALLINT, Id.INTEGER, Id.BIGINT, Id.HUGEINT],
  ...[Id.UTINYINT, Id.USMALLINT, Id.UINTEGER, Id.UBIGINT, Id.UHUGEINT],
]
const FLOATS: readonly DuckDBTypeId[] = [Id.FLOAT, Id.DOUBLE]
const LOCAL_TIMES: readonly DuckDBTypeId[] = [Id.TIMESTAMP, Id.TIMESTAMP_S, Id.TIMESTAMP_MS, Id.TIMESTAMP_NS, Id.DATE]

/**
 * What writes the values of a column for a field. Throws a {@link UsageError} where the type of the column cannot be one of the
 * field's: a float64 has lost digits of an int64, a time without a zone is no instant.
 */
export function columnReader(
  name: string,
  column: string,
  type: DuckDBType | undefined,
  field: FieldSpec,
  toUtc: ToUtc | undefined,
): ValueWriter {
  const write = type && writerOf(type, field, toUtc)
  if (write !== undefined) return write
  const what = `${name}: the column "${column}" is of type ${String(type)}`
  if (type && field.type === 'timestamp' && LOCAL_TIMES.includes(type.typeId)) {
    const how = 'say in which zone it was written: --time-zone UTC, or such as Europe/Berlin'
    throw new UsageError(`${what}, a time without a zone: ${how}.`)
  }
  throw new UsageError(`${what}, and the field "${field.name}" is ${field.type}: ${howToMend(field)}.`)
}

function howToMend({ name, type, format }: FieldSpec): string {
  if (type === 'timestamp' && format === 'ms')
    return 'write it as integer milliseconds, or as a timestamp with time zone'
  if (type === 'timestamp') return 'write it as a timestamp with time zone, or as RFC 3339 text'
  if (type === 'int64') return 'write it as a 64-bit integer: other numbers have lost digits'
  return `write it as ${type}, or map the field to another column: --map ${name}=COLUMN`
}

type Target = Pick<FieldSpec, 'type' | 'format'>

function writerOf(type: DuckDBType, field: Target, toUtc: ToUtc | undefined): ValueWriter | undefined {
  const { typeId } = type
  const items = elementType(field.type) ?? (vectorLength(field.type) === undefined ? undefined : 'float64')
  if (items !== undefined && (type instanceof DuckDBListType || type instanceof DuckDBArrayType)) {
    const { format } = field
    const write = writerOf(type.valueType, { type: items, ...(format !== undefined && { format }) }, toUtc)
    return write && ((value) => listText(value as { readonly items: readonly unknown[] }, write))
  }
  if (typeId === Id.VARCHAR || typeId === Id.ENUM) {
    const write = cellWriter(field, toUtc)
    return (value) => write(String(value))
  }
  if (!isScalarType(field.type)) return undefined
  if (field.type === 'string') return typeId === Id.UUID ? (value) => JSON.stringify(String(value)) : undefined
  if (field.type === 'bool') return typeId === Id.BOOLEAN ? String : undefined
  if (field.type === 'timestamp') return timeWriter(typeId, field, toUtc)
  if (INTEGERS.includes(typeId) || typeId === Id.DECIMAL) return String
  if (!FLOATS.includes(typeId) || field.type === 'int64') return undefined
  // A float32 is written as the double that it is, which may be more digits than a decimal has.
  return typeId === Id.FLOAT && decimalScale(field.type) !== undefined ? undefined : floatText
}

const listText = ({ items }: { readonly items: readonly unknown[] }, write: ValueWriter): string =>
  `[${items.map((item) => (item === null ? 'null' : write(item))).join()}]`

/** JSON has no word for NaN and infinities: as texts the contract refuses them. */
function floatText(value: unknown): string {
  const number = value as number
  if (!Number.isFinite(number)) return JSON.stringify(String(number))
  return Object.is(number, -0) ? '-0' : String(number)
}

function timeWriter(typeId: DuckDBTypeId, { format }: Target, toUtc: ToUtc | undefined): ValueWriter | undefined {
  if (format === 'ms' && INTEGERS.includes(typeId)) return String
  if (typeId !== Id.TIMESTAMP_TZ && !(toUtc !== undefined && LOCAL_TIMES.includes(typeId))) return undefined
  return (value) => {
    const ms = msOf(value, toUtc)
    // Infinite, or beyond what dates are: shown as it is, and refused.
    if (ms === null || Math.abs(ms) > MAX_DATE_MS) return JSON.stringify(String(value))
    return format === 'ms' ? String(ms) : JSON.stringify(new Date(ms).toISOString())
  }
}

const MAX_DATE_MS = 8.64e15
const DAY_MS = 86_400_000

/** Milliseconds of a value that is a time, cut and not rounded; null for what is none. Epoch milliseconds are one. */
export function msOf(value: unknown, toUtc: ToUtc | undefined): number | null {
  if (value instanceof DuckDBTimestampTZValue) return floorDiv(value.micros, 1_000n)
  if (typeof value === 'bigint' || typeof value === 'number')
    return Number.isSafeInteger(Number(value)) ? Number(value) : null
  if (typeof value === 'string') return timeOfCell(value, toUtc)
  const local = localMs(value)
  return local === null || toUtc === undefined ? null : toUtc(local)
}

function localMs(value: unknown): number | null {
  if (value instanceof DuckDBTimestampValue) return floorDiv(value.micros, 1_000n)
  if (value instanceof DuckDBTimestampNanosecondsValue) return floorDiv(value.nanos, 1_000_000n)
  if (value instanceof DuckDBTimestampMillisecondsValue) return Number(value.millis)
  if (value instanceof DuckDBTimestampSecondsValue) return Number(value.seconds) * 1_000
  return value instanceof DuckDBDateValue ? value.days * DAY_MS : null
}

function floorDiv(value: bigint, by: bigint): number {
  const quotient = value / by
  return Number(value % by < 0n ? quotient - 1n : quotient)
}
