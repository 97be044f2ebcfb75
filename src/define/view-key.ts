import type { $ZodShape } from 'zod/v4/core'
import type { EntitySpec, KeyType, SourceSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { DefinitionError } from './definition-error.ts'
import type { KeyShape } from './entity.ts'
import type { KeySourceKinds, KindOf, RequiredKeys } from './field-types.ts'
import { requiredField } from './stream-source.ts'

/** Which field of the source feeds each key of the entity. */
export type KeyMapping<Keys extends KeyShape, Shape extends $ZodShape> = {
  readonly [K in keyof Keys]: KeyField<Keys, K, Shape>
}

type KeyField<Keys extends KeyShape, K extends keyof Keys, Shape extends $ZodShape> = RequiredKeys<
  Shape,
  KeySourceKinds[KindOf<Keys[K]>]
>

/** Which field of each of several sources feeds each key: by source, or one name where all of them have it. */
export type KeyMappings<Keys extends KeyShape, Shapes extends Readonly<Record<string, $ZodShape>>> = {
  readonly [K in keyof Keys]:
    | { readonly [N in keyof Shapes]: KeyField<Keys, K, Shapes[N]> }
    | InAll<{ readonly [N in keyof Shapes]: KeyField<Keys, K, Shapes[N]> }>
}

/** What every member of a record of names has. */
type InAll<Names> = { [N in keyof Names]: (name: Names[N]) => void }[keyof Names] extends (name: infer All) => void
  ? All
  : never

/** The mapping of keys for each of several sources, by the names that they have in the view. */
export function keySpecs(
  where: string,
  entity: EntitySpec,
  inputs: readonly { readonly name: string; readonly source: SourceSpec }[],
  mapping: unknown,
): Readonly<Record<string, string>>[] {
  const names = inputs.map((input) => input.name)
  const fields = Object.entries(typeof mapping === 'object' && mapping !== null ? mapping : {})
  for (const [key, field] of fields) {
    if (typeof field !== 'object' || field === null) continue
    for (const name of Object.keys(field)) {
      if (names.includes(name)) continue
      const problem = `the view has no source called "${name}".${didYouMean(name, names)}`
      throw new DefinitionError('bad_key', `${where}, key ${key}`, problem)
    }
  }
  const fieldOf = (field: unknown, name: string): unknown =>
    typeof field === 'object' && field !== null ? (field as Readonly<Record<string, unknown>>)[name] : field
  return inputs.map(({ name, source }) => {
    const own = Object.fromEntries(fields.map(([key, field]) => [key, fieldOf(field, name)]))
    return keySpec(`${where}, ${name}`, entity, source, fields.length === 0 ? undefined : own)
  })
}

/** The field of a source that feeds each key of the entity; throws for one that cannot. */
export function keySpec(
  where: string,
  entity: EntitySpec,
  source: SourceSpec,
  mapping: unknown,
): Readonly<Record<string, string>> {
  const names = entity.keys.map((key) => key.name)
  if (typeof mapping !== 'object' || mapping === null) {
    const line = `key: { ${names.map((name) => `${name}: '...'`).join(', ')} }`
    throw new DefinitionError(
      'bad_key',
      where,
      `which fields of ${source.name} are the key of ${entity.name}? Write ${line}.`,
    )
  }
  for (const name of Object.keys(mapping)) {
    if (names.includes(name)) continue
    throw new DefinitionError('bad_key', where, `entity ${entity.name} has no key "${name}".${didYouMean(name, names)}`)
  }
  const spec: Record<string, string> = {}
  for (const key of entity.keys) {
    const keyWhere = `${where}, key ${key.name}`
    const field = requiredField(
      keyWhere,
      `the key of ${entity.name}`,
      source.fields,
      (mapping as Record<string, unknown>)[key.name],
    )
    const feeds = field.type === 'string' && field.format === 'uuid' ? 'uuid' : field.type
    if (!feedsOf[key.type].includes(feeds)) {
      const mend = `declare the key as ${keySchema[feeds] ?? 'another type'}, or feed it from a field of type ${feedsOf[key.type].join(' or ')}`
      const problem = `a ${key.type} key cannot come from "${field.name}" of type ${feeds}: ${mend}.`
      throw new DefinitionError('bad_key', keyWhere, problem)
    }
    spec[key.name] = field.name
  }
  return spec
}

const feedsOf: Readonly<Record<KeyType, readonly string[]>> = {
  string: ['string'],
  uuid: ['uuid'],
  bool: ['bool'],
  int64: ['int64', 'int'],
}
const keySchema: Readonly<Record<string, string>> = {
  string: 'z.string()',
  uuid: 'z.uuid()',
  bool: 'z.boolean()',
  int64: 'int64()',
  int: 'int64()',
}
