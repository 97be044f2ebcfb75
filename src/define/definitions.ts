import type {
  DefinitionsSpec,
  EntitySpec,
  FeatureTopicSpec,
  ServiceSpec,
  SourceSpec,
  ViewSpec,
} from '../engine/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur128Hex } from '../util/murmur3.ts'
import { checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { tablesOf } from './enrich.ts'
import type { FeatureService } from './feature-service.ts'
import { checkTargets, type FeatureTopic } from './feature-topic.ts'
import { VIEW, type ViewParts } from './feature-view.ts'

/** Everything that is deployed together. Made by {@link definitions}. */
export interface Definitions<Services = Readonly<Record<string, FeatureService>>> {
  /** All of it as data, sorted by name. */
  readonly spec: DefinitionsSpec
  /** 32 hexadecimal digits that change when anything of `spec` does, and not with the order of declaring. */
  readonly hash: string
  /** The services by name, newest version of each, with their types. */
  readonly services: Services
}

/**
 * Collects services, and through them views, entities, sources and the tables that these are enriched from, into what a
 * deploy takes. Views that no service reads (yet) are listed apart.
 *
 * @throws DefinitionError when two different things of one kind have one name
 * @example export default definitions({ services: [fraud], views: [experimental] })
 */
export function definitions<const Services extends readonly FeatureService[]>(input: {
  readonly services: Services
  readonly views?: readonly { readonly [VIEW]: ViewParts }[]
  readonly topics?: readonly FeatureTopic[]
}): Definitions<{ readonly [S in Services[number] as S['spec']['name']]: S }> {
  const where = 'definitions'
  checkOptions(where, input, ['services', 'views', 'topics'])
  const { services, views = [], topics = [] } = input
  if (![services, views, topics].every(Array.isArray)) {
    const problem = 'services, views and topics are lists: definitions({ services: [fraud] }).'
    throw new DefinitionError('bad_option', where, problem)
  }
  const allViews = [
    ...services.flatMap(
      (service, i) => (service?.views ?? fail(`item ${i + 1} of services is no featureService(...).`)) as ViewParts[],
    ),
    ...views.map((view, i): ViewParts => view?.[VIEW] ?? fail(`item ${i + 1} of views is no featureView(...).`)),
    ...topics.flatMap(
      (topic, i) => (topic?.views ?? fail(`item ${i + 1} of topics is no featureTopic(...).`)) as ViewParts[],
    ),
  ]
  const topicSpecs = distinct(
    'feature topics',
    (topic: FeatureTopicSpec) => topic.name,
    topics.map((topic) => topic.spec),
  )
  checkTargets(where, topicSpecs)
  const spec: DefinitionsSpec = {
    entities: distinct(
      'entities',
      (e: EntitySpec) => e.name,
      allViews.map((view) => view.entity),
    ),
    sources: distinct(
      'sources',
      (s: SourceSpec) => s.name,
      allViews.flatMap((view) => view.sources.flatMap((source) => [source, ...tablesOf(source)])),
    ),
    views: distinct(
      'feature views',
      (v: ViewSpec) => v.name,
      allViews.map((view) => view.spec),
    ),
    services: distinct(
      'feature services',
      (s: ServiceSpec) => `${s.name}@${s.version}`,
      services.map((service) => service.spec),
    ),
    ...(topicSpecs.length > 0 && { topics: topicSpecs }),
  }
  const byName = new Map<string, FeatureService>()
  for (const service of services as readonly FeatureService[]) {
    const other = byName.get(service.spec.name)
    if (other === undefined || other.spec.version < service.spec.version) byName.set(service.spec.name, service)
  }
  return {
    spec,
    hash: murmur128Hex(canonicalJson(spec)),
    services: Object.fromEntries(byName) as { readonly [S in Services[number] as S['spec']['name']]: S },
  }
}

/** Each name once, sorted; the same declaration again is the same thing, another one under the same name is a mistake. */
function distinct<T>(kind: string, nameOf: (thing: T) => string, things: readonly T[]): T[] {
  const byName = new Map<string, T>()
  for (const thing of things) {
    const name = nameOf(thing)
    const other = byName.get(name)
    if (other !== undefined && other !== thing && canonicalJson(other) !== canonicalJson(thing)) {
      throw new DefinitionError('duplicate', 'definitions', `two different ${kind} are called "${name}": rename one.`)
    }
    byName.set(name, thing)
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, thing]) => thing)
}

function fail(problem: string): never {
  throw new DefinitionError('wrong_type', 'definitions', problem)
}
