import type { FieldSpec } from '../engine/index.ts'
import { fromBase64 } from '../util/base64.ts'
import { rounded } from './exact-number.ts'
import { absent, type FieldReader, type FieldValue, refuse } from './field-refusal.ts'
import { type Refusal, refusal, shown } from './refusal.ts'

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT

/** Compiles the checks of a vector: so many finite numbers, as a list or as base64 of little-endian float32. */
export function vectorReader(field: FieldSpec, length: number): FieldReader {
  const expected = `a list of ${length} numbers, or base64 of as many float32`
  return (raw) => {
    if (Array.isArray(raw)) {
      if (raw.length !== length) return refuse('out_of_range', field, raw, expected)
      return fromList(field, raw)
    }
    if (typeof raw !== 'string') return absent(field, raw, expected)
    const bytes = fromBase64(raw)
    if (bytes === undefined) return refuse('wrong_type', field, raw, expected)
    if (bytes.length === length * FLOAT_BYTES) return fromBytes(field, bytes)
    const came = `base64 of ${bytes.length} bytes`
    const problem = `"${field.name}" is ${came}; expected ${length * FLOAT_BYTES}, for ${length} float32.`
    return refusal('out_of_range', problem, field.name)
  }
}

function fromList(field: FieldSpec, raw: readonly unknown[]): FieldValue | Refusal {
  const vector = new Float32Array(raw.length)
  for (let i = 0; i < raw.length; i++) {
    const item = rounded(raw[i])
    if (typeof item !== 'number' && typeof item !== 'bigint') return badItem('wrong_type', field, i, raw[i])
    vector[i] = Number(item)
    if (!Number.isFinite(vector[i])) return badItem('out_of_range', field, i, raw[i])
  }
  return vector
}

function fromBytes(field: FieldSpec, bytes: Uint8Array<ArrayBuffer>): FieldValue | Refusal {
  const view = new DataView(bytes.buffer)
  const vector = new Float32Array(bytes.length / FLOAT_BYTES)
  for (let i = 0; i < vector.length; i++) {
    const item = view.getFloat32(i * FLOAT_BYTES, true)
    if (!Number.isFinite(item)) return badItem('out_of_range', field, i, item)
    vector[i] = item
  }
  return vector
}

function badItem(reason: 'wrong_type' | 'out_of_range', field: FieldSpec, i: number, raw: unknown): Refusal {
  const expected = reason === 'wrong_type' ? 'a number' : 'a finite number that fits float32'
  return refusal(reason, `"${field.name}[${i}]" is ${shown(raw)}; expected ${expected}.`, field.name)
}
