import * as z from 'zod/mini'
import { MAX_DECIMAL_SCALE, MAX_VECTOR_LENGTH } from '../util/limits.ts'
import { DefinitionError } from './definition-error.ts'

// Built from zod/mini, 28 KiB of a bundle instead of zod's 178: they work inside schemas of both. Mini has no methods, so
// the three that a field may have are added here. The mark sits in `def`, where it survives zod's clones.

/** The optional, nullable and nullish forms of a schema of ours, as zod's own schemas have them. */
export interface ModifierMethods<S extends z.core.$ZodType> {
  /** The JSON key may be absent. */
  optional(): z.ZodMiniOptional<S>
  /** The JSON value may be null. */
  nullable(): z.ZodMiniNullable<S>
  /** Either. */
  nullish(): z.ZodMiniOptional<z.ZodMiniNullable<S>>
}

/** The schema of {@link int64}. */
export interface Int64Schema extends z.ZodMiniBigIntFormat, ModifierMethods<z.ZodMiniBigIntFormat> {}

declare const epochMsMark: unique symbol
/** A number of epoch milliseconds, told apart from other numbers by the compiler. */
export interface EpochMsNumberSchema extends z.ZodMiniNumberFormat {
  readonly [epochMsMark]: true
}
/** The schema of {@link epochMs}. */
export interface EpochMsSchema extends EpochMsNumberSchema, ModifierMethods<EpochMsNumberSchema> {}

declare const decimalMark: unique symbol
/** A text that is a decimal number, told apart from other texts by the compiler. */
export interface DecimalTextSchema extends z.ZodMiniString {
  readonly [decimalMark]: true
}
/** The schema of {@link decimal}. */
export interface DecimalSchema extends DecimalTextSchema, ModifierMethods<DecimalTextSchema> {}

declare const vectorMark: unique symbol
/** A list of numbers that is a vector, told apart from other lists by the compiler. */
export interface VectorArraySchema extends z.ZodMiniArray<z.ZodMiniNumber> {
  readonly [vectorMark]: true
}
/** The schema of {@link vector}. */
export interface VectorSchema extends VectorArraySchema, ModifierMethods<VectorArraySchema> {}

/**
 * An integer of 64 bits, signed: a `bigint` in TypeScript, exact from the digits of the JSON number. JavaScript numbers
 * lose digits beyond 2^53, so ids of that size need it. Good for fields, for ids and for keys.
 *
 * @example entity('account', { account_id: int64() })
 */
export function int64(): Int64Schema {
  return withModifiers(z.int64())
}

/**
 * A time as an integer number of milliseconds since 1970-01-01 UTC. For times written as text use
 * `z.iso.datetime({ offset: true })`.
 *
 * @example streamSource('clicks', { event: z.object({ id: z.string(), at: epochMs() }), id: 'id', time: 'at', from: [webhook()] })
 */
export function epochMs(): EpochMsSchema {
  const schema = z.int()
  Object.assign(schema._zod.def, { [EPOCH_MS]: true })
  return withModifiers(schema) as unknown as EpochMsSchema
}

/**
 * An exact decimal number with `scale` digits after the point, 0 to 18, and at most 38 digits in all: money, weights. Sent
 * as a text such as `"12.30"`, or as a JSON number, whose digits are read as they are written; more digits than the scale
 * are refused unless they are zeros, never rounded. In TypeScript, and in every answer, it is a text with exactly `scale`
 * digits: `'12.30'`.
 *
 * @throws DefinitionError when the scale is no whole number from 0 to 18
 * @example streamSource('orders', { event: z.object({ price: decimal(2), ... }), ... })
 */
export function decimal(scale: number): DecimalSchema {
  if (!Number.isInteger(scale) || scale < 0 || scale > MAX_DECIMAL_SCALE) {
    const problem = `the digits after the point are a whole number from 0 to ${MAX_DECIMAL_SCALE}; got ${String(scale)}.`
    throw new DefinitionError('bad_option', 'decimal()', problem)
  }
  const schema = z.string()
  Object.assign(schema._zod.def, { [DECIMAL_SCALE]: scale })
  return withModifiers(schema) as unknown as DecimalSchema
}

/**
 * An embedding: `length` numbers of float32, 1 to 4,096 of them. Sent as a JSON list of numbers, each rounded to the
 * nearest float32, or as base64 of their little-endian bytes. A `Float32Array` in TypeScript; in JSON answers a list of
 * the shortest decimals that read back to the same float32.
 *
 * @throws DefinitionError when the length is no whole number from 1 to 4,096
 * @example streamSource('views', { event: z.object({ embedding: vector(384), ... }), ... })
 */
export function vector(length: number): VectorSchema {
  if (!Number.isInteger(length) || length < 1 || length > MAX_VECTOR_LENGTH) {
    const problem = `a vector has a whole number of 1 to ${MAX_VECTOR_LENGTH} numbers; got ${String(length)}.`
    throw new DefinitionError('bad_option', 'vector()', problem)
  }
  const schema = z.array(z.number())
  Object.assign(schema._zod.def, { [VECTOR_LENGTH]: length })
  return withModifiers(schema) as unknown as VectorSchema
}

/** The property of a schema's `def` that holds the scale of {@link decimal}. */
export const DECIMAL_SCALE = 'tidemark:decimalScale'
/** The property of a schema's `def` that holds the length of {@link vector}. */
export const VECTOR_LENGTH = 'tidemark:vectorLength'

/** The property of a schema's `def` that marks {@link epochMs}. */
export const EPOCH_MS = 'tidemark:epochMs'

function withModifiers<S extends z.core.$ZodType>(schema: S): S & ModifierMethods<S> {
  const methods: ModifierMethods<S> = {
    optional: () => z.optional(schema),
    nullable: () => z.nullable(schema),
    nullish: () => z.optional(z.nullable(schema)),
  }
  return Object.assign(schema, methods)
}
