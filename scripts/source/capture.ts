/** What a source says about how its table is captured. */
import type { DebeziumFormat, SourceSpec } from '../../src/engine/index.ts'
import { UsageError } from '../lib/usage-error.ts'
import type { Options, TableName } from './options.ts'

/** A table and how its changes are to be written. */
export interface Capture {
  readonly source: SourceSpec
  readonly format: DebeziumFormat
  readonly table: TableName
  /** Debezium's name for the database: the beginning of its topics. */
  readonly prefix: string
  /** The topic, where Debezium would give it another name. */
  readonly renamed?: string
  /** Of the connector, its slot and its publication: small letters, digits and _. */
  readonly name: string
}

const DEFAULT_PREFIX = 'tidemark'
/** What PostgreSQL allows for a slot. */
const MOST_SLOT_LETTERS = 63

/** Finds the source's intake, and the table behind it. Throws a {@link UsageError} that says what to declare or to add. */
export function captureOf(source: SourceSpec, options: Options): Capture {
  const { format, topic } = options.output === 'server' ? webhookOf(source) : topicOf(source, options.topic)
  const named = topic === undefined ? undefined : topicParts(topic)
  const table = options.table ?? named?.table
  if (table === undefined) {
    const why =
      topic === undefined ? 'a webhook does not say which table it is' : `${topic} is not named server.schema.table`
    throw new UsageError(`${why}: add --table public.${source.name}.`)
  }
  const prefix = options.prefix ?? named?.prefix ?? DEFAULT_PREFIX
  const isRenamed = topic !== undefined && topic !== `${prefix}.${table.schema}.${table.table}`
  const name = (options.name ?? `tidemark_${source.name}`).toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')
  if (name.length > MOST_SLOT_LETTERS)
    throw new UsageError(`--name is also the slot's, which has at most ${MOST_SLOT_LETTERS} letters; got "${name}".`)
  return { source, format, table, prefix, name, ...(isRenamed && { renamed: topic }) }
}

interface Intake {
  readonly format: DebeziumFormat
  readonly topic?: string
}

function webhookOf({ name, from, changes }: SourceSpec): Intake {
  for (const way of from) {
    if (way.kind !== 'webhook' || way.format?.kind !== 'debezium') continue
    if (way.format.value.kind === 'avro')
      throw new UsageError(`source ${name} takes Avro, which the HTTP sink cannot frame: declare debezium() for JSON.`)
    return { format: way.format }
  }
  const only = changes === undefined ? "{ only: 'inserts' }" : ''
  throw new UsageError(
    `source ${name} has no webhook for Debezium: declare from: [webhook({ format: debezium(${only}) })].`,
  )
}

function topicOf({ name, from, changes }: SourceSpec, wanted: string | undefined): Intake {
  const intakes = from.flatMap((way) =>
    way.kind === 'kafka' && way.format.kind === 'debezium' ? [{ format: way.format, topic: way.topic }] : [],
  )
  const topics = intakes.map(({ topic }) => topic).join(', ')
  const found = wanted === undefined ? intakes[0] : intakes.find(({ topic }) => topic === wanted)
  if (intakes.length === 0) {
    const format = changes === undefined ? "debezium({ only: 'inserts' })" : 'debezium()'
    const other = from.some((way) => way.kind === 'webhook' && way.format?.kind === 'debezium')
    const how = other ? 'add --server for its webhook, or ' : ''
    throw new UsageError(
      `source ${name} reads no topic of Debezium: ${how}declare from: [kafka('shop.public.${name}', { format: ${format} })].`,
    )
  }
  if (found === undefined) throw new UsageError(`source ${name} does not read ${wanted}; it reads ${topics}.`)
  if (wanted === undefined && intakes.length > 1)
    throw new UsageError(`source ${name} reads ${topics}, each by a connector: add --topic.`)
  return found
}

/** `server.schema.table`; the server's name may have dots itself. */
function topicParts(topic: string): { prefix: string; table: TableName } | undefined {
  const [, prefix, schema, table] = /^(.+)\.([^.]+)\.([^.]+)$/.exec(topic) ?? []
  if (prefix === undefined || schema === undefined || table === undefined) return undefined
  return { prefix, table: { schema, table } }
}
