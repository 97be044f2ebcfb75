/** Reads a partition by offset, keeping no state: a page, or why there is none. */

import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from '@platformatic/kafka'
import { answerOf, type Cluster, errorName, isStale, reasonOf, type Topic, Unavailable } from './cluster.ts'
import { FETCH_BY_ID, type FetchedPartition, parseFetchResponse } from './fetch-response.ts'
import { decodeBatches, type LogRecord } from './record-batches.ts'

export interface ReadOptions {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** About how many bytes of values; at least one record is given. */
  readonly maxBytes: number
  readonly waitMs: number
  /** The id that the topic must have. */
  readonly topicId?: string
  /** The asker has gone away. */
  readonly signal?: AbortSignal
}

export interface Page {
  readonly kind: 'page'
  readonly records: readonly LogRecord[]
  readonly next: number
}

export type Trouble =
  | { readonly kind: 'out_of_range'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string }
  | { readonly kind: 'unavailable'; readonly message: string }

/** How long trouble with a broker is tried again beyond the wait: less than what an adapter grants. */
const TROUBLE_MS = 2_000
const PAUSE_MS = 100
/** A broker that is told to wait this long should have answered so much later. */
const BROKER_GRACE_MS = 1_500
/** The longest single wait at a broker: then it is asked again, so that an asker who left is noticed. */
const LONGEST_WAIT_MS = 5_000
const READ_COMMITTED = 1
/** What a record costs beside its value, for the size of a page. */
const RECORD_BYTES = 24

export async function readPage(cluster: Cluster, options: ReadOptions): Promise<Page | Trouble> {
  const startedMs = performance.now()
  const waitUntilMs = startedMs + options.waitMs
  const giveUpMs = waitUntilMs + TROUBLE_MS
  let offset = options.offset
  let trouble: Trouble = { kind: 'unavailable', message: 'the asker has gone away' }
  while (options.signal?.aborted !== true) {
    const waitMs = Math.max(0, Math.min(waitUntilMs - performance.now(), LONGEST_WAIT_MS))
    const page = await readOnce(cluster, { ...options, offset, waitMs: Math.ceil(waitMs) })
    if (page.kind === 'page') {
      // Nothing but transaction markers: go on behind them.
      if (page.records.length > 0 || performance.now() >= waitUntilMs) return page
      offset = page.next
      continue
    }
    trouble = page
    if (page.kind === 'out_of_range' || performance.now() + PAUSE_MS > giveUpMs) break
    cluster.forget(options.topic)
    await pause(PAUSE_MS)
  }
  return trouble
}

async function readOnce(cluster: Cluster, options: ReadOptions): Promise<Page | Trouble> {
  const { topic: name, partition, offset, topicId } = options
  try {
    const topic = await cluster.topic(name)
    if (topic === undefined) return { kind: 'unknown', message: `there is no topic ${name}` }
    if (partition >= topic.leaders.length)
      return { kind: 'unknown', message: `topic ${name} has no partition ${partition}, only ${topic.leaders.length}` }
    if (topicId !== undefined && topic.id !== topicId)
      return { kind: 'out_of_range', message: `topic ${name} has the id ${topic.id} now, not ${topicId}` }
    const fetched = await fetchOnce(cluster, topic, options)
    if (errorName(fetched.errorCode) === 'OFFSET_OUT_OF_RANGE')
      return { kind: 'out_of_range', message: `offset ${offset} is not in ${name}/${partition}` }
    if (fetched.errorCode !== 0) {
      const message = `the broker answers ${errorName(fetched.errorCode)} for ${name}/${partition}`
      return { kind: isStale(fetched.errorCode) ? 'unknown' : 'unavailable', message }
    }
    return cut(decodeBatches(fetched.log, offset, fetched.aborted), options.maxBytes)
  } catch (error) {
    return { kind: 'unavailable', message: reasonOf(error) }
  }
}

async function fetchOnce(cluster: Cluster, topic: Topic, options: ReadOptions): Promise<FetchedPartition> {
  const { partition, offset, maxBytes, waitMs } = options
  const leader = cluster.leader(topic, partition)
  if (leader === undefined) throw new Unavailable(`${topic.name}/${partition} has no leader at the moment`)
  const { fetch } = await cluster.apis()
  const { version } = fetch.api
  const wanted = [
    {
      topicId: version >= FETCH_BY_ID && topic.id !== null ? topic.id : topic.name,
      partitions: [
        {
          partition,
          currentLeaderEpoch: -1,
          fetchOffset: BigInt(offset),
          lastFetchedEpoch: -1,
          partitionMaxBytes: maxBytes,
        },
      ],
    },
  ]
  const request = () => fetch.createRequest(waitMs, 1, maxBytes, READ_COMMITTED, 0, -1, wanted, [], '')
  const send = (connection: Connection) =>
    new Promise<FetchedPartition>((resolve, reject) => {
      connection.send<FetchedPartition>(
        fetch.api.key,
        version,
        request,
        parseFetchResponse,
        true,
        true,
        (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
      )
    })
  return cluster.connections.use(leader, waitMs + BROKER_GRACE_MS, send)
}

/** As many records as fit, one at least. A broker gives whole batches, and what is compressed grows. */
function cut({ records, next }: { records: LogRecord[]; next: number }, maxBytes: number): Page {
  let bytes = 0
  for (let i = 0; i < records.length; i++) {
    const { key, value, offset } = records[i] as LogRecord
    bytes += (value?.length ?? 0) + (key?.length ?? 0) + RECORD_BYTES
    if (bytes > maxBytes && i > 0) return { kind: 'page', records: records.slice(0, i), next: offset }
  }
  return { kind: 'page', records, next }
}

/** Kafka's own names of the two times. */
export const EARLIEST = -2n
export const LATEST = -1n

/** The first offset at or after a time: {@link EARLIEST}, {@link LATEST}, or milliseconds since the epoch. */
export async function offsetAt(
  cluster: Cluster,
  { topic: name, partition }: { readonly topic: string; readonly partition: number },
  timestamp: bigint,
): Promise<number | Trouble> {
  const giveUpMs = performance.now() + TROUBLE_MS
  for (;;) {
    const answer = await offsetOnce(cluster, name, partition, timestamp)
    if (typeof answer === 'number' || performance.now() + PAUSE_MS > giveUpMs) return answer
    cluster.forget(name)
    await pause(PAUSE_MS)
  }
}

async function offsetOnce(
  cluster: Cluster,
  name: string,
  partition: number,
  timestamp: bigint,
): Promise<number | Trouble> {
  try {
    const topic = await cluster.topic(name)
    if (topic === undefined || partition >= topic.leaders.length)
      return { kind: 'unknown', message: `there is no partition ${partition} of a topic ${name}` }
    const leader = cluster.leader(topic, partition)
    if (leader === undefined) throw new Unavailable(`${name}/${partition} has no leader at the moment`)
    const { listOffsets } = await cluster.apis()
    const wanted = [{ name, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }]
    const response = await cluster.connections.use(leader, BROKER_GRACE_MS, (connection) =>
      listOffsets.api.async(connection, -1, READ_COMMITTED, wanted).catch((error: unknown) => answerOf<Answer>(error)),
    )
    const answer = response.topics[0]?.partitions[0]
    if (answer === undefined) throw new Unavailable('the broker answered without the partition')
    if (answer.errorCode === 0) return Number(answer.offset)
    const message = `the broker answers ${errorName(answer.errorCode)} for ${name}/${partition}`
    return { kind: isStale(answer.errorCode) ? 'unknown' : 'unavailable', message }
  } catch (error) {
    return { kind: 'unavailable', message: reasonOf(error) }
  }
}

interface Answer {
  readonly topics: readonly {
    readonly partitions: readonly { readonly errorCode: number; readonly offset: bigint }[]
  }[]
}
