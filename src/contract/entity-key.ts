import type { EntitySpec, KeyType, Scalar, Value } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { MAX_KEY_UNITS } from '../util/limits.ts'
import { canonicalUuid } from './field-reader.ts'
import { type Refusal, refusal, shown } from './refusal.ts'

const SEPARATOR = ','
const ESCAPED = /[,\\]/
const EVERY_ESCAPED = /[,\\]/g

/**
 * One text for the key of an entity; no two keys of one entity have the same. A single key is its own text; the parts of
 * a composite are joined by commas, with commas and backslashes inside of them escaped by a backslash. `int64` is written
 * in decimal, bools as `true` and `false`, UUIDs in lower case.
 *
 * @param parts checked values, none null: bigints or safe integers for int64
 * @example encodeKey(['a,b', 23n], ['string', 'int64']) // 'a\\,b,23'
 */
export function encodeKey(parts: readonly Value[], types: readonly KeyType[]): string {
  if (types.length === 1) return partText(parts[0] as Value, types[0] as KeyType)
  let key = ''
  for (let i = 0; i < types.length; i++) {
    const type = types[i] as KeyType
    const text = partText(parts[i] as Value, type)
    if (i > 0) key += SEPARATOR
    key += type === 'string' && ESCAPED.test(text) ? text.replace(EVERY_ESCAPED, '\\$&') : text
  }
  return key
}

/** The parts of an encoded key: `int64` as bigint, the rest as they were checked. */
export function decodeKey(key: string, types: readonly KeyType[]): Value[] {
  const texts = types.length === 1 ? [key] : splitKey(key)
  return types.map((type, i) => {
    const text = texts[i] as string
    if (type === 'int64') return BigInt(text)
    return type === 'bool' ? text === 'true' : text
  })
}

function splitKey(key: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let i = 0; i < key.length; i++) {
    const c = key[i] as string
    if (c === SEPARATOR) {
      parts.push(part)
      part = ''
    } else part += c === '\\' ? (key[++i] as string) : c
  }
  parts.push(part)
  return parts
}

/** `-0` is the integer 0: BigInt would say so, and so does adding 0. */
function partText(part: Value, type: KeyType): string {
  if (type === 'uuid') return (part as string).toLowerCase()
  return typeof part === 'string' ? part : String(typeof part === 'number' ? part + 0 : part)
}

/** A key that was asked for: its text and its checked parts, in the order of the entity's keys. */
export interface EntityKey {
  readonly key: string
  readonly parts: readonly Value[]
}

/**
 * The key of an entity from a row of a lookup or a label, whose properties may also hold the keys of other entities.
 * `int64` keys may be sent as bigints, safe integers or decimal texts. Refusals: `missing_key`, `wrong_type`,
 * `out_of_range`, `too_large`, `ill_formed_string`.
 *
 * @example keyFromJson({ user_id: 'u1' }, user.spec) // { key: 'u1', parts: ['u1'] }
 */
export function keyFromJson(row: unknown, entity: EntitySpec): EntityKey | Refusal {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    const example = entity.keys.map((key) => `"${key.name}": ...`).join(', ')
    return refusal('not_object', `A row of entities is ${shown(row)}; expected an object such as { ${example} }.`)
  }
  const parts: Value[] = []
  for (const { name, type } of entity.keys) {
    const raw = Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined
    if (raw === undefined) {
      const hint = didYouMean(name, Object.keys(row))
        .replace('There are', 'The row has')
        .replace('There is', 'The row has')
      return refusal('missing_key', `Key "${name}" of entity ${entity.name} is missing.${hint}`, name)
    }
    const part = keyPart(name, type, raw)
    if (typeof part === 'object') return part
    parts.push(part)
  }
  return {
    key: encodeKey(
      parts,
      entity.keys.map((key) => key.type),
    ),
    parts,
  }
}

const DECIMAL = /^(?:0|-?[1-9]\d{0,18})$/

function keyPart(name: string, type: KeyType, raw: unknown): Scalar | Refusal {
  const refuse = (reason: Refusal['reason'], expected: string) =>
    refusal(reason, `Key "${name}" is ${shown(raw)}; expected ${expected}.`, name)
  switch (type) {
    case 'string':
      if (typeof raw !== 'string') return refuse('wrong_type', 'a text')
      if (raw.length > MAX_KEY_UNITS) return refuse('too_large', `at most ${MAX_KEY_UNITS} characters`)
      return raw.isWellFormed() ? raw : refuse('ill_formed_string', 'a text without lone surrogates')
    case 'bool':
      // As a text too: the query of a GET has nothing else.
      if (raw === 'true' || raw === 'false') return raw === 'true'
      return typeof raw === 'boolean' ? raw : refuse('wrong_type', 'true or false')
    case 'uuid':
      return (typeof raw === 'string' ? canonicalUuid(raw) : undefined) ?? refuse('wrong_type', 'a UUID')
    case 'int64': {
      const isExact =
        typeof raw === 'bigint' || Number.isSafeInteger(raw) || (typeof raw === 'string' && DECIMAL.test(raw))
      if (!isExact) return refuse('wrong_type', 'an integer: a number below 2^53, or decimal digits as a text')
      const value = BigInt(raw as bigint | number | string)
      return BigInt.asIntN(64, value) === value ? value : refuse('out_of_range', 'an integer of 64 bits')
    }
  }
}
