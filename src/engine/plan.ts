import { canonicalJson } from '../util/canonical-json.ts'
import type { AccumulatorSpec, Column, Computation } from './aggregate.ts'
import type { Cutter } from './cutter.ts'
import { keyNames } from './inputs.ts'
import { type JoinPlan, joinPlan, pairsSpec, pairTypes, SIDE } from './join-plan.ts'
import { compilePredicate, fieldsOf, type RowFilter } from './predicate.ts'
import { prepareFeature } from './prepare.ts'
import type { FeatureSpec, FieldType, JoinSpec, Predicate, ResultType, ViewSpec } from './spec.ts'
import { tileWidth, UNBOUNDED, type WindowShape, windowShape } from './windows.ts'

/** The place of the filter of an accumulator that has none. */
export const NO_FILTER = -1

/** One accumulator that tiles keep, shared by every feature that needs the same. */
export interface AccumulatorPlan {
  /** Kind, fields and filter as text: equal text, equal state. Survives a change of the other features. */
  readonly identity: string
  /** Place of its filter in `filters`, or -1. */
  readonly filter: number
  /** Makes an empty column without cells. */
  create(): Column
}

/**
 * A width of tiles that state is kept in. Data stays in the narrowest level that some feature may still read it at, and
 * joins the next wider one when it is wholly out of that reach; so each folded row is in exactly one tile of a track.
 */
export interface LevelPlan {
  readonly widthMs: number
  /** The furthest back, from the mark less lateness, that a feature needs this width. */
  readonly reachMs: number
  /** Which accumulators a tile of this level keeps: those of features with tiles of this width or wider. */
  readonly accumulators: readonly number[]
}

/** The tiles of all features whose windows have borders at the same places, or none. Narrowest level first. */
export interface TrackPlan {
  readonly cutter: Cutter | null
  readonly levels: readonly LevelPlan[]
}

/** What features with `tail: 'exact'` want: how many newest rows are kept, and how far back. */
export interface TailPlan {
  readonly rows: number
  readonly reachMs: number
  /** Old rows leave in steps of this, so that not every millisecond has its own state. */
  readonly stepMs: number
}

export interface FeaturePlan {
  readonly spec: FeatureSpec
  readonly computation: Computation
  readonly window: WindowShape
  readonly resultType: ResultType
  readonly accumulators: readonly number[]
  /** Place of its own `where` in the view's filters, or -1. */
  readonly filter: number
  /** Place of the track that it reads, or -1 when it reads kept rows alone. */
  readonly track: number
  /** Its place in the view's list of features. */
  readonly index: number
}

/** A view, compiled once: which fields a row keeps, which tiles there are, what each keeps, how features read them. */
export interface ViewPlan {
  readonly spec: ViewSpec
  /** Types of the sources' fields that it reads or takes its keys from. */
  readonly types: ReadonlyMap<string, FieldType>
  readonly fields: readonly { readonly name: string; readonly type: FieldType }[]
  readonly filters: readonly RowFilter[]
  readonly accumulators: readonly AccumulatorPlan[]
  /** By accumulator the place of its mask when rows are folded: its filter, or behind them all for none. */
  readonly foldFilters: readonly number[]
  readonly tracks: readonly TrackPlan[]
  readonly tail: TailPlan | null
  /** Width of the tiles that rows less than `allowedLatenessMs` before the mark fold into, at most. */
  readonly fineMs: number
  readonly features: readonly FeaturePlan[]
  /** How its rows are joined when they are read; null where features are computed from the rows themselves. */
  readonly join: JoinPlan | null
}

/**
 * Compiles a view. `types` are what {@link columnTypes} gives for its sources; the definition has been checked before.
 */
export function compileView(spec: ViewSpec, types: ReadonlyMap<string, FieldType>): ViewPlan {
  return spec.join === undefined ? compileRows(spec, types) : compileJoin(spec, spec.join, types)
}

/** Of a join only its rows are kept: what features are computed by is compiled as a view of joined rows. */
function compileJoin(spec: ViewSpec, join: JoinSpec, types: ReadonlyMap<string, FieldType>): ViewPlan {
  const pairs = compileRows(pairsSpec(spec, join), pairTypes(types))
  const plan = joinPlan(join, pairs)
  const fields = plan.kept.map((name) => ({ name, type: name === SIDE ? 'bool' : (types.get(name) as FieldType) }))
  const used = new Set([...plan.kept, ...keyNames(spec)])
  const reachMs = plan.lagMs + (pairs.tail?.reachMs ?? 0)
  return {
    ...pairs,
    spec,
    types: new Map([...types].filter(([name]) => used.has(name))),
    fields,
    filters: [],
    accumulators: [],
    foldFilters: [],
    tail: tailPlan(spec.exactRows, reachMs),
    features: pairs.features.map((feature) => ({ ...feature, spec: spec.features[feature.index] as FeatureSpec })),
    join: plan,
  }
}

function compileRows(spec: ViewSpec, types: ReadonlyMap<string, FieldType>): ViewPlan {
  const fields: { name: string; type: FieldType }[] = []
  const typeOf = (name: string): FieldType => {
    const type = types.get(name)
    if (type === undefined) throw new Error(`feature view ${spec.name}: source ${spec.source} has no field ${name}`)
    return type
  }
  const placeOf = (name: string): number => {
    const known = fields.findIndex((field) => field.name === name)
    return known >= 0 ? known : fields.push({ name, type: typeOf(name) }) - 1
  }
  const filters: RowFilter[] = []
  const filterKeys: string[] = []
  const filterIndex = (where: Predicate | undefined): number => {
    if (where === undefined) return NO_FILTER
    const key = canonicalJson(where)
    const known = filterKeys.indexOf(key)
    if (known >= 0) return known
    filterKeys.push(key)
    return filters.push(compilePredicate(where, placeOf)) - 1
  }
  const accumulators: AccumulatorPlan[] = []
  const accumulatorIndex = (accumulator: AccumulatorSpec): number => {
    const identity = accumulatorIdentity(accumulator, typeOf)
    const known = accumulators.findIndex((other) => other.identity === identity)
    if (known >= 0) return known
    // Here and not when a column is made: it gives the fields that it reads their places.
    accumulator.create(placeOf)
    const create = () => accumulator.create(placeOf)
    return accumulators.push({ identity, filter: filterIndex(accumulator.where), create }) - 1
  }

  const windows = spec.features.map((feature) => windowShape(feature.window, spec.zones))
  const cutters = distinctCutters(windows.filter((window) => window.spec.tailLimit === undefined))
  const features = spec.features.map((feature, index): FeaturePlan => {
    const window = windows[index] as WindowShape
    const computation = prepareFeature(feature, typeOf)
    if ('error' in computation) throw new Error(`feature ${spec.name}.${feature.name}: ${computation.error}`)
    const kept = computation.accumulators.map(accumulatorIndex)
    const isTail = window.spec.tailLimit !== undefined
    const track = isTail ? -1 : cutters.findIndex((cutter) => cutter?.identity === window.cutter?.identity)
    const { resultType } = computation
    const filter = filterIndex(feature.where)
    return { spec: feature, computation, window, resultType, accumulators: kept, filter, track, index }
  })
  const used = new Set([...fields.map((field) => field.name), ...keyNames(spec)])
  const fineMs = tileWidth(spec.allowedLatenessMs)
  return {
    spec,
    types: new Map([...types].filter(([name]) => used.has(name))),
    fields,
    filters,
    accumulators,
    foldFilters: accumulators.map(({ filter }) => (filter === NO_FILTER ? filters.length : filter)),
    fineMs,
    features,
    tracks: cutters.map((cutter, track) => ({
      cutter,
      levels: compileLevels(
        features.filter((feature) => feature.track === track),
        fineMs,
      ),
    })),
    tail: compileTail(windows.filter((window) => window.spec.tailLimit !== undefined)),
    join: null,
  }
}

/** With the types: the state of a number is no state of a text that has come to its name. */
function accumulatorIdentity(
  { kind, field, more, where }: AccumulatorSpec,
  typeOf: (name: string) => FieldType,
): string {
  const read = [...(field === undefined ? [] : [field]), ...(more ?? []), ...fieldsOf(where)]
  return canonicalJson({ kind, field, more, where, types: read.map(typeOf) })
}

/** The cutter of each track: none first, if some feature has none, then in the order of first use. */
function distinctCutters(windows: readonly WindowShape[]): (Cutter | null)[] {
  const byIdentity = new Map<string, Cutter>()
  for (const { cutter } of windows) if (cutter !== null) byIdentity.set(cutter.identity, cutter)
  return [...(windows.some((window) => window.cutter === null) ? [null] : []), ...byIdentity.values()]
}

const union = (lists: readonly (readonly number[])[]): number[] => [...new Set(lists.flat())].sort((a, b) => a - b)

function compileLevels(features: readonly FeaturePlan[], fineMs: number): LevelPlan[] {
  const reaches = new Map<number, number>()
  for (const { window } of features) {
    reaches.set(window.tileMs, Math.max(reaches.get(window.tileMs) ?? 0, window.reachMs))
    // Wider tiles are filled through fine ones, which are needed only within the allowed lateness of the mark.
    if (window.tileMs > fineMs) reaches.set(fineMs, reaches.get(fineMs) ?? 0)
  }
  return [...reaches]
    .sort(([a], [b]) => a - b)
    .map(([widthMs, reachMs]) => ({
      widthMs,
      reachMs,
      accumulators: union(features.filter((f) => f.window.tileMs >= widthMs).map((f) => f.accumulators)),
    }))
}

function compileTail(windows: readonly WindowShape[]): TailPlan | null {
  if (windows.length === 0) return null
  const reachMs = Math.max(...windows.map((window) => window.reachMs))
  return tailPlan(Math.max(...windows.map((window) => window.spec.tailLimit ?? 0)), reachMs)
}

function tailPlan(rows: number, reachMs: number): TailPlan {
  return { rows, reachMs, stepMs: reachMs === UNBOUNDED ? UNBOUNDED : tileWidth(Math.max(reachMs, 128)) }
}
