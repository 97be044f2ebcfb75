import type { ByteReader } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import type { Rows } from './rows.ts'
import type { FeatureSpec, FieldType, Predicate, Value } from './spec.ts'

/**
 * One accumulator's partial states, one cell a tile, as a struct of arrays. A column of one cell serves as the running
 * total of a read. Every operation is commutative and associative over the rows it has seen, and the cells are a
 * function of that multiset of rows (with their order keys) alone: this is what makes state mergeable.
 */
export interface Column {
  /** Number of cells. */
  readonly length: number
  /** Inserts an empty cell before `at`. */
  insert(at: number): void
  /** Removes the cells `[0, count)`. */
  dropFirst(count: number): void
  /** Makes cell `at` empty again. */
  clear(at: number): void
  /** Takes in the rows `[from, to)` into cell `at`; with a mask, only each row `i` whose `mask[i]` is 1. */
  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void
  /** Merges the cells `[from, to)` of a column of the same accumulator, oldest first, into cell `at`. */
  merge(at: number, other: Column, from: number, to: number): void
  encode(out: ByteWriter): void
  /** Replaces this column's cells by `length` cells read from `bytes`. */
  decode(bytes: ByteReader, length: number): void
  /** Renames parts after a merge of part tables: `parts[old]` is the new index. Only ordered accumulators care. */
  renumber?(parts: readonly number[]): void
}

/** What an aggregate keeps a tile: a kind of column, over one field, for the rows of one filter. Equal ones are shared. */
export interface AccumulatorSpec {
  /** Names the kind and its parameters; with field and filter it is the accumulator's identity. */
  readonly kind: string
  readonly field?: string
  readonly where?: Predicate
  create(fieldIndex: number): Column
}

/** A finalised value: `rows` is 0 when nothing was in the window, so that the caller gives the default. */
export type Finalised = { readonly value: Value; readonly isEmpty: boolean } | { readonly error: 'overflow' }

/** An aggregate: its name, what it takes, what it keeps, and how that becomes a value. One file each, in `aggregates/`. */
export interface Aggregate {
  readonly name: string
  readonly takes: 'nothing' | 'optional field' | 'field' | 'predicate'
  /** The type of its value over a field of this type, or why it cannot take it. */
  resultType(field: FieldType | undefined): FieldType | { readonly error: string }
  /** The value of an empty window. */
  readonly empty: 0 | null
  accumulators(feature: FeatureSpec, type: FieldType | undefined): readonly AccumulatorSpec[]
  /** Reads the value out of cell 0 of its accumulators' columns, in the order of `accumulators`. */
  finalise(columns: readonly Column[], type: FieldType | undefined): Finalised
  readonly doc: {
    readonly summary: string
    readonly retracts: string
    readonly exactness: string
    readonly example: string
  }
}
