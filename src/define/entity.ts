import type { $ZodType } from 'zod/v4/core'
import type { EntitySpec, KeyType } from '../engine/index.ts'
import { checkName, checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import type { Bare, Flat, ValueOf } from './field-types.ts'
import { readField } from './schema-fields.ts'

/** The schemas of an entity's keys, by name. */
export type KeyShape = Readonly<Record<string, $ZodType>>

/** A thing that features are about. Made by {@link entity}. */
export interface Entity<Keys extends KeyShape = KeyShape> {
  /** The declaration as data. */
  readonly spec: EntitySpec
  /** For the compiler only. */
  readonly '~keys'?: Keys
}

/** A row of keys: `{ user_id: string }`. */
export type KeyRow<Keys extends KeyShape> = Flat<{ readonly [K in keyof Keys]: ValueOf<Bare<Keys[K]>> }>

export interface EntityOptions {
  /**
   * Splits each entity over so many shards, 2 to 36, by the ids of its events: for entities that are too hot for one shard. A read
   * asks all of them. It stays what it is: another number is another entity.
   */
  readonly spread?: number
}

/** A slice is a digit of base 36 in a message. */
const MOST_SPREAD = 36

/**
 * Declares an entity: a thing that features are about, and the key it is found by. Several keys make a composite key, in
 * the order they are written; that order is part of the identity. A key is `z.string()`, `int64()`, `z.boolean()` or
 * `z.uuid()`; never a float, never null.
 *
 * @param name lower-case letters, digits and `_`, at most 63
 * @throws DefinitionError when the name or a key is not fit
 * @example
 * const user = entity('user', { user_id: z.string() })
 * const route = entity('route', { origin: z.string(), destination: z.string() })
 * const campaign = entity('campaign', { campaign_id: z.string() }, { spread: 4 })
 */
export function entity<const Keys extends KeyShape>(
  name: string,
  keys: Keys,
  options: EntityOptions = {},
): Entity<Keys> {
  const where = `entity ${name}`
  checkName('entity', name)
  if (typeof keys !== 'object' || keys === null || Object.keys(keys).length === 0) {
    throw new DefinitionError(
      'empty',
      where,
      `an entity needs a key: write entity('${name}', { ${name}_id: z.string() }).`,
    )
  }
  checkOptions(where, options, ['spread'])
  const { spread } = options
  if (spread !== undefined && !(Number.isSafeInteger(spread) && spread >= 2 && spread <= MOST_SPREAD)) {
    const mend = 'leave it out for an entity that lives in one shard'
    throw new DefinitionError(
      'bad_option',
      where,
      `spread is ${String(spread)}; it is a whole number from 2 to ${MOST_SPREAD}: ${mend}.`,
    )
  }
  return {
    spec: {
      name,
      ...(spread !== undefined && { spread }),
      keys: Object.entries(keys).map(([key, schema]) => ({ name: key, type: keyType(where, key, schema) })),
    },
  }
}

function keyType(entityWhere: string, key: string, schema: $ZodType): KeyType {
  const where = `${entityWhere}, key ${key}`
  checkName('key', key, where)
  const { name: _, type, nullable, optional, format, ...limits } = readField(where, key, schema)
  if (nullable || optional) {
    throw new DefinitionError(
      'bad_key',
      where,
      'a key is never null or absent: remove .optional(), .nullable() or .nullish().',
    )
  }
  if (Object.keys(limits).length > 0) {
    const how = 'limits and choices belong to the field of the source that feeds the key; write the plain type'
    throw new DefinitionError('bad_key', where, `a key takes no limits: ${how}.`)
  }
  if (type === 'string') return format === 'uuid' ? 'uuid' : 'string'
  if (type === 'int64' || type === 'bool') return type
  const mend = type === 'int' ? 'write int64()' : 'use z.string(), int64(), z.boolean() or z.uuid()'
  throw new DefinitionError('bad_key', where, `a key cannot be of type ${type}: ${mend}.`)
}
