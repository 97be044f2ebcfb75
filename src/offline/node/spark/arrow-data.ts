import { type Data, makeData } from 'apache-arrow'
import { arrowTypeOf, type Wire } from './wire.ts'

/** A column of a batch out of values as the engine gives them; null where there is none. */
export function dataOf(values: readonly unknown[], wire: Wire): Data {
  const { nullBitmap, nullCount } = nullsOf(values)
  const base = { type: arrowTypeOf(wire), length: values.length, nullCount, nullBitmap }
  const made = (more: object): Data => makeData({ ...base, ...more } as unknown as Parameters<typeof makeData>[0])
  switch (wire.kind) {
    case 'double':
      return made({ data: Float64Array.from(values as number[], (value) => value ?? 0) })
    case 'float':
      return made({ data: Float32Array.from(values as number[], (value) => value ?? 0) })
    case 'long':
      return made({ data: BigInt64Array.from(values as (bigint | null)[], (value) => BigInt(value ?? 0)) })
    case 'bool':
      return made({ data: bitsOf(values, (value) => value === true) })
    case 'decimal':
      return made({ data: decimalsOf(values as (bigint | null)[]) })
    case 'text':
      return made(textsOf(values as (string | null)[]))
    case 'list': {
      const lists = values as (ArrayLike<unknown> | null)[]
      const valueOffsets = offsetsOf(lists.map((list) => list?.length ?? 0))
      const flat = lists.flatMap((list) => (list === null ? [] : Array.from(list)))
      return made({ valueOffsets, child: dataOf(flat, wire.of) })
    }
  }
}

function nullsOf(values: readonly unknown[]): { nullBitmap: Uint8Array | null; nullCount: number } {
  let nullCount = 0
  for (const value of values) if (value === null) nullCount++
  return { nullCount, nullBitmap: nullCount === 0 ? null : bitsOf(values, (value) => value !== null) }
}

function bitsOf(values: readonly unknown[], isSet: (value: unknown) => boolean): Uint8Array {
  // Arrow pads buffers to 8 bytes, and takes one that is padded as it is.
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8)
  for (let i = 0; i < values.length; i++) if (isSet(values[i])) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7))
  return bits
}

function decimalsOf(values: readonly (bigint | null)[]): Uint32Array {
  const words = new Uint32Array(values.length * 4)
  values.forEach((value, i) => {
    if (value === null) return
    let rest = BigInt.asUintN(128, value)
    for (let word = 0; word < 4; word++) {
      words[i * 4 + word] = Number(rest & 0xffff_ffffn)
      rest >>= 32n
    }
  })
  return words
}

const encoder = new TextEncoder()

function textsOf(values: readonly (string | null)[]): { valueOffsets: Int32Array; data: Uint8Array } {
  const texts = values.map((value) => (value === null ? new Uint8Array(0) : encoder.encode(value)))
  const valueOffsets = offsetsOf(texts.map(({ length }) => length))
  const data = new Uint8Array(valueOffsets[texts.length] as number)
  texts.forEach((text, i) => {
    data.set(text, valueOffsets[i] as number)
  })
  return { valueOffsets, data }
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  lengths.forEach((length, i) => {
    offsets[i + 1] = (offsets[i] as number) + length
  })
  return offsets
}
