import { canonicalJson } from '../util/canonical-json.ts'
import type { AccumulatorSpec, Aggregate } from './aggregate.ts'
import { aggregates } from './aggregates/index.ts'
import { compilePredicate, type RowFilter } from './predicate.ts'
import type { FeatureSpec, FieldType, Predicate, ViewSpec, WindowSpec } from './spec.ts'

/** A window is cut into at least this many tiles: the bound of the error at its edge, when it is not exact. */
export const TILES_PER_WINDOW = 128
/** The place of the filter of an accumulator that has none. */
export const NO_FILTER = -1
/** The level of lifetime features: one tile for everything. */
export const UNBOUNDED = Number.POSITIVE_INFINITY

/** The largest power of two of milliseconds that is at most `widthMs / 128`. */
export function tileWidth(widthMs: number): number {
  return widthMs === UNBOUNDED ? UNBOUNDED : 2 ** Math.floor(Math.log2(widthMs / TILES_PER_WINDOW))
}

/** How far back from t a feature over this window can read, in ms. */
export function reachOf(window: WindowSpec): number {
  return window.kind === 'lifetime' ? UNBOUNDED : window.widthMs + window.delayMs
}

/** One accumulator that tiles keep, shared by every feature that needs the same. */
export interface AccumulatorPlan {
  /** Kind, field and filter as text: equal text, equal state. Survives a change of the other features. */
  readonly identity: string
  readonly spec: AccumulatorSpec
  /** Place of its field in the rows, or -1. */
  readonly field: number
  /** Place of its filter in `filters`, or -1. */
  readonly filter: number
}

/**
 * A width of tiles that state is kept in. Data stays in the narrowest level that some feature may still read it at, and
 * joins the next wider one when it is wholly out of that reach; so each folded row is in exactly one tile.
 */
export interface LevelPlan {
  readonly widthMs: number
  /** The furthest back, from the mark less lateness, that a feature needs this width. */
  readonly reachMs: number
  /** Which accumulators a tile of this level keeps: those of features with tiles of this width or wider. */
  readonly accumulators: readonly number[]
}

export interface FeaturePlan {
  readonly spec: FeatureSpec
  readonly aggregate: Aggregate
  readonly fieldType: FieldType | undefined
  readonly resultType: FieldType
  readonly accumulators: readonly number[]
  /** Its place in the view's list of features. */
  readonly index: number
}

/** Features of equal width and delay; read together. */
export interface WindowPlan {
  /** Infinite for lifetime. */
  readonly widthMs: number
  readonly tileMs: number
  readonly features: readonly FeaturePlan[]
  /** Accumulators that this window or a longer one of its group reads. */
  readonly accumulators: readonly number[]
}

/** Windows that share their leading edge and how tiles are cut there; shortest first, each a prefix of the next. */
export interface WindowGroup {
  readonly delayMs: number
  readonly leadTileMs: number
  readonly windows: readonly WindowPlan[]
}

/** A view, compiled once: which fields a row keeps, which tiles there are, what each keeps, how features read them. */
export interface ViewPlan {
  readonly spec: ViewSpec
  /** Types of the source's fields that it reads or takes its keys from. */
  readonly types: ReadonlyMap<string, FieldType>
  readonly fields: readonly { readonly name: string; readonly type: FieldType }[]
  readonly filters: readonly RowFilter[]
  readonly accumulators: readonly AccumulatorPlan[]
  readonly levels: readonly LevelPlan[]
  /** Width of the tiles that rows less than `allowedLatenessMs` before the mark fold into, at most. */
  readonly fineMs: number
  readonly features: readonly FeaturePlan[]
}

/** Compiles a view. `types` are the types of the source's fields; the definition has been checked before. */
export function compileView(spec: ViewSpec, types: ReadonlyMap<string, FieldType>): ViewPlan {
  const fields: { name: string; type: FieldType }[] = []
  const fieldIndex = (name: string): number => {
    const known = fields.findIndex((field) => field.name === name)
    if (known >= 0) return known
    const type = types.get(name)
    if (type === undefined) throw new Error(`feature view ${spec.name}: source ${spec.source} has no field ${name}`)
    return fields.push({ name, type }) - 1
  }
  const filters: RowFilter[] = []
  const filterKeys: string[] = []
  const filterIndex = (where: Predicate | undefined): number => {
    if (where === undefined) return NO_FILTER
    const key = canonicalJson(where)
    const known = filterKeys.indexOf(key)
    if (known >= 0) return known
    filterKeys.push(key)
    return filters.push(compilePredicate(where, fieldIndex)) - 1
  }
  const accumulators: AccumulatorPlan[] = []
  const accumulatorIndex = (accumulator: AccumulatorSpec): number => {
    const { kind, field, where } = accumulator
    // With the types: the state of a number is no state of a text that has come to its name.
    const read = [...(field === undefined ? [] : [field]), ...fieldsOf(where)]
    const identity = canonicalJson({ kind, field, where, types: read.map((name) => types.get(name)) })
    const known = accumulators.findIndex((other) => other.identity === identity)
    if (known >= 0) return known
    const place = field === undefined ? -1 : fieldIndex(field)
    return accumulators.push({ identity, spec: accumulator, field: place, filter: filterIndex(where) }) - 1
  }

  const features = spec.features.map((feature, index): FeaturePlan => {
    const aggregate = aggregates[feature.aggregate]
    if (aggregate === undefined)
      throw new Error(`feature ${spec.name}.${feature.name}: no aggregate ${feature.aggregate}`)
    const fieldType = feature.field === undefined ? undefined : types.get(feature.field)
    const resultType = aggregate.resultType(fieldType)
    if (typeof resultType !== 'string') throw new Error(`feature ${spec.name}.${feature.name}: ${resultType.error}`)
    const kept = aggregate.accumulators(feature, fieldType).map(accumulatorIndex)
    return { spec: feature, aggregate, fieldType, resultType, accumulators: kept, index }
  })
  const used = new Set([...fields.map((field) => field.name), ...Object.values(spec.key)])
  const fineMs = tileWidth(spec.allowedLatenessMs)
  return {
    spec,
    types: new Map([...types].filter(([name]) => used.has(name))),
    fields,
    filters,
    accumulators,
    fineMs,
    features,
    levels: compileLevels(features, fineMs),
  }
}

function fieldsOf(where: Predicate | undefined): string[] {
  if (where === undefined) return []
  if ('field' in where) return [where.field]
  return where.op === 'not' ? fieldsOf(where.of) : where.of.flatMap(fieldsOf)
}

const widthOf = (feature: FeaturePlan): number =>
  feature.spec.window.kind === 'lifetime' ? UNBOUNDED : feature.spec.window.widthMs
const delayOf = (feature: FeaturePlan): number =>
  feature.spec.window.kind === 'lifetime' ? 0 : feature.spec.window.delayMs

const union = (lists: readonly (readonly number[])[]): number[] => [...new Set(lists.flat())].sort((a, b) => a - b)

function compileLevels(features: readonly FeaturePlan[], fineMs: number): LevelPlan[] {
  const reaches = new Map<number, number>()
  for (const feature of features) {
    const tile = tileWidth(widthOf(feature))
    reaches.set(tile, Math.max(reaches.get(tile) ?? 0, reachOf(feature.spec.window)))
    // Wider tiles are filled through fine ones, which are needed only within the allowed lateness of the mark.
    if (tile > fineMs) reaches.set(fineMs, reaches.get(fineMs) ?? 0)
  }
  return [...reaches]
    .sort(([a], [b]) => a - b)
    .map(([widthMs, reachMs]) => ({
      widthMs,
      reachMs,
      accumulators: union(features.filter((f) => tileWidth(widthOf(f)) >= widthMs).map((f) => f.accumulators)),
    }))
}

/** Groups features by how they are read; a subset of a view's features gives a cheaper read. */
export function compileGroups(features: readonly FeaturePlan[], fineMs: number): WindowGroup[] {
  const groups = new Map<string, FeaturePlan[]>()
  for (const feature of features) {
    const tile = tileWidth(widthOf(feature))
    // Without delay the leading edge is t, where wider tiles are still fine ones.
    const key = `${delayOf(feature)}/${delayOf(feature) > 0 ? tile : Math.min(tile, fineMs)}`
    const group = groups.get(key)
    if (group) group.push(feature)
    else groups.set(key, [feature])
  }
  return [...groups].map(([key, members]) => {
    const widths = [...new Set(members.map(widthOf))].sort((a, b) => a - b)
    const [delay, lead] = key.split('/')
    return {
      delayMs: Number(delay),
      leadTileMs: Number(lead),
      windows: widths.map((widthMs) => ({
        widthMs,
        tileMs: tileWidth(widthMs),
        features: members.filter((f) => widthOf(f) === widthMs),
        accumulators: union(members.filter((f) => widthOf(f) >= widthMs).map((f) => f.accumulators)),
      })),
    }
  })
}
