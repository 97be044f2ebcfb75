import type { ServiceSpec } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { FEATURE, type FeatureRef, type FeatureView, VIEW, type ViewParts } from './feature-view.ts'
import type { Both, Flat } from './field-types.ts'

/** What a service lists: whole views, single features. */
export type ServiceItem = { readonly [VIEW]: ViewParts } | FeatureRef

type ViewTypes = { readonly view: string; readonly keys: unknown; readonly values: object }
type FeatureTypes = { readonly view: string; readonly name: string; readonly value: unknown; readonly keys: unknown }

/** View, keys and values of an item, alike for views and single features. */
type TypesOf<Item> = Item extends { readonly '~view'?: infer T extends ViewTypes }
  ? T
  : Item extends { readonly '~feature'?: infer T extends FeatureTypes }
    ? { readonly view: T['view']; readonly keys: T['keys']; readonly values: { readonly [N in T['name']]: T['value'] } }
    : never

/** Names in an item that an item of another view in the rest has too. */
type ClashOf<Item extends ViewTypes, Rest> = Rest extends readonly [infer Next, ...infer More]
  ?
      | (TypesOf<Next>['view'] extends Item['view'] ? never : keyof TypesOf<Next>['values'] & keyof Item['values'])
      | ClashOf<Item, More>
  : never
type Clashes<Items> = Items extends readonly [infer First, ...infer Rest]
  ? ClashOf<TypesOf<First>, Rest> | Clashes<Rest>
  : never

/** Refuses, at compile time, two features of one short name from two views: the vector is an object by short name. */
type Distinct<Items> = [Clashes<Items>] extends [never]
  ? unknown
  : { readonly 'two features of one service have the same name': Clashes<Items> }

/** A feature service. Made by {@link featureService}. */
export interface FeatureService<Name extends string = string, Vector = unknown, Keys = unknown> {
  /** The declaration as data. */
  readonly spec: ServiceSpec & { readonly name: Name }
  /** The views it reads, each once. */
  readonly views: readonly ViewParts[]
  /** For the compiler only. */
  readonly '~types'?: { readonly vector: Vector; readonly keys: Keys }
}

/**
 * The feature vector of a service, by feature name.
 *
 * @example type Fraud = VectorOf<typeof fraud> // { clicks_5m: number; spend_avg_1h: number | null }
 */
export type VectorOf<S> = S extends { readonly '~types'?: { readonly vector: infer V } } ? V : never

/**
 * The row of keys that a service is asked with: the keys of all its entities.
 *
 * @example type Who = KeysOf<typeof fraud> // { user_id: string }
 */
export type KeysOf<S> = S extends { readonly '~types'?: { readonly keys: infer K } } ? K : never

/** The options of {@link featureService}. */
export interface FeatureServiceOptions {
  /** A whole number from 1; default 1. A model that was trained on version 1 goes on asking for version 1. */
  readonly version?: number
  /**
   * How old the copy may be that a vector is read from, where a request does not say: such as `5s`, a day at most.
   * Absent: every read goes through the shards. Windows end at the request's time however old the copy is.
   */
  readonly maxStaleness?: Duration
  readonly owner?: string
  readonly description?: string
  readonly tags?: readonly string[]
}

/**
 * Declares a feature service: the vector that a model asks for, from whole views and single features, in this order.
 * A feature that is listed twice is in the vector once, where it came first.
 *
 * @throws DefinitionError when two features of two views have one name, or two entities one key name of two types
 * @example
 * const fraud = featureService('fraud', [userStats, deviceStats.logins_1h], { owner: 'risk' })
 */
export function featureService<const Name extends string, const Items extends readonly [ServiceItem, ...ServiceItem[]]>(
  name: Name,
  items: Items & Distinct<Items>,
  options: FeatureServiceOptions = {},
): FeatureService<Name, Flat<Both<TypesOf<Items[number]>['values']>>, Flat<Both<TypesOf<Items[number]>['keys']>>> {
  const where = `feature service ${name}`
  checkName('feature service', name)
  checkOptions(where, options, ['version', 'maxStaleness', 'owner', 'description', 'tags'])
  if (!Array.isArray(items) || items.length === 0) {
    throw new DefinitionError('empty', where, 'a service needs features: give it a list of views or features.')
  }
  const listed = (items as readonly unknown[]).flatMap((item, index) => featuresOf(where, item, index))
  const views = distinctViews(where, listed)
  checkKeyNames(where, views)

  const { version = 1, tags } = options
  if (!Number.isInteger(version) || version < 1) {
    throw new DefinitionError('bad_option', where, `version is a whole number from 1; got ${String(version)}.`)
  }
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))) {
    throw new DefinitionError('bad_option', where, 'tags is a list of texts.')
  }
  const maxStalenessMs = stalenessMs(where, options.maxStaleness)
  const owner = optionalText(where, 'owner', options.owner)
  const description = optionalText(where, 'description', options.description)
  return {
    spec: {
      name,
      version,
      features: distinctFeatures(where, listed),
      ...(maxStalenessMs > 0 && { maxStalenessMs }),
      ...(owner !== undefined && { owner }),
      ...(description !== undefined && { description }),
      ...(tags !== undefined && { tags: [...tags] }),
    },
    views,
  }
}

const LONGEST_STALENESS_MS = 86_400_000

function stalenessMs(where: string, given: Duration | undefined): number {
  if (given === undefined) return 0
  const ms = durationMs(where, 'maxStaleness', given)
  if (ms <= LONGEST_STALENESS_MS) return ms
  throw new DefinitionError('bad_option', where, `maxStaleness is at most 1d; got ${String(given)}.`)
}

interface Listed {
  readonly view: ViewParts
  readonly feature: string
}

function featuresOf(where: string, item: unknown, index: number): Listed[] {
  const parts = item as Partial<FeatureView & FeatureRef> | null | undefined
  const view = parts?.[VIEW]
  if (view !== undefined) return view.spec.features.map((feature) => ({ view, feature: feature.name }))
  const one = parts?.[FEATURE]
  if (one !== undefined) return [{ view: one.view, feature: one.name }]
  const what =
    item === undefined ? 'undefined: does its view have a feature of that name' : 'no view and no feature of a view'
  throw new DefinitionError(
    'wrong_type',
    where,
    `item ${index + 1} of the list is ${what}${item === undefined ? '?' : '.'}`,
  )
}

function distinctFeatures(where: string, listed: readonly Listed[]): string[] {
  const byName = new Map<string, string>()
  for (const { view, feature } of listed) {
    const full = `${view.spec.name}.${feature}`
    const other = byName.get(feature) ?? full
    if (other !== full) {
      const problem = `${other} and ${full} have the same name, and a vector is an object by name: rename one, or list only one.`
      throw new DefinitionError('duplicate', where, problem)
    }
    byName.set(feature, full)
  }
  return [...byName.values()]
}

function distinctViews(where: string, listed: readonly Listed[]): ViewParts[] {
  const byName = new Map<string, ViewParts>()
  for (const { view } of listed) {
    if ((byName.get(view.spec.name) ?? view) !== view) {
      throw new DefinitionError('duplicate', where, `two views are both called "${view.spec.name}": rename one.`)
    }
    byName.set(view.spec.name, view)
  }
  return [...byName.values()]
}

/** A row of keys has one property a key name, so entities may share a name only for the same type of key. */
function checkKeyNames(where: string, views: readonly ViewParts[]): void {
  const seen = new Map<string, { type: string; entity: string }>()
  for (const { entity } of views) {
    for (const { name, type } of entity.keys) {
      const other = seen.get(name)
      if (other !== undefined && other.type !== type) {
        const problem = `key "${name}" is ${other.type} in entity ${other.entity} and ${type} in entity ${entity.name}: rename one.`
        throw new DefinitionError('duplicate', where, problem)
      }
      seen.set(name, { type, entity: entity.name })
    }
  }
}
