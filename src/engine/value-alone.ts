import type { ByteReader } from '../util/byte-reader.ts'
import { CorruptBytes } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import { fitsDecimals } from './number-columns.ts'
import type { Scalar, Value } from './spec.ts'
import { decodeDigits, decodeVector, encodeVector } from './value-columns.ts'

/**
 * Writes one value alone, as a raw row of the tail holds it: a tag that says what follows, then the value. int64 and
 * decimals share a tag, for both are bigints. A field is never a map.
 */
export function encodeValue(out: ByteWriter, value: Value): void {
  if (value === null) out.u8(0)
  else if (typeof value === 'boolean') out.u8(value ? 2 : 1)
  else if (typeof value === 'string') {
    out.u8(4)
    out.text(value)
  } else if (typeof value === 'bigint') {
    out.u8(7)
    out.text(String(value))
  } else if (typeof value === 'object') encodeCompound(out, value)
  else if (fitsDecimals(value, 0)) {
    out.u8(5)
    out.zigzag(value)
  } else {
    out.u8(6)
    out.f64(value)
  }
}

const LIST_TAG = 8
const VECTOR_TAG = 9

function encodeCompound(out: ByteWriter, value: Exclude<Value, Scalar | null>): void {
  if (value instanceof Float32Array) {
    out.u8(VECTOR_TAG)
    out.varint(value.length)
    encodeVector(out, value)
  } else if (Array.isArray(value)) {
    out.u8(LIST_TAG)
    out.varint(value.length)
    for (const element of value as readonly Scalar[]) encodeValue(out, element)
  } else throw new TypeError('a map is no value of a field')
}

/** Reads what {@link encodeValue} wrote. Throws CorruptBytes for anything else. */
export function decodeValue(bytes: ByteReader): Value {
  const tag = bytes.u8()
  if (tag === VECTOR_TAG) return decodeVector(bytes, bytes.varint())
  if (tag !== LIST_TAG) return decodeScalar(bytes, tag)
  const length = bytes.varint()
  const list: Scalar[] = []
  for (let i = 0; i < length; i++) {
    const element = decodeScalar(bytes, bytes.u8())
    if (element === null) throw new CorruptBytes('null within a list')
    list.push(element)
  }
  return list
}

function decodeScalar(bytes: ByteReader, tag: number): Scalar | null {
  switch (tag) {
    case 0:
      return null
    case 1:
      return false
    case 2:
      return true
    case 4:
      return bytes.text()
    case 5:
      return bytes.zigzag()
    case 6:
      return bytes.f64()
    case 7:
      return decodeDigits(bytes)
    default:
      throw new CorruptBytes(`tag ${tag} of a value`)
  }
}
