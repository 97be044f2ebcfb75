/** Appends records; each one's own result. */

import { setTimeout as pause } from 'node:timers/promises'
import { murmur2, type produceV11 } from '@platformatic/kafka'
import { answerOf, type Cluster, errorName, reasonOf } from './cluster.ts'
import type { BrokerAddress } from './connections.ts'

export interface NewRecord {
  readonly topic: string
  readonly partition?: number
  readonly key: Buffer | null
  /** Null is a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: Buffer, value: Buffer])[]
  readonly timestampMs?: number
}

export type Written =
  | {
      readonly kind: 'written'
      readonly topic: string
      readonly partition: number
      readonly offset: number
      readonly timestampMs: number
    }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

type ProduceResponse = ReturnType<typeof produceV11.parseResponse>

const ALL_REPLICAS = -1
const PRODUCE_MS = 10_000
const PARTITION_MASK = 0x7fffffff
let roundRobin = 0

/** A partition with such an answer did not take the record, and may take it soon: leadership moves, topics are new. */
const NOT_TAKEN: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
])
const TROUBLE_MS = 2_000
const PAUSE_MS = 100

/**
 * Appends in the order given and waits for all in-sync replicas. A record with a key goes where Kafka's own clients would
 * put it. Only what was surely not taken is sent again: after a lost connection it is unknown whether a record was written,
 * and its result says so.
 */
export async function appendRecords(cluster: Cluster, records: readonly NewRecord[]): Promise<Written[]> {
  const giveUpMs = performance.now() + TROUBLE_MS
  const results = new Array<Written>(records.length)
  for (let open = [...records.keys()]; open.length > 0; await pause(PAUSE_MS)) {
    await appendOnce(cluster, records, open, results)
    open = open.filter((index) => isNotTaken(results[index]))
    if (open.length === 0 || performance.now() + PAUSE_MS > giveUpMs) break
    for (const index of open) cluster.forget(records[index]?.topic ?? '')
  }
  return results
}

function isNotTaken(result: Written | undefined): boolean {
  return result?.kind === 'refused' && NOT_TAKEN.has(result.code)
}

async function appendOnce(
  cluster: Cluster,
  records: readonly NewRecord[],
  indexes: readonly number[],
  results: Written[],
): Promise<void> {
  const byLeader = new Map<BrokerAddress, Placed[]>()
  for (const index of indexes) {
    const record = records[index] as NewRecord
    try {
      const topic = await cluster.topic(record.topic)
      const partition = topic === undefined ? 0 : partitionOf(record, topic.leaders.length)
      const leader = topic === undefined ? undefined : cluster.leader(topic, partition)
      if (topic === undefined || partition >= topic.leaders.length)
        results[index] = refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no ${record.topic}/${partition}`)
      else if (leader === undefined)
        results[index] = refused('LEADER_NOT_AVAILABLE', `${record.topic}/${partition} has no leader`)
      else {
        const list = byLeader.get(leader) ?? []
        byLeader.set(leader, list)
        list.push({ index, partition, record, timestampMs: record.timestampMs ?? Date.now() })
      }
    } catch (error) {
      results[index] = refused('UNAVAILABLE', reasonOf(error))
    }
  }
  await Promise.all(
    [...byLeader].map(async ([leader, placed]) => {
      for (const run of closeInTime(placed)) await appendTo(cluster, leader, run, results)
    }),
  )
}

/** The library writes a record's distance in time from the first of its batch in 31 bits, and wrong beyond. */
const FURTHEST_MS = 2 ** 31 - 1

function closeInTime(placed: readonly Placed[]): Placed[][] {
  const runs: Placed[][] = []
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const one of placed) {
    least = Math.min(least, one.timestampMs)
    most = Math.max(most, one.timestampMs)
    if (runs.length === 0 || most - least > FURTHEST_MS) {
      runs.push([])
      least = one.timestampMs
      most = one.timestampMs
    }
    runs.at(-1)?.push(one)
  }
  return runs
}

function refused(code: string, message: string): Written {
  return { kind: 'refused', code, message }
}

interface Placed {
  readonly index: number
  readonly partition: number
  readonly record: NewRecord
  readonly timestampMs: number
}

function partitionOf({ key, partition }: NewRecord, partitions: number): number {
  if (partition !== undefined) return partition
  return key === null ? roundRobin++ % partitions : (murmur2(key) & PARTITION_MASK) % partitions
}

async function appendTo(
  cluster: Cluster,
  leader: BrokerAddress,
  placed: readonly Placed[],
  results: Written[],
): Promise<void> {
  const messages = placed.map(({ record, partition, timestampMs }) => ({
    topic: record.topic,
    partition,
    ...(record.key !== null && { key: record.key }),
    // The library's writer takes null for a tombstone, only its type does not say so.
    value: record.value as Buffer,
    headers: new Map(record.headers.map(([name, value]) => [name, value])),
    timestamp: BigInt(timestampMs),
  }))
  let response: ProduceResponse
  try {
    const { produce } = await cluster.apis()
    response = await cluster.connections.use(leader, PRODUCE_MS + 1_000, async (connection) =>
      produce.api
        .async(connection, ALL_REPLICAS, PRODUCE_MS, messages)
        .then((answer) => answer as ProduceResponse)
        .catch((error: unknown) => answerOf<ProduceResponse>(error)),
    )
  } catch (error) {
    for (const { record } of placed) cluster.forget(record.topic)
    const message = `it is not known whether it was written: ${reasonOf(error)}`
    for (const { index } of placed) results[index] = refused('UNAVAILABLE', message)
    return
  }
  const nextOffset = new Map<string, number>()
  for (const { index, partition, record, timestampMs } of placed) {
    const answer = response.responses
      .find(({ name }) => name === record.topic)
      ?.partitionResponses.find((candidate) => candidate.index === partition)
    if (answer === undefined || answer.errorCode !== 0) {
      cluster.forget(record.topic)
      const code = errorName(answer?.errorCode ?? -1)
      results[index] = refused(code, answer?.errorMessage ?? `the broker answers ${code}`)
      continue
    }
    const place = `${record.topic}/${partition}`
    const offset = nextOffset.get(place) ?? Number(answer.baseOffset)
    nextOffset.set(place, offset + 1)
    results[index] = { kind: 'written', topic: record.topic, partition, offset, timestampMs }
  }
}
