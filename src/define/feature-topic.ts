import type { FeatureTopicSpec } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import { checkName, checkOptions, durationMs, optionalText } from './checks.ts'
import { DefinitionError } from './definition-error.ts'
import { VIEW, type ViewParts } from './feature-view.ts'

/** A feature topic. Made by {@link featureTopic}. */
export interface FeatureTopic {
  /** The declaration as data. */
  readonly spec: FeatureTopicSpec
  /** The views that it publishes, each once. */
  readonly views: readonly ViewParts[]
}

/** The options of {@link featureTopic}. */
export interface FeatureTopicOptions {
  /** Views of one entity, whose features are published together. */
  readonly views: readonly { readonly [VIEW]: ViewParts }[]
  /**
   * The Kafka topic, which must exist. Where several regions publish, `{region}` in it is the region's name: of one key a
   * compacted topic keeps one message, and each region has a part of its own.
   */
  readonly topic: string
  /** Names the cluster, whose address and credentials are in the secret CONNECTIONS; default `'default'`. */
  readonly cluster?: string
  /** How long changes of an entity gather into one message; at least 100 ms, default `'1s'`. */
  readonly flush?: Duration
  /**
   * Whether messages carry the canonical state: from it a reader has every value at any time, and merges the parts of several
   * regions. Default false: values as they were when the message was made.
   */
  readonly state?: boolean
  readonly description?: string
}

const optionNames = ['views', 'topic', 'cluster', 'flush', 'state', 'description']
const SHORTEST_FLUSH_MS = 100
const REGION = '{region}'

/**
 * Publishes what changes of an entity to a Kafka topic: its newest values, under its key. What a message holds and how a
 * reader tells old ones is in docs/feature-topics.md.
 *
 * @throws DefinitionError when the views are of several entities, or a name or an option is wrong
 * @example
 * const userFeatures = featureTopic('user_features', { views: [userStats, userOrders], topic: 'features.user', state: true })
 * export default definitions({ services: [fraud], topics: [userFeatures] })
 */
export function featureTopic(name: string, options: FeatureTopicOptions): FeatureTopic {
  const where = `feature topic ${name}`
  checkName('feature topic', name)
  checkOptions(where, options, optionNames)
  const views = viewsOf(where, options.views)
  const [entity, other] = [...new Set(views.map((view) => view.entity.name))]
  if (entity === undefined || other !== undefined) {
    const problem = `views are of ${entity} and ${other}: a message is about one entity. Declare a topic for each.`
    throw new DefinitionError('bad_option', where, problem)
  }
  const { cluster = 'default', state = false } = options
  if (typeof cluster !== 'string' || cluster === '') {
    const problem = `cluster is the name of one of the secret CONNECTIONS; got ${JSON.stringify(cluster)}.`
    throw new DefinitionError('bad_option', where, problem)
  }
  if (typeof state !== 'boolean') throw new DefinitionError('bad_option', where, 'state is true or false.')
  const description = optionalText(where, 'description', options.description)
  return {
    spec: {
      name,
      entity,
      views: views.map((view) => view.spec.name).sort(),
      topic: topicName(where, options.topic),
      cluster,
      flushMs: durationMs(where, 'flush', options.flush ?? '1s', SHORTEST_FLUSH_MS),
      state,
      ...(description !== undefined && { description }),
    },
    views,
  }
}

function viewsOf(where: string, listed: unknown): ViewParts[] {
  if (!Array.isArray(listed) || listed.length === 0)
    throw new DefinitionError('empty', where, 'a topic needs views: write views: [userStats].')
  const views = listed.map((item: { readonly [VIEW]?: ViewParts } | null, i) => {
    const view = item?.[VIEW]
    if (view !== undefined) return view
    throw new DefinitionError('wrong_type', where, `item ${i + 1} of views is no featureView(...).`)
  })
  return [...new Set(views)]
}

function topicName(where: string, topic: unknown): string {
  if (typeof topic === 'string') {
    // The names that brokers allow, whatever the region is called.
    const bare = topic.replaceAll(REGION, 'r')
    if (/^[a-zA-Z0-9._-]{1,200}$/.test(bare) && bare !== '.' && bare !== '..') return topic
  }
  const problem = `topic is 1 to 200 letters, digits, dots, dashes and _, and may have ${REGION}; got ${JSON.stringify(topic)}.`
  throw new DefinitionError('bad_name', where, problem)
}

/** Two feature topics into one Kafka topic would take each other's messages for newer ones of their own. */
export function checkTargets(where: string, topics: readonly FeatureTopicSpec[]): void {
  const known = new Map<string, string>()
  for (const { name, cluster, topic } of topics) {
    const other = known.get(`${cluster}/${topic}`)
    if (other !== undefined)
      throw new DefinitionError('duplicate', where, `${other} and ${name} both publish to ${topic}: give one another.`)
    known.set(`${cluster}/${topic}`, name)
  }
}
