import type { $ZodShape } from 'zod/v4/core'
import type { FieldSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { DefinitionError } from './definition-error.ts'
import type { Kind, KindOf, ScalarKind, ValueOf } from './field-types.ts'
import { comparable, RowPredicate, shownValue } from './predicate.ts'

/** A field of the source inside of a view: what aggregates read and filters compare. `V` is its value, never null. */
export interface FieldHandle<K extends Kind = Kind, V = unknown> {
  /** The source's field as data. */
  readonly spec: FieldSpec
  /** For the compiler only. */
  readonly '~kind'?: K
  readonly '~value'?: V
  isNull(): RowPredicate
  notNull(): RowPredicate
}

/** Comparisons of every type. */
export interface Equatable<C> {
  eq(value: C): RowPredicate
  /** Not equal; false where the field is null. */
  ne(value: C): RowPredicate
  in(values: readonly C[]): RowPredicate
}

/** Comparisons of types with an order; texts by code point. */
export interface Ordered<C> {
  gt(value: C): RowPredicate
  gte(value: C): RowPredicate
  lt(value: C): RowPredicate
  lte(value: C): RowPredicate
  /** Both ends included. */
  between(low: C, high: C): RowPredicate
}

/** Comparisons of free texts. */
export interface Prefixed {
  startsWith(prefix: string): RowPredicate
}

// What a value may be compared with: times also in RFC 3339, 64-bit integers also with plain numbers, decimals with their
// text, with whole numbers as bigints, and with numbers of at most 15 digits.
type Compared<K extends Kind, V> = K extends 'timestamp'
  ? number | string
  : K extends 'int64'
    ? bigint | number
    : K extends 'decimal'
      ? string | number | bigint
      : V

/** The handle of one kind of field, with the comparisons that make sense for it: lists and vectors are only null or not. */
export type Handle<K extends Kind, V> = FieldHandle<K, V> &
  (K extends ScalarKind ? Equatable<Compared<K, V>> : unknown) &
  (K extends 'number' | 'int64' | 'decimal' | 'timestamp' | 'string' ? Ordered<Compared<K, V>> : unknown) &
  (K extends 'string' ? Prefixed : unknown)

/** The handles of all fields of a source: the `e` of a feature view. */
export type Handles<Shape extends $ZodShape> = {
  readonly [F in keyof Shape & string]: Handle<KindOf<Shape[F]>, ValueOf<Shape[F]>>
}

/** One handle for all kinds at run time: for JavaScript, what the types would refuse is refused when it is called. */
class AnyHandle implements FieldHandle, Equatable<unknown>, Ordered<unknown>, Prefixed {
  readonly spec: FieldSpec
  readonly #where: string

  constructor(where: string, spec: FieldSpec) {
    this.spec = spec
    this.#where = where
  }

  isNull(): RowPredicate {
    return new RowPredicate({ op: 'isNull', field: this.spec.name })
  }
  notNull(): RowPredicate {
    return new RowPredicate({ op: 'notNull', field: this.spec.name })
  }
  eq(value: unknown): RowPredicate {
    return this.#compare('eq', value)
  }
  ne(value: unknown): RowPredicate {
    return this.#compare('ne', value)
  }
  gt(value: unknown): RowPredicate {
    return this.#compare('gt', value)
  }
  gte(value: unknown): RowPredicate {
    return this.#compare('gte', value)
  }
  lt(value: unknown): RowPredicate {
    return this.#compare('lt', value)
  }
  lte(value: unknown): RowPredicate {
    return this.#compare('lte', value)
  }

  in(values: readonly unknown[]): RowPredicate {
    if (!Array.isArray(values) || values.length === 0) {
      throw new DefinitionError('bad_value', this.#where, '.in() takes a list of at least one value.')
    }
    return new RowPredicate({
      op: 'in',
      field: this.spec.name,
      values: values.map((value) => comparable(`${this.#where}, .in()`, this.spec, value)),
    })
  }

  between(from: unknown, to: unknown): RowPredicate {
    this.#mustBeOrdered('between')
    const low = comparable(`${this.#where}, .between()`, this.spec, from)
    const high = comparable(`${this.#where}, .between()`, this.spec, to)
    if (typeof low !== 'string' && low > high) {
      throw new DefinitionError(
        'bad_value',
        this.#where,
        `.between(${shownValue(from)}, ${shownValue(to)}) holds for nothing: the lower end comes first.`,
      )
    }
    return new RowPredicate({ op: 'between', field: this.spec.name, low, high })
  }

  startsWith(prefix: string): RowPredicate {
    if (this.spec.type !== 'string' || this.spec.values || this.spec.format) {
      throw new DefinitionError(
        'wrong_type',
        this.#where,
        '.startsWith() is for z.string() fields: use .eq() or .in().',
      )
    }
    if (typeof prefix !== 'string' || !prefix.isWellFormed()) {
      throw new DefinitionError('wrong_type', this.#where, '.startsWith() takes a well-formed text.')
    }
    return new RowPredicate({ op: 'prefix', field: this.spec.name, value: prefix })
  }

  #compare(op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte', value: unknown): RowPredicate {
    if (op !== 'eq' && op !== 'ne') this.#mustBeOrdered(op)
    return new RowPredicate({
      op,
      field: this.spec.name,
      value: comparable(`${this.#where}, .${op}()`, this.spec, value),
    })
  }

  #mustBeOrdered(op: string): void {
    if (this.spec.type !== 'bool' && !this.spec.values && this.spec.format !== 'uuid') return
    const what = this.spec.type === 'bool' ? 'a bool' : this.spec.values ? 'a choice of texts' : 'a uuid'
    throw new DefinitionError('wrong_type', this.#where, `${what} has no order, so no .${op}(): use .eq() or .in().`)
  }
}

/** The handles of these fields; asking for one that is not there throws with the nearest name. */
export function fieldHandles(where: string, fields: readonly FieldSpec[]): Readonly<Record<string, FieldHandle>> {
  const handles = fields.map((field) => [field.name, fieldHandle(where, field)] as const)
  return handleObject(where, 'the source', handles)
}

/** The handle of one field. */
export function fieldHandle(where: string, field: FieldSpec): FieldHandle {
  return new AnyHandle(`${where}, field ${field.name}`, field)
}

/**
 * Handles by name; asking for one that is not there throws with the nearest name, or with what `reasonOf` says of it.
 * `owner` is what has no such field, in words.
 */
export function handleObject<T>(
  where: string,
  owner: string,
  entries: readonly (readonly [name: string, handle: T])[],
  reasonOf: (name: string) => string | undefined = () => undefined,
): Readonly<Record<string, T>> {
  const handles = new Map(entries)
  // A proxy, because JavaScript would give undefined for a typo, and avg(undefined) could no longer say which field was meant.
  return new Proxy<Record<string, T>>(Object.create(null), {
    get(_target, name) {
      if (typeof name !== 'string') return undefined
      const handle = handles.get(name)
      if (handle !== undefined) return handle
      const reason = reasonOf(name)
      const problem = reason === undefined ? didYouMean(name, [...handles.keys()]) : ` ${reason}`
      throw new DefinitionError('unknown_field', where, `${owner} has no field "${name}".${problem}`)
    },
    has: (_target, name) => typeof name === 'string' && handles.has(name),
    ownKeys: () => [...handles.keys()],
    getOwnPropertyDescriptor: (_target, name) =>
      typeof name === 'string' && handles.has(name)
        ? { value: handles.get(name), enumerable: true, configurable: true }
        : undefined,
  })
}

/** Whether `value` is a handle that a view gave out. */
export function isFieldHandle(value: unknown): value is FieldHandle {
  return value instanceof AnyHandle
}
