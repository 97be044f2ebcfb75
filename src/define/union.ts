import type { $ZodShape } from 'zod/v4/core'
import { type FieldSpec, INPUT } from '../engine/index.ts'
import { checkName } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { fieldHandle, type Handle, handleObject } from './field-handle.ts'
import type { Kind, KindOf, ValueOf } from './field-types.ts'
import { type NamedSource, namedSources } from './named-source.ts'
import type { StreamSource } from './stream-source.ts'

type Shapes = Readonly<Record<string, $ZodShape>>

/** Several sources as one. Made by {@link union}. */
export interface Union<S extends Shapes = Shapes> {
  /** The declaration as data. */
  readonly union: { readonly name: string; readonly inputs: readonly NamedSource[] }
  /** For the compiler only. */
  readonly '~shapes'?: S
}

/** The kind of a field in all sources: choices and uuids are texts where they are not the same in all. */
type KindInAll<K extends Kind> =
  IsOne<K> extends true ? K : [K] extends ['string' | 'choice' | 'uuid'] ? 'string' : never
type IsOne<K, All = K> = K extends unknown ? ([All] extends [K] ? true : false) : never

/** The kinds that a field has in the sources. */
type KindsOf<S extends Shapes, F extends string> = { [N in keyof S]: KindOf<S[N][F]> }[keyof S] & Kind
type ValuesOf<S extends Shapes, F extends string> = { [N in keyof S]: ValueOf<S[N][F]> }[keyof S]

/** The `e` of a view over a union: the fields that all sources have, with equal types, and which source a row is of. */
export type UnionHandles<S extends Shapes> = {
  readonly [F in keyof S[keyof S] & string as [KindInAll<KindsOf<S, F>>] extends [never] ? never : F]: Handle<
    KindInAll<KindsOf<S, F>>,
    ValuesOf<S, F>
  >
} & { readonly $source: Handle<'choice', keyof S & string> }

/**
 * Several sources as one, under the names that the view has for them: a row of any is a row of the view. Features read the fields
 * that all have with one type, and `e.$source`, the name. Each source keeps its own contract, ids and ways in. With a table among them
 * every feature must be able to take a row back.
 *
 * @throws DefinitionError when it is given less than two sources, or something else
 * @example
 * const both = union({ web, app })
 * const stats = featureView('stats', { entity: user, source: both, key: { user_id: { web: 'uid', app: 'user' } } }, (e) => ({
 *   clicks_1h: count().where(e.type.eq('click')).over('1h'),
 *   app_share_1d: rate(e.$source.eq('app')).over('1d'),
 * }))
 */
export function union<const Sources extends Readonly<Record<string, StreamSource>>>(
  sources: Sources,
): Union<{ readonly [N in keyof Sources & string]: ShapeOf<Sources[N]> }> {
  const where = 'union'
  if (typeof sources !== 'object' || sources === null || Object.keys(sources).length < 2) {
    throw new DefinitionError('empty', where, 'it is of at least two sources, by name: write union({ web, app }).')
  }
  for (const name of Object.keys(sources)) checkName('source of a union', name, where)
  // In one order, so that another order of writing them is no other view.
  const inputs = namedSources(where, sources).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name, source } of inputs) {
    if (!source.fields.some((field) => field.name === INPUT)) continue
    const problem = `${name} has a field "${INPUT}", which is what a union calls the name of a row's source`
    throw new DefinitionError('bad_name', where, `${problem}: have it renamed by the sender.`)
  }
  return { union: { name: inputs.map(({ name }) => name).join('+'), inputs } }
}

type ShapeOf<Source> = Source extends StreamSource<infer Shape> ? Shape : never

/** Whether `given` was made by {@link union}. */
export function isUnion(given: unknown): given is Union {
  return typeof given === 'object' && given !== null && 'union' in given
}

/** The fields that all have with one type, and the name of the source. */
export function unionFields(inputs: readonly NamedSource[]): FieldSpec[] {
  const [first, ...others] = inputs.map(({ source }) => source.fields)
  const common = (first ?? []).flatMap((field): FieldSpec[] => {
    const same = others.map((fields) => fields.find(({ name, type }) => name === field.name && type === field.type))
    return same.includes(undefined) ? [] : [commonField([field, ...(same as FieldSpec[])])]
  })
  const values = inputs.map(({ name }) => name)
  return [...common, { name: INPUT, type: 'string', nullable: false, optional: false, values }]
}

/** What holds for the field in every source; limits of single values are the contract's. */
function commonField(fields: readonly FieldSpec[]): FieldSpec {
  const [{ name, type, format }] = fields as [FieldSpec]
  const values = fields.every((field) => field.values !== undefined)
    ? fields.flatMap((field) => field.values ?? [])
    : []
  return {
    name,
    type,
    nullable: fields.some((field) => field.nullable),
    optional: fields.some((field) => field.optional),
    ...(format !== undefined && fields.every((field) => field.format === format) && { format }),
    ...(values.length > 0 && { values: [...new Set(values)] }),
  }
}

/** The handles of {@link unionFields}; a field that only some have, or in different types, is told so. */
export function unionHandles(where: string, inputs: readonly NamedSource[]): unknown {
  const entries = unionFields(inputs).map((field) => [field.name, fieldHandle(where, field)] as const)
  return handleObject(where, 'the union', entries, (name) => {
    const known = inputs.map((input) => ({ ...input, field: input.source.fields.find((field) => field.name === name) }))
    if (known.every(({ field }) => field === undefined)) return undefined
    const types = known.map(({ name: input, field }) => `${field?.type ?? 'none'} in ${input}`).join(', ')
    return `It is ${types}: declare it in all of them, with one type.`
  })
}
