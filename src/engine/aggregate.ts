import type { ByteReader } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'
import type { NaiveRow } from './naive.ts'
import type { Rows } from './rows.ts'
import type { AggregateOptions, FieldType, Predicate, ResultType, Value } from './spec.ts'

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
  /** Takes in the rows `[from, to)`, which are in order, into cell `at`; with a mask, only each row `i` whose `mask[i]` is 1. */
  update(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void
  /** Takes rows out again, also such as have not come in yet: the inverse of `update`. Absent where there is none. */
  retract?(at: number, rows: Rows, from: number, to: number, mask: Uint8Array | null): void
  /** Merges the cells `[from, to)` of a column of the same accumulator, oldest first, into cell `at`. `other` is not changed, and nothing of it is shared. */
  merge(at: number, other: Column, from: number, to: number): void
  /** Writes all cells in their one canonical form. */
  encode(out: ByteWriter): void
  /** Replaces this column's cells by `length` cells read from `bytes`. Throws `CorruptBytes`. */
  decode(bytes: ByteReader, length: number): void
  /** Renames parts after a merge of part tables: `parts[old]` is the new index. Only ordered accumulators care. */
  renumber?(parts: readonly number[]): void
}

/** What an aggregate keeps a tile: a kind of column, over fields, for the rows of one filter. Equal ones are shared. */
export interface AccumulatorSpec {
  /** Names the kind and its parameters; with fields and filter it is the accumulator's identity. */
  readonly kind: string
  readonly field?: string
  /** Further fields that it reads. */
  readonly more?: readonly string[]
  readonly where?: Predicate
  /** The most bytes that a cell takes, about: named where it is more than a few numbers. */
  readonly cellBytes?: number
  /** Makes an empty column without cells. `placeOf` gives a field's place in `rows.fields`. */
  create(placeOf: (field: string) => number): Column
}

/** What a feature's definition tells its aggregate. */
export interface AggregateInput {
  readonly field?: string
  readonly orderBy?: string
  readonly where?: Predicate
  readonly matches?: Predicate
  readonly options: AggregateOptions
  /** The type of a field of the source. */
  typeOf(field: string): FieldType
}

/** What a read knows beside the rows. */
export interface ReadContext {
  /** The request time, ms. */
  readonly t: number
}

export type Failure = { readonly error: 'overflow' | 'cap' | 'limit' }
/**
 * A finalised value; the caller gives the default when it is empty. `isApproximate`: an estimate within the aggregate's stated bound.
 * `timeMs`: of the value of one row, when that happened.
 */
export type Finalised =
  | { readonly value: Value; readonly isEmpty: boolean; readonly isApproximate?: boolean; readonly timeMs?: number }
  | Failure

/** An aggregate prepared for one feature: what it keeps, and how that becomes a value. */
export interface Computation {
  readonly resultType: ResultType
  /** The value of an empty window. */
  readonly empty: Value
  readonly accumulators: readonly AccumulatorSpec[]
  /** Reads the value out of cell `at[i]` of each of its accumulators' columns, in the order of `accumulators`. */
  finalise(columns: readonly Column[], at: readonly number[], context: ReadContext): Finalised
  /**
   * The value in a decayed window, from the weighted totals of its accumulators, which are counts and sums. Absent where
   * a weight means nothing.
   */
  readonly decay?: (totals: readonly number[]) => number
}

/** What an option of an aggregate may be. */
export type OptionRule =
  | { readonly kind: 'integer'; readonly least: number; readonly most: number; readonly default?: number }
  | { readonly kind: 'fraction'; readonly above: number; readonly below: number; readonly default?: number }
  | { readonly kind: 'ratio'; readonly least: 0; readonly most: 1 }
  | { readonly kind: 'choice'; readonly of: readonly string[]; readonly default?: string }
  | { readonly kind: 'flag' }

/** An aggregate: what it takes, what it keeps, how that becomes a value, and what it means. One file each, in `aggregates/`. */
export interface Aggregate {
  readonly name: string
  readonly takes: 'nothing' | 'optional field' | 'field' | 'predicate' | 'field and order'
  /** Its own options by name; without a default an integer, fraction or ratio must be given. */
  readonly options?: Readonly<Record<string, OptionRule>>
  /** Why it cannot take this (`a bool has no min: use rate`), or what it computes. */
  prepare(input: AggregateInput): Computation | { readonly error: string }
  /**
   * The definition by the plainest possible code, for the oracle that the engine is compared with: the value over exactly
   * these rows, in order and filtered by `where`; undefined when there is nothing. Exact where the engine is exact.
   */
  naive(rows: readonly NaiveRow[], input: AggregateInput, context: ReadContext): Value | undefined | Failure
  readonly doc: {
    /** One sentence, lower case, without a full stop. */
    readonly summary: string
    /** What the value of an empty window is, in words: `0`, `null`, `[]`. */
    readonly empty: string
    /** The result type in words: `float64`, `the field's type`. */
    readonly result: string
    /** How a row is taken back. */
    readonly retracts: string
    /** `exact`, or the bound and its source. */
    readonly exactness: string
    /** As a user writes it, over a source with type, amount, units, country, ok and at. */
    readonly example: string
  }
}
