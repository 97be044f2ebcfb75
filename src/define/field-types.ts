import type { $ZodShape, $ZodType, output } from 'zod/v4/core'
import type { DecimalTextSchema, EpochMsNumberSchema, VectorArraySchema } from './scalars.ts'

// Types only: what the compiler knows of a field, read from its zod schema.

/** What kind of value a field holds, as far as the compiler can tell: `number` covers int and float64. */
export type Kind = ScalarKind | 'list' | 'vector'
/** Kinds that filters compare and lists hold. */
export type ScalarKind = 'string' | 'choice' | 'uuid' | 'bool' | 'number' | 'int64' | 'timestamp' | 'decimal'

type Wrapped = {
  readonly _zod: { readonly def: { readonly type: 'optional' | 'nullable'; readonly innerType: unknown } }
}
type Typed<T extends string> = { readonly _zod: { readonly def: { readonly type: T } } }
type Listed = { readonly _zod: { readonly def: { readonly type: 'array'; readonly element: unknown } } }
type Formatted<F extends string> = { readonly _zod: { readonly def: { readonly type: 'string'; readonly format: F } } }

/** The schema without `.optional()`, `.nullable()` and `.nullish()`. */
export type Bare<S> = S extends Wrapped ? Bare<S['_zod']['def']['innerType']> : S

export type KindOf<S> = KindOfBare<Bare<S>>
type KindOfBare<S> = S extends EpochMsNumberSchema | Formatted<'datetime'>
  ? 'timestamp'
  : S extends DecimalTextSchema
    ? 'decimal'
    : S extends VectorArraySchema
      ? 'vector'
      : S extends Listed
        ? 'list'
        : S extends Formatted<'uuid'>
          ? 'uuid'
          : S extends Typed<'string'>
            ? 'string'
            : S extends Typed<'enum' | 'literal'>
              ? 'choice'
              : S extends Typed<'number'>
                ? 'number'
                : S extends Typed<'bigint'>
                  ? 'int64'
                  : S extends Typed<'boolean'>
                    ? 'bool'
                    : never

/**
 * The value of a field after the contract: timestamps are epoch milliseconds, decimals their text, vectors a Float32Array.
 * Never null here.
 */
export type ValueOf<S> = ValueOfBare<Bare<S>>
type ValueOfBare<S> =
  KindOfBare<S> extends infer K
    ? K extends 'timestamp'
      ? number
      : K extends 'vector'
        ? Float32Array
        : K extends 'list'
          ? S extends Listed
            ? readonly ValueOf<S['_zod']['def']['element']>[]
            : never
          : S extends $ZodType
            ? output<S>
            : never
    : never

/** The names of the fields of these kinds that can be neither null nor absent. */
export type RequiredKeys<Shape extends $ZodShape, K extends Kind> = {
  [F in keyof Shape & string]: Shape[F] extends Wrapped ? never : KindOf<Shape[F]> extends K ? F : never
}[keyof Shape & string]

/** Which kinds of fields may feed a key of this kind. */
export type KeySourceKinds = {
  string: 'string' | 'choice'
  choice: never
  uuid: 'uuid'
  bool: 'bool'
  number: never
  int64: 'int64' | 'number'
  timestamp: never
  decimal: never
  list: never
  vector: never
}

/** Shows an intersection as one object. */
export type Flat<T> = { [K in keyof T]: T[K] } & {}

/** `A | B` as `A & B`. */
export type Both<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never
