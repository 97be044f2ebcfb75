import type { Data } from 'apache-arrow'
import type { Scalar, Value } from '../../../engine/index.ts'
import type { Wire } from './wire.ts'

/** Reads one cell of a column of a batch. */
export type Cell = (at: number) => Value

const decoder = new TextDecoder()

/** Cells as the engine takes them. Nothing of a cell points into the batch. */
export function cellOf(data: Data, wire: Wire): Cell {
  const read = readerOf(data, wire)
  const isThere = validOf(data)
  return isThere === null ? read : (at) => (isThere(at) ? read(at) : null)
}

/** Whether a cell is no null; null when none is. */
export function validOf({ nullBitmap, nullCount, offset }: Data): ((at: number) => boolean) | null {
  if (nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0) return null
  return (at) => (((nullBitmap[(at + offset) >> 3] as number) >> ((at + offset) & 7)) & 1) === 1
}

function readerOf(data: Data, wire: Wire): Cell {
  const { values, valueOffsets, offset } = data
  switch (wire.kind) {
    case 'double':
    case 'long':
      return (at) => (values as Float64Array | BigInt64Array)[at] as number | bigint
    case 'float':
      return (at) => (values as Float32Array)[at] as number
    case 'bool':
      return (at) => ((((values as Uint8Array)[(at + offset) >> 3] as number) >> ((at + offset) & 7)) & 1) === 1
    case 'text':
      return (at) => decoder.decode(textOf(data, at))
    case 'decimal':
      return (at) => decimalOf(values as Uint32Array, at * 4)
    case 'list':
      return listReader(data.children[0] as Data, wire.of, valueOffsets as Int32Array)
  }
}

/** The bytes of a text, where they lie. */
export function textOf({ values, valueOffsets }: Data, at: number): Uint8Array {
  return (values as Uint8Array).subarray(valueOffsets[at] as number, valueOffsets[at + 1] as number)
}

function listReader(child: Data, of: Wire, offsets: Int32Array): Cell {
  if (of.kind === 'float') {
    const floats = child.values as Float32Array
    return (at) => floats.slice(offsets[at] as number, offsets[at + 1] as number)
  }
  const cell = cellOf(child, of)
  return (at) => {
    const from = offsets[at] as number
    return Array.from({ length: (offsets[at + 1] as number) - from }, (_, i) => cell(from + i) as Scalar)
  }
}

/** 128 bits, two's complement, the lowest 32 first. */
function decimalOf(words: Uint32Array, at: number): bigint {
  const low = BigInt(words[at] as number) | (BigInt(words[at + 1] as number) << 32n)
  const high = BigInt(words[at + 2] as number) | (BigInt(words[at + 3] as number) << 32n)
  return BigInt.asIntN(128, low | (high << 64n))
}
