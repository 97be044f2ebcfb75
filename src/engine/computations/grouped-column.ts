import { type ByteReader, CorruptBytes } from '../../util/byte-reader.ts'
import type { ByteWriter } from '../../util/byte-writer.ts'
import type { Column } from '../aggregate.ts'
import type { Rows } from '../rows.ts'
import type { Scalar, ScalarType, Value } from '../spec.ts'
import { compareValues, decodeValues, encodeValues } from '../values.ts'

/** Where each key of a cell has its state (a map takes -0 for 0); null when there were more keys than the cap. */
type Slots = Map<Scalar, number> | null

/** The slot that is always empty: what a key has that this column has not seen. */
const EMPTY_SLOT = 0

/**
 * One state of an inner accumulator for each key of each cell: all of them cells of one inner column, in no order that
 * matters. Past the cap a cell keeps nothing but that it is.
 */
export class GroupedColumn implements Column {
  readonly inner: Column
  private readonly createInner: () => Column
  private readonly keyField: number
  private readonly keyType: ScalarType
  private readonly max: number
  private cells: Slots[] = []
  /** Slots of keys that are gone, empty again. */
  private free: number[] = []

  constructor(createInner: () => Column, keyField: number, keyType: ScalarType, max: number) {
    this.createInner = createInner
    this.inner = createInner()
    this.keyField = keyField
    this.keyType = keyType
    this.max = max
    this.inner.insert(EMPTY_SLOT)
  }

  get length(): number {
    return this.cells.length
  }

  at(at: number): ReadonlyMap<Scalar, number> | null {
    return this.cells[at] as Slots
  }

  /** The cell of the inner column that has the state of a key. */
  slotOf(at: number, key: Scalar): number {
    return this.cells[at]?.get(key) ?? EMPTY_SLOT
  }

  insert(at: number): void {
    this.cells.splice(at, 0, new Map())
  }

  dropFirst(count: number): void {
    for (let at = 0; at < count; at++) this.release(at)
    this.cells.splice(0, count)
  }

  clear(at: number): void {
    this.release(at)
    this.cells[at] = new Map()
  }

  private release(at: number): void {
    for (const slot of this.cells[at]?.values() ?? []) {
      this.inner.clear(slot)
      this.free.push(slot)
    }
  }

  /** The slot of a key, made if there is none; undefined when the cell is past the cap, or is now. */
  private claim(at: number, key: Scalar): number | undefined {
    const slots = this.cells[at] as Slots
    const known = slots?.get(key)
    if (slots === null || known !== undefined) return known
    if (slots.size === this.max) {
      this.overflow(at)
      return undefined
    }
    const slot = this.free.pop() ?? this.inner.length
    if (slot === this.inner.length) this.inner.insert(slot)
    slots.set(key, slot)
    return slot
  }

  private overflow(at: number): void {
    this.release(at)
    this.cells[at] = null
  }

  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void {
    const keys = rows.fields[this.keyField] as Value[]
    for (let i = from; i < to && this.cells[at] !== null; i++) {
      if (mask !== null && mask[i] === 0) continue
      const key = keys[i] as Scalar | null
      const slot = key === null ? undefined : this.claim(at, key)
      if (slot !== undefined) this.inner.update(slot, rows, i, i + 1, null)
    }
  }

  merge(at: number, other: GroupedColumn, from: number, to: number): void {
    for (let i = from; i < to && this.cells[at] !== null; i++) {
      const slots = other.cells[i] as Slots
      if (slots === null) this.overflow(at)
      else this.mergeSlots(at, other.inner, slots)
    }
  }

  private mergeSlots(at: number, inner: Column, slots: ReadonlyMap<Scalar, number>): void {
    for (const [key, theirs] of slots) {
      const slot = this.claim(at, key)
      if (slot === undefined) return
      this.inner.merge(slot, inner, theirs, theirs + 1)
    }
  }

  renumber(parts: readonly number[]): void {
    this.inner.renumber?.(parts)
  }

  /** For each cell 0 past the cap, else the number of its keys and one more; all keys; their states in the same order. */
  encode(out: ByteWriter): void {
    const keys: Scalar[] = []
    const arranged = this.createInner()
    for (const slots of this.cells) {
      out.varint(slots === null ? 0 : slots.size + 1)
      for (const [key, slot] of [...(slots ?? [])].sort(([a], [b]) => compareValues(a, b))) {
        const place = keys.push(key) - 1
        arranged.insert(place)
        arranged.merge(place, this.inner, slot, slot + 1)
      }
    }
    encodeValues(out, keys, this.keyType)
    arranged.encode(out)
  }

  decode(bytes: ByteReader, length: number): void {
    const sizes: number[] = []
    for (let i = 0; i < length; i++) sizes.push(bytes.varint() - 1)
    const total = sizes.reduce((sum, size) => sum + Math.max(0, size), 0)
    const keys = decodeValues(bytes, total, this.keyType) as Scalar[]
    this.inner.decode(bytes, total)
    this.inner.insert(EMPTY_SLOT)
    this.free = []
    let next = 0
    this.cells = sizes.map((size) => {
      if (size < 0) return null
      if (size > this.max) throw new CorruptBytes(`${size} keys where ${this.max} are the most`)
      const slots = new Map<Scalar, number>()
      for (const key of keys.slice(next, next + size)) {
        next++
        // The empty slot comes first, so that states begin at 1.
        slots.set(key, next)
      }
      return slots
    })
  }
}
