/** Texts of a file as JSON values of a source's fields. */
import { elementType, type FieldSpec, isNumeric, vectorLength } from '../../src/engine/index.ts'
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { rfc3339Of, type ToUtc } from './zone.ts'

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const INTEGER = /^-?\d{1,16}$/

/** Puts a text where JSON has a value of this field: digits stay the digits they are. What does not fit goes as a text, which the contract refuses. */
export type CellWriter = (text: string) => string

/** `undefined` in a list of fields that a file does not have. */
export function cellWriter({ type, format }: Pick<FieldSpec, 'type' | 'format'>, toUtc: ToUtc | undefined): CellWriter {
  if (elementType(type) !== undefined || vectorLength(type) !== undefined)
    return (text) => (text.startsWith('[') && isJson(text) ? text : JSON.stringify(text))
  if (type === 'timestamp') {
    if (format === 'ms') return (text) => (INTEGER.test(text) ? text : JSON.stringify(text))
    return (text) => {
      const time = rfc3339Of(text, toUtc)
      return JSON.stringify(time === undefined || time === 'no zone' ? text : time)
    }
  }
  if (type === 'bool') return (text) => (/^(true|false)$/i.test(text) ? text.toLowerCase() : JSON.stringify(text))
  if (isNumeric(type)) return (text) => (JSON_NUMBER.test(text) ? text : JSON.stringify(text))
  return (text) => JSON.stringify(text)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Why a text of a field of times says no time by itself; undefined where it does, or where the contract has to tell. */
export function lacksZone({ type, format }: Pick<FieldSpec, 'type' | 'format'>, text: string): boolean {
  return type === 'timestamp' && format !== 'ms' && rfc3339Of(text, undefined) === 'no zone'
}

/** A time of a cell, ms: RFC 3339 or what databases write, or epoch milliseconds. Null for what is none. */
export function timeOfCell(text: string, toUtc: ToUtc | undefined): number | null {
  if (INTEGER.test(text)) return Number(text)
  const ms = parseRfc3339(rfc3339Of(text, toUtc) ?? text)
  return typeof ms === 'number' ? ms : null
}
