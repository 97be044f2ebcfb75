import { elementType, type FieldSpec, isNumeric } from '../../engine/index.ts'
import { toBase64 } from '../../util/base64.ts'
import type { Meaning } from '../formats/meaning.ts'
import {
  decimalDigits,
  decimalJson,
  epochMs,
  type Target,
  timeJson,
  timeTextJson,
  unscaledOf,
} from '../formats/write-values.ts'
import { type AvroCursor, BadAvro } from './cursor.ts'
import type { AvroArray, AvroFixed, AvroMap, AvroPlain, AvroRecord, AvroSchema } from './schema.ts'
import { branchOf } from './skip.ts'

/** Reads one value as JSON. */
export type ReadJson = (cursor: AvroCursor) => string

/** Where the contract has no field: values as they are, decimals as texts. */
const ANYTHING: Target = { type: 'string' }

/**
 * Compiles the reading of a schema's values as JSON, for a field of a contract where there is one: closures, for code
 * cannot be made at run time in a Worker. A long is a bare number of any length, bytes are base64, a decimal is a text (a
 * number for a field of numbers), a time is written as its field wants it, NaN is null, and an infinity a text, which every
 * field of numbers refuses.
 */
export function jsonReader(schema: AvroSchema, field?: FieldSpec): ReadJson {
  return new Compiler().read(schema, field === undefined ? ANYTHING : targetOf(field))
}

function targetOf(field: FieldSpec): Target {
  const element = elementType(field.type)
  if (element !== undefined) return { ...field.items, type: element }
  return field.type.startsWith('vector(') ? ANYTHING : (field as Target)
}

class Compiler {
  /** Records on the way down: a recursive one finds itself here. */
  private readonly records = new Map<AvroRecord, { read: ReadJson }>()

  read(schema: AvroSchema, target: Target): ReadJson {
    switch (schema.type) {
      case 'union': {
        const branches = schema.branches.map((branch) => this.read(branch, target))
        return (cursor) => branchOf(cursor, branches)(cursor)
      }
      case 'array':
        return this.list(schema, target)
      case 'map':
        return this.map(schema)
      case 'record':
        return isVariableDecimal(schema) ? variableDecimal(target) : this.record(schema)
      case 'enum': {
        const symbols = schema.symbols.map((symbol) => JSON.stringify(symbol))
        return (cursor) => symbolOf(cursor, symbols)
      }
      case 'fixed':
        return bytesReader(schema, (cursor) => cursor.fixed(schema.size), target)
      case 'bytes':
        return bytesReader(schema, (cursor) => cursor.blob(), target)
      default:
        return plainReader(schema, target)
    }
  }

  private list({ items }: AvroArray, target: Target): ReadJson {
    const item = this.read(items, target)
    return (cursor) => {
      let text = ''
      cursor.blocks(() => {
        text += text === '' ? item(cursor) : `,${item(cursor)}`
        cursor.fits(text.length)
      })
      return `[${text}]`
    }
  }

  private map({ values }: AvroMap): ReadJson {
    const value = this.read(values, ANYTHING)
    return (cursor) => {
      let text = ''
      cursor.blocks(() => {
        const member = `${JSON.stringify(cursor.text())}:${value(cursor)}`
        text += text === '' ? member : `,${member}`
        cursor.fits(text.length)
      })
      return `{${text}}`
    }
  }

  private record(schema: AvroRecord): ReadJson {
    const known = this.records.get(schema)
    if (known !== undefined) return (cursor) => known.read(cursor)
    const slot: { read: ReadJson } = { read: () => '' }
    this.records.set(schema, slot)
    const labels = schema.fields.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`)
    const reads = schema.fields.map((field) => this.read(field.schema, ANYTHING))
    slot.read = (cursor) => {
      cursor.enter()
      let text = '{'
      for (let i = 0; i < reads.length; i++) {
        text += (labels[i] as string) + (reads[i] as ReadJson)(cursor)
        cursor.fits(text.length)
      }
      cursor.leave()
      return `${text}}`
    }
    return slot.read
  }
}

/** `{ scale: int, value: bytes }`, as Debezium writes decimals that have no scale in common. */
function isVariableDecimal({ meaning, fields: [scale, value, more] }: AvroRecord): boolean {
  const isShaped = scale?.schema.type === 'int' && value?.schema.type === 'bytes' && more === undefined
  return meaning.kind === 'variable_decimal' && isShaped
}

function variableDecimal(target: Target): ReadJson {
  return (cursor) => {
    const scale = cursor.int()
    return decimalText(cursor.blob(), scale, target)
  }
}

function symbolOf(cursor: AvroCursor, symbols: readonly string[]): string {
  const index = cursor.long()
  const symbol = symbols[Number(index)]
  if (symbol === undefined) throw new BadAvro(`an enum of ${symbols.length} has symbol ${index}`)
  return symbol
}

function bytesReader(
  { meaning }: AvroPlain | AvroFixed,
  bytesAt: (cursor: AvroCursor) => Uint8Array,
  target: Target,
): ReadJson {
  if (meaning.kind === 'decimal') return (cursor) => decimalText(bytesAt(cursor), meaning.scale, target)
  if (meaning.kind === 'uuid') return (cursor) => `"${uuidText(bytesAt(cursor))}"`
  return (cursor) => `"${toBase64(bytesAt(cursor))}"`
}

function decimalText(bytes: Uint8Array, scale: number, target: Target): string {
  const units = unscaledOf(bytes)
  const digits = units === undefined ? undefined : decimalDigits(units, scale)
  if (digits === undefined) throw new BadAvro(`a decimal has ${bytes.length} bytes and scale ${scale}`)
  return decimalJson(digits, target)
}

function uuidText(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function plainReader({ type, meaning }: AvroPlain, target: Target): ReadJson {
  switch (type) {
    case 'null':
      return () => 'null'
    case 'boolean':
      return (cursor) => String(cursor.boolean())
    case 'int':
      return integerReader((cursor) => cursor.int(), meaning, target)
    case 'long':
      return integerReader((cursor) => cursor.long(), meaning, target)
    case 'float':
      return (cursor) => numberText(cursor.float())
    case 'double':
      return (cursor) => numberText(cursor.double())
    default:
      return textReader(target)
  }
}

function integerReader(read: (cursor: AvroCursor) => number | bigint, meaning: Meaning, target: Target): ReadJson {
  if (meaning.kind !== 'time' || target.type !== 'timestamp') return (cursor) => String(read(cursor))
  const { unit } = meaning
  return (cursor) => timeJson(epochMs(read(cursor), unit), target)
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  return Number.isNaN(value) ? 'null' : `"${value}"`
}

function textReader(target: Target): ReadJson {
  if (target.type === 'timestamp') {
    return (cursor) => {
      const text = cursor.text()
      return timeTextJson(JSON.stringify(text), text, target)
    }
  }
  if (!isNumeric(target.type)) return (cursor) => JSON.stringify(cursor.text())
  return (cursor) => {
    const text = cursor.text()
    return NAN.test(text) ? 'null' : JSON.stringify(text)
  }
}

/** NaN of a decimal that is written as text: Debezium's `decimal.handling.mode=string`. */
const NAN = /^nan$/i
