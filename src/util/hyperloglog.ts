import type { ByteReader } from './byte-reader.ts'
import { CorruptBytes } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** 2^12 registers: a standard error of 1.04 / 64, 1.6%. */
const INDEX_BITS = 12
export const REGISTERS = 2 ** INDEX_BITS
/** Bits of a hash that are not its register's index. */
const RANK_BITS = 64 - INDEX_BITS
/** A register holds 0 to 53, six bits. */
const MAX_RANK = RANK_BITS + 1
const REGISTER_BITS = 6
/** With fewer registers set than this they are kept as a list: about two bytes each, where all take three thousand. */
const SPARSE_LIMIT = 1024

/**
 * HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007): each register keeps the greatest rank of the hashes that fall to it.
 * The registers depend on the set of hashes alone, and so does their form: a sorted list of index and rank while few are
 * set, an array after.
 */
export class HyperLogLog {
  /** `index * 64 + rank`, in order; null when dense. */
  private sparse: number[] | null = []
  private dense: Uint8Array | null = null

  /** Takes in a value by the 64 bits of its hash. */
  add(hash: Uint32Array): void {
    const first = hash[0] as number
    const second = hash[1] as number
    const leading = second !== 0 ? Math.clz32(second) : 32 + Math.clz32((first << INDEX_BITS) | (1 << (INDEX_BITS - 1)))
    this.raise(first >>> (32 - INDEX_BITS), Math.min(leading + 1, MAX_RANK))
  }

  private raise(index: number, rank: number): void {
    if (this.dense !== null) {
      if ((this.dense[index] as number) < rank) this.dense[index] = rank
      return
    }
    const list = this.sparse as number[]
    const coded = index * 2 ** REGISTER_BITS + rank
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((list[middle] as number) >> REGISTER_BITS < index) low = middle + 1
      else high = middle
    }
    const present = list[low]
    if (present !== undefined && present >> REGISTER_BITS === index) {
      if (present < coded) list[low] = coded
    } else {
      list.splice(low, 0, coded)
      if (list.length >= SPARSE_LIMIT) this.spread(list)
    }
  }

  private spread(list: readonly number[]): void {
    this.dense = new Uint8Array(REGISTERS)
    for (const coded of list) this.dense[coded >> REGISTER_BITS] = coded & (2 ** REGISTER_BITS - 1)
    this.sparse = null
  }

  merge(other: HyperLogLog): void {
    if (other.sparse !== null) {
      for (const coded of other.sparse) this.raise(coded >> REGISTER_BITS, coded & (2 ** REGISTER_BITS - 1))
    } else other.dense?.forEach((rank, index) => rank > 0 && this.raise(index, rank))
  }

  get isEmpty(): boolean {
    return this.sparse?.length === 0
  }

  /**
   * The number of distinct values, by the improved raw estimator of O. Ertl, "New cardinality estimation algorithms for
   * HyperLogLog sketches" (2017, arXiv 1702.01284, algorithm 6): unbiased from none to very many, no tables, and a function of
   * the registers alone. `Math.sqrt` is IEEE 754's on every host.
   */
  estimate(): number {
    const counts = new Array<number>(MAX_RANK + 1).fill(0)
    const ranks = this.dense ?? (this.sparse ?? []).map((coded) => coded & (2 ** REGISTER_BITS - 1))
    for (const rank of ranks) counts[rank] = (counts[rank] as number) + 1
    if (this.dense === null) counts[0] = REGISTERS - ranks.length
    let z = REGISTERS * tau(1 - (counts[MAX_RANK] as number) / REGISTERS)
    for (let k = RANK_BITS; k >= 1; k--) z = 0.5 * (z + (counts[k] as number))
    z += REGISTERS * sigma((counts[0] as number) / REGISTERS)
    return (ALPHA * REGISTERS * REGISTERS) / z
  }

  write(out: ByteWriter): void {
    if (this.sparse !== null) {
      out.varint(this.sparse.length)
      let previous = 0
      for (const coded of this.sparse) {
        out.varint(coded - previous)
        previous = coded
      }
      return
    }
    out.varint(SPARSE_LIMIT)
    const dense = this.dense as Uint8Array
    for (let i = 0; i < REGISTERS; i += 4) {
      const [a = 0, b = 0, c = 0, d = 0] = dense.subarray(i, i + 4)
      out.u8((a << 2) | (b >> 4))
      out.u8(((b & 15) << 4) | (c >> 2))
      out.u8(((c & 3) << 6) | d)
    }
  }

  static read(bytes: ByteReader): HyperLogLog {
    const sketch = new HyperLogLog()
    const count = bytes.varint()
    if (count > SPARSE_LIMIT) throw new CorruptBytes(`a sketch with ${count} registers in a list`)
    if (count < SPARSE_LIMIT) {
      let coded = 0
      for (let i = 0; i < count; i++) {
        coded += bytes.varint()
        if (coded >> REGISTER_BITS >= REGISTERS) throw new CorruptBytes('a register past the last')
        sketch.sparse?.push(coded)
      }
      return sketch
    }
    const dense = new Uint8Array(REGISTERS)
    for (let i = 0; i < REGISTERS; i += 4) {
      const [x = 0, y = 0, z = 0] = bytes.raw(3)
      dense.set([x >> 2, ((x & 3) << 4) | (y >> 4), ((y & 15) << 2) | (z >> 6), z & 63], i)
    }
    sketch.sparse = null
    sketch.dense = dense
    return sketch
  }
}

/** 1 / (2 ln 2) */
const ALPHA = 0.7213475204444817

/** Corrects for registers that are still zero: `x + sum of x^(2^k) 2^(k-1)`. */
function sigma(zeros: number): number {
  if (zeros === 1) return Number.POSITIVE_INFINITY
  let x = zeros
  let y = 1
  let z = zeros
  for (;;) {
    x *= x
    const before = z
    z += x * y
    y += y
    if (z === before) return z
  }
}

/** Corrects for registers that can rise no more. */
function tau(others: number): number {
  if (others === 0 || others === 1) return 0
  let x = others
  let y = 1
  let z = 1 - others
  for (;;) {
    x = Math.sqrt(x)
    const before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
    if (z === before) return z / 3
  }
}
