import type { EntitySpec, FieldSpec, SourceSpec, ViewSpec } from '../engine/index.ts'
import { DefinitionError } from './definition-error.ts'
import type { KeyShape } from './entity.ts'
import { fieldHandles, type Handles } from './field-handle.ts'
import { type IntervalJoin, isIntervalJoin, type JoinHandles, joinFields, joinHandles } from './interval-join.ts'
import type { NamedSource } from './named-source.ts'
import type { StreamSource } from './stream-source.ts'
import { isUnion, type Union, type UnionHandles, unionFields, unionHandles } from './union.ts'
import { type KeyMapping, type KeyMappings, keySpec, keySpecs } from './view-key.ts'

/** What a view reads: a stream or table, a union, or an interval join. */
export type ViewSource = StreamSource | Union | IntervalJoin

/** The `e` of a view over this. */
export type HandlesOf<Source> =
  Source extends IntervalJoin<infer Left, infer Right>
    ? JoinHandles<Left, Right>
    : Source extends Union<infer Shapes>
      ? UnionHandles<Shapes>
      : Source extends StreamSource<infer Shape>
        ? Handles<Shape>
        : never

/** The `key` of a view over this. */
export type KeyMappingOf<Keys extends KeyShape, Source> =
  Source extends IntervalJoin<infer Left, infer Right>
    ? KeyMappings<Keys, { readonly left: Left; readonly right: Right }>
    : Source extends Union<infer Shapes>
      ? KeyMappings<Keys, Shapes>
      : Source extends StreamSource<infer Shape>
        ? KeyMapping<Keys, Shape>
        : never

/** What a view reads, as data and as what its features are declared with. */
export interface RowSource {
  readonly name: string
  /** The fields of its rows, as features see them. */
  readonly fields: readonly FieldSpec[]
  readonly sources: readonly SourceSpec[]
  readonly isJoin: boolean
  /** A source of it is a table. */
  readonly changes: boolean
  /** The `e` of the view's callback. */
  handles(where: string): unknown
  /** What the view's data says of its sources and keys. */
  keyed(where: string, entity: EntitySpec, mapping: unknown): Pick<ViewSpec, 'key' | 'inputs' | 'join'>
}

/** What a view's `source` is; throws when it is nothing to read from. */
export function rowSource(where: string, given: unknown): RowSource {
  if (isIntervalJoin(given)) {
    const { name, inputs, join } = given.join
    const fields = joinFields(inputs)
    return { ...ofSeveral(name, inputs, { join }), fields, isJoin: true, handles: (at) => joinHandles(at, inputs) }
  }
  if (isUnion(given)) {
    const { name, inputs } = given.union
    const fields = unionFields(inputs)
    return { ...ofSeveral(name, inputs), fields, isJoin: false, handles: (at) => unionHandles(at, inputs) }
  }
  const source = (given as Partial<StreamSource> | null | undefined)?.spec
  if (!source?.fields) {
    const how = 'give it what streamSource(...), tableSource(...), union(...) or intervalJoin(...) returned'
    throw new DefinitionError('bad_option', where, `source is not one: ${how}.`)
  }
  return {
    name: source.name,
    fields: source.fields,
    sources: [source],
    isJoin: false,
    changes: source.changes !== undefined,
    handles: (at) => fieldHandles(at, source.fields),
    keyed: (at, entity, mapping) => ({ key: keySpec(at, entity, source, mapping) }),
  }
}

function ofSeveral(name: string, inputs: readonly NamedSource[], more: Pick<ViewSpec, 'join'> = {}) {
  return {
    name,
    sources: inputs.map((input) => input.source),
    changes: inputs.some(({ source }) => source.changes !== undefined),
    keyed: (at: string, entity: EntitySpec, mapping: unknown) => {
      const keys = keySpecs(at, entity, inputs, mapping)
      return {
        key: {},
        inputs: inputs.map((input, i) => ({ name: input.name, source: input.source.name, key: keys[i] ?? {} })),
        ...more,
      }
    },
  }
}
