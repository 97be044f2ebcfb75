import type { FormatSpec, IntakeSpec } from '../engine/index.ts'
import type { Duration } from '../util/duration.ts'
import { checkOptions, durationMs } from './checks.ts'
import { DefinitionError } from './definition-error.ts'

/** A way that events come in. Made by {@link webhook} and {@link kafka}. */
export type Intake = IntakeSpec

/** The options of {@link webhook}. */
export interface WebhookOptions {
  /** What a body holds: `debezium()` for Debezium Server's HTTP sink. Absent: JSON, and CloudEvents where the headers say so. */
  readonly format?: FormatSpec
}

/**
 * Events over HTTP: `POST /v1/sources/{source}/events`.
 *
 * @example streamSource('clicks', { event, id: 'id', time: 'at', from: [webhook()] })
 */
export function webhook(options: WebhookOptions = {}): Intake {
  checkOptions('webhook()', options, ['format'])
  return { kind: 'webhook', ...(options.format !== undefined && { format: checkFormat('webhook()', options.format) }) }
}

/** The options of {@link kafka}. */
export interface KafkaOptions {
  /** How records are written: `json()` (default), `avro()`, `cloudEvents()`, `debezium()`, `raw()`. */
  readonly format?: FormatSpec
  /** Names the cluster, whose address and credentials are in the secret CONNECTIONS; default `'default'`. */
  readonly cluster?: string
  /** Where a partition begins when it is first read: with everything that is there (default), or with what comes. */
  readonly start?: 'earliest' | 'latest'
  /** When records were deleted before they were read: go on at the earliest (default) or latest there is, or halt. */
  readonly onGap?: 'earliest' | 'latest' | 'halt'
  /** A record that can never be taken: park it with the dead letters (default), or halt its partition before it. */
  readonly onPoison?: 'park' | 'halt'
  /**
   * How long records gather before they are handed over, where there are few; default `'100ms'`. Shorter is fresher and
   * costs more rows written. A partition that is behind does not wait.
   */
  readonly linger?: Duration
  /** The longest pause between two looks at a topic in which nothing happens; default `'5s'`. */
  readonly maxIdle?: Duration
}

/**
 * The partitions of a Kafka topic, pulled over HTTP, each record counted once.
 *
 * @example streamSource('clicks', { event, time: 'at', from: [kafka('clicks', { format: avro() })] })
 */
export function kafka(topic: string, options: KafkaOptions = {}): Intake {
  const where = `kafka(${JSON.stringify(topic)})`
  checkOptions(where, options, ['format', 'cluster', 'start', 'onGap', 'onPoison', 'linger', 'maxIdle'])
  // The names that brokers allow.
  if (typeof topic !== 'string' || !/^[a-zA-Z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
    throw new DefinitionError('bad_name', where, 'a topic is 1 to 249 letters, digits, dots, dashes and _.')
  }
  const { cluster = 'default' } = options
  if (typeof cluster !== 'string' || cluster === '') {
    throw new DefinitionError(
      'bad_option',
      where,
      `cluster is the name of one of the secret CONNECTIONS; got ${JSON.stringify(cluster)}.`,
    )
  }
  return {
    kind: 'kafka',
    topic,
    cluster,
    format: checkFormat(where, options.format ?? { kind: 'json' }),
    start: choice(where, 'start', options.start ?? 'earliest', ['earliest', 'latest']),
    onGap: choice(where, 'onGap', options.onGap ?? 'earliest', ['earliest', 'latest', 'halt']),
    onPoison: choice(where, 'onPoison', options.onPoison ?? 'park', ['park', 'halt']),
    lingerMs: durationMs(where, 'linger', options.linger ?? '100ms'),
    maxIdleMs: durationMs(where, 'maxIdle', options.maxIdle ?? '5s', 250),
  }
}

/** The ways in of a source, checked: at least one, each topic once, and formats that can tell what the source wants to know. */
export function checkIntakes(where: string, from: unknown, kind: 'stream' | 'table'): readonly Intake[] {
  const example =
    kind === 'stream' ? 'from: [webhook()]' : "from: [kafka('shop.public.orders', { format: debezium() })]"
  if (!Array.isArray(from) || from.length === 0) {
    throw new DefinitionError('bad_option', where, `no way in: write ${example}.`)
  }
  const intakes = from as readonly Intake[]
  if (intakes.some((way) => way?.kind !== 'webhook' && way?.kind !== 'kafka')) {
    throw new DefinitionError('bad_option', where, 'an entry of from is not a way in: write webhook() or kafka(topic).')
  }
  const topics = intakes.flatMap((way) => (way.kind === 'kafka' ? [way.topic] : []))
  const twice = topics.find((topic, i) => topics.indexOf(topic) !== i)
  if (twice !== undefined) throw new DefinitionError('duplicate', where, `topic ${twice} is read twice.`)
  if (intakes.filter((way) => way.kind === 'webhook').length > 1) {
    throw new DefinitionError('duplicate', where, 'webhook() is there twice: a source has one door.')
  }
  for (const { format } of intakes) checkFit(where, format, kind)
  return intakes
}

function checkFit(where: string, format: FormatSpec | undefined, kind: 'stream' | 'table'): void {
  if (kind === 'table' && format?.kind !== 'debezium') {
    const how = 'write { format: debezium() }'
    throw new DefinitionError('bad_option', where, `what comes into a table are changes of its rows: ${how}.`)
  }
  if (kind === 'table' && format?.kind === 'debezium' && format.only !== undefined) {
    throw new DefinitionError('bad_option', where, "a table wants all changes: leave out only: 'inserts'.")
  }
  if (kind === 'stream' && format?.kind === 'debezium' && format.only === undefined) {
    const how = "write debezium({ only: 'inserts' }), or declare a tableSource(...)"
    throw new DefinitionError('bad_option', where, `the rows of a table change, the events of a stream do not: ${how}.`)
  }
}

const FORMATS: readonly string[] = ['json', 'avro', 'cloudevents', 'debezium', 'raw']

function checkFormat(where: string, format: FormatSpec): FormatSpec {
  if (typeof format === 'object' && format !== null && FORMATS.includes(format.kind)) return format
  throw new DefinitionError(
    'bad_option',
    where,
    'format is what json(), avro(), cloudEvents(), debezium() or raw() gives.',
  )
}

function choice<T extends string>(where: string, option: string, given: T, of: readonly T[]): T {
  if (of.includes(given)) return given
  const listed = of.map((one) => `'${one}'`).join(', ')
  throw new DefinitionError('bad_option', where, `${option} is one of ${listed}; got ${JSON.stringify(given)}.`)
}
