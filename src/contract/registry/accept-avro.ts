import { decimalScale, type FieldSpec, type ScalarType, type ValueLimits } from '../../engine/index.ts'
import type { AvroSchema } from '../avro/schema.ts'

/** A scalar of a contract: its type and what its values keep to. */
export interface Scalar extends ValueLimits {
  readonly type: ScalarType
}

/** Whether values of a writer's type can be those of a field. */
export class Accepted {
  /** What is worth knowing. */
  readonly note: string | undefined
  /** How to mend it, when they cannot. */
  readonly mend: string | undefined

  private constructor(note: string | undefined, mend: string | undefined) {
    this.note = note
    this.mend = mend
  }

  static yes(note?: string): Accepted {
    return new Accepted(note, undefined)
  }

  static no(mend: string): Accepted {
    return new Accepted(undefined, mend)
  }
}

const ONE_BY_ONE = 'are checked one by one'

/** Whether a field takes values of one Avro type (no union, not null). */
export function acceptAvro(field: Scalar, schema: AvroSchema): Accepted {
  const scale = decimalScale(field.type)
  if (scale !== undefined) return acceptDecimal(scale, schema)
  switch (field.type) {
    case 'string':
      return acceptText(field, schema)
    case 'bool':
      return schema.type === 'boolean' ? Accepted.yes() : Accepted.no('Write a boolean')
    case 'timestamp':
      return acceptTime(field, schema)
    case 'float64':
      return acceptFloat(schema)
    default:
      return acceptInteger(field, schema)
  }
}

function acceptText({ values, format }: Scalar, schema: AvroSchema): Accepted {
  if (schema.type === 'enum') {
    if (format === 'uuid') return Accepted.no('Write a string')
    const unknown = schema.symbols.filter((symbol) => values !== undefined && !values.includes(symbol))
    if (unknown.length === 0) return Accepted.yes()
    return Accepted.no(
      `Add ${unknown.map((symbol) => `'${symbol}'`).join(', ')} to the field's choices, or do not write it`,
    )
  }
  if (schema.type === 'string') {
    if (values !== undefined) return Accepted.yes(`the choices of a plain string ${ONE_BY_ONE}`)
    const isUuid = schema.meaning.kind === 'uuid'
    return Accepted.yes(format === 'uuid' && !isUuid ? `UUIDs in a plain string ${ONE_BY_ONE}` : undefined)
  }
  if (values !== undefined || (schema.type !== 'bytes' && schema.type !== 'fixed')) return Accepted.no('Write a string')
  const { kind } = schema.meaning
  if (kind === 'uuid') return Accepted.yes()
  if (format === 'uuid') return Accepted.no('Write a string, or a fixed of 16 bytes with the logical type uuid')
  return Accepted.yes(kind === 'decimal' ? 'a decimal comes as its digits' : 'bytes come as base64')
}

function acceptInteger({ type }: Scalar, schema: AvroSchema): Accepted {
  if (schema.type === 'int') return Accepted.yes()
  if (schema.type === 'long') {
    return Accepted.yes(type === 'int' ? 'longs beyond 2^53 are refused one by one: int64() takes all' : undefined)
  }
  if (isDecimal(schema) && schema.meaning.scale === 0) return Accepted.yes(`decimals of scale 0 ${ONE_BY_ONE}`)
  return Accepted.no(
    type === 'int'
      ? 'Write an int or a long, or declare the field z.number() if fractions mean something'
      : 'Write an int or a long',
  )
}

function acceptFloat(schema: AvroSchema): Accepted {
  if (schema.type === 'double' || schema.type === 'float' || schema.type === 'int') return Accepted.yes()
  if (schema.type === 'long') return Accepted.yes('longs beyond 2^53 are rounded')
  if (isDecimal(schema)) return Accepted.yes('decimals are rounded: decimal() keeps them exact')
  return Accepted.no('Write a double')
}

function acceptDecimal(scale: number, schema: AvroSchema): Accepted {
  if (isDecimal(schema)) {
    if (schema.meaning.scale <= scale) return Accepted.yes()
    const wider = `declare the field decimal(${schema.meaning.scale})`
    return Accepted.no(`Write at most ${scale} digits after the point, or ${wider}`)
  }
  if (schema.type === 'int' || schema.type === 'long') return Accepted.yes()
  if (schema.type === 'float' || schema.type === 'double' || schema.type === 'string') {
    return Accepted.yes(`${schema.type}s are taken by their digits, which ${ONE_BY_ONE}`)
  }
  if (schema.type === 'record' && schema.meaning.kind === 'variable_decimal') {
    return Accepted.yes(`decimals of any scale ${ONE_BY_ONE}`)
  }
  return Accepted.no(`Write bytes with the logical type decimal, scale ${scale}`)
}

function acceptTime({ format }: Scalar, schema: AvroSchema): Accepted {
  if ((schema.type === 'int' || schema.type === 'long') && schema.meaning.kind === 'time') {
    return Accepted.yes(schema.meaning.unit === 'days' ? 'a date is taken for its midnight, UTC' : undefined)
  }
  if (schema.type === 'string') return Accepted.yes(`times in strings (RFC 3339) ${ONE_BY_ONE}`)
  if (schema.type === 'long' && format === 'ms')
    return Accepted.yes('a long that does not say its unit is taken for ms')
  return Accepted.no('Write a long with the logical type timestamp-millis or timestamp-micros')
}

type Decimal = AvroSchema & { readonly meaning: { readonly kind: 'decimal'; readonly scale: number } }

function isDecimal(schema: AvroSchema): schema is Decimal {
  return (schema.type === 'bytes' || schema.type === 'fixed') && schema.meaning.kind === 'decimal'
}

/** What a field takes, in words. */
export function expectedOf({ type, format, values }: FieldSpec): string {
  if (values !== undefined) return `one of ${values.map((value) => `'${value}'`).join(', ')}`
  return format === undefined ? type : `${type} (${format})`
}
