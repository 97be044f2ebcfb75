/** What the bridge knows of the cluster: brokers, topics and their leaders, and which versions of the protocol they speak. */
import {
  apiVersionsV3,
  type Connection,
  type ConnectionOptions,
  fetchV12,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  listOffsetsV6,
  listOffsetsV7,
  metadataV10,
  metadataV11,
  metadataV12,
  produceV9,
  produceV10,
  produceV11,
  protocolErrorsCodesById,
} from '@platformatic/kafka'
import { type BrokerAddress, brokerConnections, type Connections, isAnswered } from './connections.ts'

export interface ClusterOptions {
  /** `host:port`, any of the cluster. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** SASL and TLS towards the brokers. */
  readonly connection: ConnectionOptions
}

export interface Topic {
  readonly name: string
  /** A UUID, or null when the brokers are older than topic ids. */
  readonly id: string | null
  /** The leader's node id by partition; -1 without one. */
  readonly leaders: readonly number[]
}

// Newest first; the oldest are of Kafka 2.8, the first with topic ids in its metadata.
const FETCH = [fetchV17, fetchV16, fetchV15, fetchV14, fetchV13, fetchV12]
const METADATA = [metadataV12, metadataV11, metadataV10]
const LIST_OFFSETS = [listOffsetsV7, listOffsetsV6]
const PRODUCE = [produceV11, produceV10, produceV9]

type MetadataResponse = ReturnType<typeof metadataV12.parseResponse>

interface Apis {
  readonly fetch: (typeof FETCH)[number]
  readonly metadata: (typeof METADATA)[number]
  readonly listOffsets: (typeof LIST_OFFSETS)[number]
  readonly produce: (typeof PRODUCE)[number]
}

/** The cluster cannot be asked now: another try may help. */
export class Unavailable extends Error {}

/** Codes of https://kafka.apache.org/protocol#protocol_error_codes that mean: what we know of the topic is old. */
const STALE: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
])

/** `OFFSET_OUT_OF_RANGE` of 1. */
export function errorName(code: number): string {
  return protocolErrorsCodesById[code] ?? `error ${code}`
}

export function isStale(code: number): boolean {
  return STALE.has(errorName(code))
}

const NO_ID = '00000000-0000-0000-0000-000000000000'
const METADATA_MS = 3_000

export interface Cluster {
  readonly connections: Connections
  /** What is known of a topic, asked for when nothing is; undefined when it does not exist. Throws {@link Unavailable}. */
  topic(name: string, fresh?: boolean): Promise<Topic | undefined>
  topics(): Promise<readonly Topic[]>
  /** The broker that leads a partition; undefined when there is none at the moment. */
  leader(topic: Topic, partition: number): BrokerAddress | undefined
  /** What is known of the topic is old. */
  forget(name: string): void
  apis(): Promise<Apis>
  /** How many brokers answered last. */
  brokerCount(): number
  close(): Promise<void>
}

export function connectCluster(options: ClusterOptions): Cluster {
  const bootstrap = options.brokers.map(parseBroker)
  const connections = brokerConnections(options.clientId, options.connection)
  const known = new Map<string, Topic>()
  let brokers = new Map<number, BrokerAddress>()
  let apis: Apis | undefined

  return {
    connections,
    async topic(name, fresh = false) {
      const cached = known.get(name)
      if (cached !== undefined && !fresh) return cached
      return (await ask([name])).find((topic) => topic.name === name)
    },
    topics: () => ask(null),
    leader: (topic, partition) => brokers.get(topic.leaders[partition] ?? -1),
    forget: (name) => void known.delete(name),
    apis: async () => apis ?? (await fromAny((connection) => negotiate(connection))),
    brokerCount: () => brokers.size,
    close: () => connections.close(),
  }

  async function ask(names: readonly string[] | null): Promise<readonly Topic[]> {
    const response = await fromAny(async (connection) => {
      const { metadata } = apis ?? (await negotiate(connection))
      return metadata.api
        .async(connection, names === null ? null : [...names], false, false)
        .catch((error: unknown) => answerOf<MetadataResponse>(error))
    })
    brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    const topics = response.topics.flatMap(({ name, topicId, errorCode, partitions, isInternal }) => {
      if (typeof name !== 'string' || isInternal || isStale(errorCode)) return []
      if (errorCode !== 0) throw new Unavailable(`the brokers answer ${errorName(errorCode)} for the topic ${name}`)
      const leaders: number[] = new Array(partitions.length).fill(-1)
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId
      return [{ name, id: topicId === NO_ID ? null : topicId, leaders }]
    })
    for (const name of names ?? known.keys()) known.delete(name)
    for (const topic of topics) known.set(topic.name, topic)
    return topics
  }

  /** From the first broker that answers: those last seen, then those from the command line. */
  async function fromAny<T>(exchange: (connection: Connection) => Promise<T>): Promise<T> {
    const reasons: string[] = []
    for (const broker of distinct([...brokers.values(), ...bootstrap])) {
      try {
        return await connections.use(broker, METADATA_MS, exchange)
      } catch (error) {
        if (error instanceof Unavailable) throw error
        reasons.push(`${broker.host}:${broker.port}: ${reasonOf(error)}`)
      }
    }
    throw new Unavailable(`no broker answers (${reasons.join('; ')})`)
  }

  async function negotiate(connection: Connection): Promise<Apis> {
    const { apiKeys } = await apiVersionsV3.api.async(connection, 'tidemark-kafka-http-bridge', '1')
    const best = <T extends { api: { key: number; version: number } }>(candidates: readonly T[]): T => {
      const key = candidates[0]?.api.key
      const range = apiKeys.find(({ apiKey }) => apiKey === key)
      const fits = candidates.find(
        ({ api }) => range !== undefined && api.version >= range.minVersion && api.version <= range.maxVersion,
      )
      if (fits !== undefined) return fits
      throw new Unavailable(
        `the brokers speak no version of request ${key} that the bridge knows; Kafka 2.8 or newer does`,
      )
    }
    apis = { fetch: best(FETCH), metadata: best(METADATA), listOffsets: best(LIST_OFFSETS), produce: best(PRODUCE) }
    return apis
  }
}

/** The answer inside of an error that is one with error codes; throws everything else. */
export function answerOf<T>(error: unknown): T {
  if (isAnswered(error)) return error.response as T
  throw error
}

/** What is wrong, with the innermost cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner instanceof Error ? `${error.message} ${reasonOf(inner)}` : error.message
}

function distinct(list: readonly BrokerAddress[]): BrokerAddress[] {
  return [...new Map(list.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()]
}

/** `host:port`, `[::1]:9092`, or a host with Kafka's usual port. Throws when it is none. */
export function parseBroker(text: string): BrokerAddress {
  const parts = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text.trim())
  if (parts?.[1] === undefined) throw new Error(`"${text}" is no broker; write host:port, for example 127.0.0.1:9092.`)
  return { host: parts[1].replace(/^\[|\]$/g, ''), port: Number(parts[2] ?? 9092) }
}
