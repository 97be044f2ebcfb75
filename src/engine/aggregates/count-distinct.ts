import { type ByteReader, CorruptBytes } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import { hash64 } from '../../util/hash64.ts'
import { estimateDistinct, hash53, takeHash } from '../../util/smallest-hashes.ts'
import type { Aggregate, Column, Finalised } from '../aggregate.ts'
import { presentOf } from '../naive.ts'
import type { Rows } from '../rows.ts'
import { VALUE_BYTES } from '../sizes.ts'
import type { Scalar, ScalarType, Value } from '../spec.ts'
import { isScalarType } from '../types.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'
import { Cells } from './cells.ts'
import { FROM_KEPT_ROWS, fieldOf, filteredBy, notScalar, numberOption, typeOfField } from './input.ts'

/** The values while there are at most so many (a set takes -0 for 0), else the smallest of their hashes in order. */
type Distinct = Set<Scalar> | number[]

const words = new Uint32Array(4)

function hashOf(value: Scalar): number {
  hash64(value, words)
  return hash53(words)
}

/**
 * Keeps distinct values up to a cap. Beyond it, as many of the smallest hashes as the cap says: whether there are more, and
 * which hashes are the smallest, depend on the set of values alone. Values are hashed only then.
 */
class DistinctColumn extends Cells<Distinct> implements Column {
  private readonly field: number
  private readonly type: ScalarType
  private readonly max: number

  constructor(field: number, type: ScalarType, max: number) {
    super()
    this.field = field
    this.type = type
    this.max = max
  }

  protected emptyCell(): Distinct {
    return new Set()
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const values = rows.fields[this.field] as Value[]
    for (let i = from; i < to; i++) {
      if (mask !== null && mask[i] === 0) continue
      const value = values[i] as Scalar | null
      if (value !== null) this.take(at, value)
    }
  }

  merge(at: number, other: DistinctColumn, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const cell = other.at(i)
      if (cell instanceof Set) for (const value of cell) this.take(at, value)
      else for (const hash of cell) takeHash(this.hashesOf(at), this.max, hash)
    }
  }

  private take(at: number, value: Scalar): void {
    const cell = this.at(at)
    if (cell instanceof Set) {
      cell.add(value)
      if (cell.size > this.max) this.hashesOf(at)
    } else takeHash(cell, this.max, hashOf(value))
  }

  /** The hashes of a cell, which from now on keeps nothing else. */
  private hashesOf(at: number): number[] {
    const cell = this.at(at)
    if (!(cell instanceof Set)) return cell
    const hashes: number[] = []
    for (const value of cell) takeHash(hashes, this.max, hashOf(value))
    this.cells[at] = hashes
    return hashes
  }

  /** How many, exactly or about. */
  total(at: number): Finalised {
    const cell = this.at(at)
    if (cell instanceof Set) return { value: cell.size, isEmpty: cell.size === 0 }
    // There are more than the cap: this much is known, whatever the hashes say.
    const value = Math.max(this.max + 1, Math.round(estimateDistinct(cell, this.max)))
    return { value, isEmpty: false, isApproximate: true }
  }

  /** For each cell the number of its values and one more, or 0 and its hashes; then all values. */
  encode(out: ByteWriter): void {
    const values: Scalar[] = []
    for (const cell of this.cells) {
      if (cell instanceof Set) {
        out.varint(cell.size + 1)
        for (const value of [...cell].sort(compareValues)) values.push(value)
        continue
      }
      out.varint(0)
      out.varint(cell.length)
      let previous = 0
      for (const hash of cell) {
        out.varint(hash - previous)
        previous = hash
      }
    }
    encodeValues(out, values, this.type)
  }

  decode(bytes: ByteReader, length: number): void {
    const sizes: number[] = []
    const hashes: number[][] = []
    for (let i = 0; i < length; i++) {
      const size = bytes.varint() - 1
      sizes.push(size)
      hashes.push(size < 0 ? decodeHashes(bytes, this.max) : [])
    }
    const total = sizes.reduce((sum, size) => sum + Math.max(0, size), 0)
    const values = decodeValues(bytes, total, this.type) as Scalar[]
    let next = 0
    this.cells = sizes.map((size, i) => {
      if (size < 0) return hashes[i] as number[]
      next += size
      return new Set(values.slice(next - size, next))
    })
  }
}

function decodeHashes(bytes: ByteReader, max: number): number[] {
  const count = bytes.varint()
  if (count > max) throw new CorruptBytes(`${count} hashes where ${max} are the most`)
  const hashes: number[] = []
  let hash = 0
  for (let i = 0; i < count; i++) {
    hash += bytes.varint()
    hashes.push(hash)
  }
  return hashes
}

/** How many distinct values a field has: exactly up to `max` of them, beyond that about. 0 and -0 are one value. */
export const countDistinct: Aggregate = {
  name: 'countDistinct',
  takes: 'field',
  options: { max: { kind: 'integer', least: 3, most: 10_000, default: 1000 } },
  prepare(input) {
    const type = typeOfField(input)
    if (!isScalarType(type)) return notScalar(type, 'countDistinct')
    const field = fieldOf(input)
    const max = numberOption(input, 'max')
    return {
      resultType: 'int',
      empty: 0,
      accumulators: [
        {
          kind: `distinct(${max})`,
          cellBytes: max * VALUE_BYTES,
          field,
          ...filteredBy(input.where),
          create: (placeOf) => new DistinctColumn(placeOf(field), type, max),
        },
      ],
      finalise: ([column], [at = 0]) => (column as DistinctColumn).total(at),
    }
  },
  naive: (rows, { field }) => new Set(presentOf(rows, field)).size || undefined,
  doc: {
    summary: 'how many distinct values a field has',
    empty: '0',
    result: 'int',
    retracts: FROM_KEPT_ROWS,
    exactness:
      'exact up to max values (default 1000; 0 and -0 are one); beyond, an estimate from the max smallest hashes with a standard error of 1 / sqrt(max - 2) (Beyer et al. 2007)',
    example: "countDistinct(e.country, { max: 200 }).over('7d')",
  },
}
