import { isRefusal, keyFromJson, type Refusal } from '../contract/index.ts'
import type { Value } from '../engine/index.ts'
import { type Commit, type EntityRuntime, formatCommit, type Plan, shardOf, type VectorPlan } from '../plan/index.ts'
import {
  MESSAGE_VERSION,
  type ReadAnswer,
  type RowText,
  type ShardDirectory,
  type ShardUnavailable,
} from '../shard/index.ts'

/** At most this many rows of entities in one request. */
export const MAX_ROWS = 1_000

export interface LookupRequest {
  readonly vector: VectorPlan
  /** Each holds the keys of all entities of the vector. */
  readonly entities: readonly unknown[]
  /** The request time, ms. */
  readonly t: number
  /** Commits that the read must see. */
  readonly after: readonly Commit[]
}

/** Why a lookup has no answer. `serve/problem.ts` maps each to HTTP. */
export type LookupFailure =
  | { readonly failure: 'bad_key'; readonly row: number; readonly why: Refusal }
  | { readonly failure: 'too_many_rows'; readonly rows: number }
  | { readonly failure: 'at_too_old'; readonly row: number; readonly oldestMs: number }
  | { readonly failure: 'commit_not_seen'; readonly commit: string }
  | { readonly failure: 'unknown_commit'; readonly commit: string }
  | { readonly failure: 'unavailable'; readonly message: string }

/** One vector: for each run of the vector's features the text that its shard wrote, and the commits seen. */
export interface LookupRow {
  readonly texts: readonly RowText[]
  readonly commits: readonly string[]
}

/** One call to one shard: some keys of one entity, and where their rows go. */
interface Call {
  readonly run: number
  readonly entity: EntityRuntime
  readonly shard: number
  readonly keys: string[]
  readonly places: Map<string, number>
}

/** Reads vectors: one call a shard and run of features, all at once; equal keys are read once. */
export async function lookup(
  plan: Plan,
  directory: ShardDirectory,
  { vector, entities, t, after }: LookupRequest,
): Promise<readonly LookupRow[] | LookupFailure> {
  if (entities.length > MAX_ROWS) return { failure: 'too_many_rows', rows: entities.length }
  const foreign = after.find((commit) => !isServed(plan, directory, commit))
  if (foreign)
    return {
      failure: 'unknown_commit',
      commit: `${foreign.region}/${foreign.entity}/${foreign.epoch}/${foreign.shard}`,
    }
  const calls = new Map<string, Call>()
  // For each row and run: the call, and the place of its key in it.
  const wanted: { readonly call: Call; readonly place: number }[][] = []
  for (let row = 0; row < entities.length; row++) {
    const keys = new Map<EntityRuntime, string>()
    for (const entity of vector.entities) {
      const key = keyFromJson(entities[row], entity.spec)
      if (isRefusal(key)) return { failure: 'bad_key', row, why: key }
      keys.set(entity, key.key)
    }
    wanted.push(vector.runs.map(({ entity }, run) => want(calls, directory, run, entity, keys.get(entity) as string)))
  }
  const list = [...calls.values()]
  const answers = await Promise.all(list.map((call) => ask(plan, directory, vector, call, t, after)))
  const byCall = new Map<Call, Extract<ReadAnswer, { rows: unknown }>>()
  for (let i = 0; i < list.length; i++) {
    const call = list[i] as Call
    const answer = answers[i] as ReadAnswer | ShardUnavailable
    if ('unavailable' in answer) return { failure: 'unavailable', message: answer.message }
    if ('notYet' in answer) return { failure: 'commit_not_seen', commit: commitOf(directory, call, answer.notYet.seq) }
    if ('tooOld' in answer)
      return { failure: 'at_too_old', row: rowOf(wanted, call, answer.tooOld.row), oldestMs: answer.tooOld.oldestMs }
    byCall.set(call, answer)
  }
  return wanted.map((runs) => {
    const texts = runs.map(({ call, place }) => byCall.get(call)?.rows[place] as RowText)
    const commits = runs.map(({ call }) => commitOf(directory, call, byCall.get(call)?.seq ?? 0))
    return { texts, commits: [...new Set(commits)] }
  })
}

/** Whether a commit is of a shard that this door reads. */
function isServed(plan: Plan, directory: ShardDirectory, { region, entity, epoch, shard }: Commit): boolean {
  const isHere = region === directory.region && epoch === directory.epoch && plan.entities.has(entity)
  return isHere && shard < directory.shardsOf(entity)
}

function want(calls: Map<string, Call>, directory: ShardDirectory, run: number, entity: EntityRuntime, key: string) {
  const { name } = entity.spec
  const shard = shardOf(key, directory.shardsOf(name))
  const id = `${run}/${shard}`
  let call = calls.get(id)
  if (call === undefined) {
    call = { run, entity, shard, keys: [], places: new Map() }
    calls.set(id, call)
  }
  let place = call.places.get(key)
  if (place === undefined) {
    place = call.keys.push(key) - 1
    call.places.set(key, place)
  }
  return { call, place }
}

async function ask(
  plan: Plan,
  directory: ShardDirectory,
  vector: VectorPlan,
  { run, entity, shard, keys }: Call,
  t: number,
  after: readonly Commit[],
): Promise<ReadAnswer | ShardUnavailable> {
  const { name } = entity.spec
  const seen = after.filter((commit) => commit.entity === name && commit.shard === shard)
  const message = {
    version: MESSAGE_VERSION,
    plan: plan.hash,
    t,
    keys,
    run: vector.runs[run]?.ref ?? '',
    ...(seen.length > 0 && { after: Math.max(...seen.map((commit) => commit.seq)) }),
  }
  try {
    return await directory.shard(name, shard).read(message)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { unavailable: 'overloaded', message: `shard ${name}/${shard} did not answer: ${why}` }
  }
}

const commitOf = ({ region, epoch }: ShardDirectory, { entity, shard }: Call, seq: number): string =>
  formatCommit({ region, entity: entity.spec.name, epoch, shards: 0, shard }, seq)

function rowOf(wanted: readonly (readonly { call: Call; place: number }[])[], call: Call, place: number): number {
  return wanted.findIndex((runs) => runs.some((run) => run.call === call && run.place === place))
}

/** A vector as objects by feature name, as the client, RPC and `localStore` give it. */
export interface TypedRow {
  readonly features: Readonly<Record<string, Value>>
  readonly metadata?: RowMetadata
}

export interface RowMetadata {
  readonly status: Readonly<Record<string, string>>
  readonly exact: Readonly<Record<string, boolean>>
  /** For a partial value: since when its history is complete, ISO time. */
  readonly since: Readonly<Record<string, string>>
  /** For an error: why, such as `overflow`. */
  readonly reasons: Readonly<Record<string, string>>
  /** ISO time of the newest event seen, or null. */
  readonly eventTime: string | null
  readonly commits: readonly string[]
}
