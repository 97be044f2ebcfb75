import { Bool, type DataType, Decimal, Field, Float32, Float64, Int64, List, Utf8 } from 'apache-arrow'
import { decimalScale, elementType, mapValueType, type ResultType, vectorLength } from '../../../engine/index.ts'

/** How values travel between Spark and the engine. Numbers are doubles wherever they fit: a bigint a cell costs more than the engine. */
export type Wire =
  | { readonly kind: 'double' | 'float' | 'long' | 'text' | 'bool' }
  | { readonly kind: 'decimal'; readonly scale: number }
  | { readonly kind: 'list'; readonly of: Wire }

export function wireOf(type: ResultType): Wire {
  if (mapValueType(type) !== undefined) return { kind: 'text' }
  if (vectorLength(type) !== undefined) return { kind: 'list', of: { kind: 'float' } }
  const element = elementType(type)
  if (element !== undefined) return { kind: 'list', of: wireOf(element) }
  const scale = decimalScale(type)
  if (scale !== undefined) return { kind: 'decimal', scale }
  if (type === 'string') return { kind: 'text' }
  if (type === 'bool') return { kind: 'bool' }
  return { kind: type === 'int64' ? 'long' : 'double' }
}

/** Digits of decimals, as the log has them. */
const DIGITS = 38

export function arrowTypeOf(wire: Wire): DataType {
  switch (wire.kind) {
    case 'list':
      return new List(new Field('element', arrowTypeOf(wire.of), true))
    case 'decimal':
      return new Decimal(wire.scale, DIGITS, 128)
    case 'double':
      return new Float64()
    case 'float':
      return new Float32()
    case 'long':
      return new Int64()
    case 'bool':
      return new Bool()
    case 'text':
      return new Utf8()
  }
}

/** The type in Spark. */
export function sparkTypeOf(wire: Wire): string {
  if (wire.kind === 'list') return `ARRAY<${sparkTypeOf(wire.of)}>`
  if (wire.kind === 'decimal') return `DECIMAL(${DIGITS}, ${wire.scale})`
  return { double: 'DOUBLE', float: 'FLOAT', long: 'BIGINT', text: 'STRING', bool: 'BOOLEAN' }[wire.kind]
}

/** The type of a field in the log's files, in Spark. */
export function loggedTypeOf(type: ResultType): string {
  const element = elementType(type)
  if (element !== undefined) return `ARRAY<${loggedTypeOf(element)}>`
  if (type === 'int') return 'BIGINT'
  if (type === 'timestamp') return 'TIMESTAMP'
  return sparkTypeOf(wireOf(type))
}

/** From a column of the log's files to the wire, in Spark's SQL. */
export function toWire(column: string, type: ResultType): string {
  const element = elementType(type)
  if (element === 'int' || element === 'timestamp') return `transform(${column}, x -> ${toWire('x', element)})`
  if (type === 'int') return `CAST(${column} AS DOUBLE)`
  if (type === 'timestamp') return `CAST(unix_millis(${column}) AS DOUBLE)`
  return column
}

/** From the wire to the column of a set, in Spark's SQL. */
export function fromWire(column: string, type: ResultType): string {
  const element = elementType(type)
  if (element === 'int' || element === 'timestamp') return `transform(${column}, x -> ${fromWire('x', element)})`
  if (type === 'int') return `CAST(${column} AS BIGINT)`
  if (type === 'timestamp') return `timestamp_millis(CAST(${column} AS BIGINT))`
  return column
}

/** A name in Spark's SQL. */
export const ticked = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** A text in Spark's SQL, where a backslash escapes. */
export const sparkText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
