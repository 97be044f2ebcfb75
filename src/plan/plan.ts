import { type Contract, compileContract } from '../contract/index.ts'
import {
  type ColumnOrigin,
  columnOrigin,
  columnTypes,
  compileView,
  type DefinitionsSpec,
  type EntityPlan,
  type EntitySpec,
  type FeaturePlan,
  type FieldSpec,
  inputsOf,
  type KeyType,
  type ServiceSpec,
  type SourceSpec,
  type Value,
} from '../engine/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'

/** How events of a source reach the views of one entity by one mapping of keys: a flight goes to its origin and its destination. */
export interface Route {
  readonly entity: EntityRuntime
  /** Places of the key fields in the source's fields, in the order of the entity's keys. */
  readonly keyFields: readonly number[]
  readonly keyTypes: readonly KeyType[]
  readonly views: readonly RouteView[]
}

export interface RouteView {
  /** Its place in the entity's plan. */
  readonly view: number
  /** What the view keeps of an event, by the checked values of the source's fields. */
  rowOf(values: readonly Value[]): Value[]
}

export interface SourceRuntime {
  readonly spec: SourceSpec
  readonly contract: Contract
  readonly routes: readonly Route[]
  /** What finds the shard of a row, when the source is a table: its primary key, as if it were an entity's. */
  readonly table: Route | null
}

export interface EntityRuntime {
  readonly spec: EntitySpec
  readonly plan: EntityPlan
}

/** One feature of a vector: where it is computed. */
export interface FeatureRef {
  /** `view.feature` */
  readonly name: string
  /** The feature's own name, as typed objects show it. */
  readonly shortName: string
  readonly entity: EntityRuntime
  readonly view: number
  readonly feature: FeaturePlan
}

/** A vector to read: a service's, or a list of references that a request names. */
export interface VectorPlan {
  /** `fraud@1`, or null for a list of features. */
  readonly service: string | null
  /** How old what it is read from may be, ms, where a request does not say; 0: through the shards. */
  readonly maxStalenessMs: number
  readonly features: readonly FeatureRef[]
  /** The entities it needs, each once, in the order of first use. */
  readonly entities: readonly EntityRuntime[]
  /** Its features cut where the entity changes: what one shard can answer in one piece. */
  readonly runs: readonly VectorRun[]
}

/** Neighbouring features of a vector that are of one entity. */
export interface VectorRun {
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  /** Names it to a shard of the same plan: `:fraud@1:0` for a service's first run, else the features with commas between. */
  readonly ref: string
}

/** Definitions compiled for running: what ingest, shards and lookup share. Built once, when the Worker starts. */
export class Plan {
  readonly spec: DefinitionsSpec
  /** Changes whenever a definition does; shards and doors compare it, so that they never misread each other. */
  readonly hash: string
  readonly entities: ReadonlyMap<string, EntityRuntime>
  readonly sources: ReadonlyMap<string, SourceRuntime>
  private readonly features: ReadonlyMap<string, FeatureRef>
  private readonly vectors = new Map<string, VectorPlan>()

  constructor(spec: DefinitionsSpec) {
    this.spec = spec
    this.hash = murmur128Hex(canonicalJson(withoutTexts(spec)))
    this.entities = new Map(spec.entities.map((entity) => [entity.name, compileEntity(entity, spec)]))
    this.sources = new Map(spec.sources.map((source) => [source.name, compileSource(source, spec, this.entities)]))
    this.features = collectFeatures(this.entities)
    for (const service of spec.services) this.addService(service)
  }

  private addService(service: ServiceSpec): void {
    const vector = this.vectorOf(`${service.name}@${service.version}`, service.features, service.maxStalenessMs)
    if (typeof vector === 'string') throw new Error(`feature service ${service.name}: no feature ${vector}`)
    this.vectors.set(`${service.name}@${service.version}`, vector)
    // A bare name means the newest version.
    const known = this.vectors.get(service.name)?.service?.split('@')[1]
    if (known === undefined || Number(known) < service.version) this.vectors.set(service.name, vector)
  }

  /** A service's vector by `name` (its newest version) or `name@version`. */
  service(name: string): VectorPlan | undefined {
    return this.vectors.get(name)
  }

  /** The features that a run's `ref` names, or undefined when this plan has no such run. */
  featuresOf(ref: string): readonly FeatureRef[] | undefined {
    const [, service, run] = /^:(.+):(\d+)$/.exec(ref) ?? []
    if (service !== undefined) return this.vectors.get(service)?.runs[Number(run)]?.features
    const vector = this.vectorOf(null, ref.split(','))
    return typeof vector === 'string' ? undefined : vector.features
  }

  get serviceNames(): string[] {
    return [...this.vectors.keys()]
  }

  get featureNames(): string[] {
    return [...this.features.keys()]
  }

  /** The vector of a list of `view.feature`; the first unknown name if there is one. */
  vectorOf(service: string | null, names: readonly string[], maxStalenessMs = 0): VectorPlan | string {
    const features: FeatureRef[] = []
    for (const name of names) {
      const feature = this.features.get(name)
      if (feature === undefined) return name
      features.push(feature)
    }
    const cut: { entity: EntityRuntime; features: FeatureRef[] }[] = []
    for (const feature of features) {
      const last = cut.at(-1)
      if (last?.entity === feature.entity) last.features.push(feature)
      else cut.push({ entity: feature.entity, features: [feature] })
    }
    const runs = cut.map((run, i) => ({
      ...run,
      ref: service === null ? run.features.map((feature) => feature.name).join() : `:${service}:${i}`,
    }))
    return {
      service,
      maxStalenessMs,
      features,
      entities: [...new Set(features.map((feature) => feature.entity))],
      runs,
    }
  }
}

/** Texts for people, and how old a read may be, change no value: a change of one is no new plan. */
function withoutTexts({ sources, views, services, topics, ...rest }: DefinitionsSpec): object {
  return {
    ...rest,
    ...(topics && { topics: topics.map(({ description: _, ...topic }) => topic) }),
    sources: sources.map(({ description: _, ...source }) => source),
    views: views.map(({ description: _, features, ...view }) => ({
      ...view,
      features: features.map(({ description: __, ...feature }) => feature),
    })),
    services: services.map(({ description: _, owner: __, tags: ___, maxStalenessMs: ____, ...service }) => service),
  }
}

function compileEntity(spec: EntitySpec, definitions: DefinitionsSpec): EntityRuntime {
  const plan = definitions.views
    .filter((view) => view.entity === spec.name)
    .map((view) => {
      const types = columnTypes(view, (name) => {
        const source = definitions.sources.find((s) => s.name === name)
        if (source === undefined) throw new Error(`feature view ${view.name}: no source ${name}`)
        return source.fields
      })
      return compileView(view, types)
    })
  return { spec, plan }
}

function compileSource(
  spec: SourceSpec,
  definitions: DefinitionsSpec,
  entities: ReadonlyMap<string, EntityRuntime>,
): SourceRuntime {
  const place = (field: string): number => spec.fields.findIndex((f) => f.name === field)
  const nameAt = (field: number): string => spec.fields[field]?.name ?? ''
  const routes = new Map<string, { entity: EntityRuntime; keyFields: number[]; views: RouteView[] }>()
  for (const view of definitions.views) {
    const entity = entities.get(view.entity)
    const input = inputsOf(view).find(({ source }) => source === spec.name)
    if (input === undefined || entity === undefined) continue
    const keyFields = entity.spec.keys.map((key) => place(input.key[key.name] ?? ''))
    const at = entity.plan.findIndex((plan) => plan.spec.name === view.name)
    const origins = entity.plan[at]?.fields.map((field) => columnOrigin(view, input, field.name)) ?? []
    const key = `${view.entity}/${keyFields.join()}`
    const route = routes.get(key) ?? { entity, keyFields, views: [] }
    route.views.push({ view: at, rowOf: rowMaker(origins, place) })
    routes.set(key, route)
  }
  return {
    spec,
    contract: compileContract(spec, [
      ...new Set([
        ...[...routes.values()].flatMap((route) => route.keyFields).map(nameAt),
        ...(spec.changes?.key ?? []),
      ]),
    ]),
    routes: [...routes.values()].map((route) => ({
      ...route,
      keyTypes: route.entity.spec.keys.map((key) => key.type),
    })),
    table: tableRoute(spec, place),
  }
}

function rowMaker(origins: readonly ColumnOrigin[], place: (field: string) => number): RouteView['rowOf'] {
  const columns = origins.map((origin) => ('field' in origin ? { at: place(origin.field) } : origin))
  return (values) => columns.map((column) => ('at' in column ? (values[column.at] ?? null) : column.constant))
}

function tableRoute({ name, fields, changes }: SourceSpec, place: (field: string) => number): Route | null {
  if (changes === undefined) return null
  const keyFields = changes.key.map(place)
  const keys = keyFields.map((at) => {
    const { name, type, format } = fields[at] as FieldSpec
    return { name, type: format === 'uuid' ? 'uuid' : type === 'int' ? 'int64' : (type as KeyType) }
  }) satisfies EntitySpec['keys']
  return { entity: { spec: { name, keys }, plan: [] }, keyFields, keyTypes: keys.map(({ type }) => type), views: [] }
}

function collectFeatures(entities: ReadonlyMap<string, EntityRuntime>): Map<string, FeatureRef> {
  const features = new Map<string, FeatureRef>()
  for (const entity of entities.values()) {
    entity.plan.forEach((plan, view) => {
      for (const feature of plan.features) {
        const name = `${plan.spec.name}.${feature.spec.name}`
        features.set(name, { name, shortName: feature.spec.name, entity, view, feature })
      }
    })
  }
  return features
}
