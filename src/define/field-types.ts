import type { $ZodShape, $ZodType, output } from 'zod/v4/core'
import type { EpochMsNumberSchema } from './scalars.ts'

// Types only: what the compiler knows of a field, read from its zod schema.

/** What kind of value a field holds, as far as the compiler can tell: `number` covers int and float64. */
export type Kind = 'string' | 'choice' | 'uuid' | 'bool' | 'number' | 'int64' | 'timestamp'

type Wrapped = {
  readonly _zod: { readonly def: { readonly type: 'optional' | 'nullable'; readonly innerType: unknown } }
}
type Typed<T extends string> = { readonly _zod: { readonly def: { readonly type: T } } }
type Formatted<F extends string> = { readonly _zod: { readonly def: { readonly type: 'string'; readonly format: F } } }

/** The schema without `.optional()`, `.nullable()` and `.nullish()`. */
export type Bare<S> = S extends Wrapped ? Bare<S['_zod']['def']['innerType']> : S

export type KindOf<S> = KindOfBare<Bare<S>>
type KindOfBare<S> = S extends EpochMsNumberSchema | Formatted<'datetime'>
  ? 'timestamp'
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

/** The value of a field after the contract: timestamps are epoch milliseconds. Never null here. */
export type ValueOf<S> = KindOf<S> extends 'timestamp' ? number : Bare<S> extends $ZodType ? output<Bare<S>> : never

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
}

/** Shows an intersection as one object. */
export type Flat<T> = { [K in keyof T]: T[K] } & {}

/** `A | B` as `A & B`. */
export type Both<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never
