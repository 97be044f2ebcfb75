import * as z from 'zod/mini'

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
