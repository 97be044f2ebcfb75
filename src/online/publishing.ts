import type { EntityStoreStatus } from './entity-stores.ts'

/** How the shards of this region do in publishing to one store. */
export interface StorePublishing {
  /** `REGION/NAME`. */
  readonly store: string
  readonly kind: string
  /** Batches whose changes it has not, of all shards. */
  readonly waiting: number
  /** When the oldest of them was accepted, ms; null when it has all. */
  readonly oldestMs: number | null
  /** Pages of entities that were listed for it, and all there are; equal when it has been told of everything. */
  readonly pages: { readonly done: number; readonly all: number }
  /** Shards in which listing is paused. */
  readonly paused: number
  /** Since the shards were opened: copies put, those that the store had already, those that it did not take. */
  readonly copies: number
  readonly older: number
  readonly refused: number
  /** What fails, with the shard where there is one. */
  readonly problems: readonly string[]
}

/** Problems that are listed of one store: they are mostly the same one. */
const MOST_PROBLEMS = 5

/** What one shard says of its stores, or why it says nothing. */
export type ShardAnswer = { readonly name: string } & (
  | { readonly statuses: readonly EntityStoreStatus[] }
  | { readonly problem: string }
)

/** Adds up what the shards of a region say of one store. `problem`: why the store cannot be had at all. */
export function publishingTo(
  name: string,
  kind: string,
  problem: string | undefined,
  answers: readonly ShardAnswer[],
): StorePublishing {
  const statuses: EntityStoreStatus[] = []
  const problems = problem === undefined ? [] : [problem]
  for (const answer of answers) {
    const own = 'statuses' in answer ? answer.statuses.find(({ store }) => store === name) : undefined
    if (own) statuses.push(own)
    const why = 'problem' in answer ? answer.problem : own?.problem
    if (why && why !== problem) problems.push(`${answer.name}: ${why}`)
  }
  const sum = (of: (status: EntityStoreStatus) => number) => statuses.reduce((all, status) => all + of(status), 0)
  const oldest = statuses.flatMap(({ oldestMs }) => (oldestMs === null ? [] : [oldestMs]))
  return {
    store: name,
    kind,
    waiting: sum(({ rows }) => rows),
    oldestMs: oldest.length === 0 ? null : Math.min(...oldest),
    pages: { done: sum(({ page, pages }) => page ?? pages), all: sum(({ pages }) => pages) },
    paused: statuses.filter(({ isPaused }) => isPaused).length,
    copies: sum(({ copies }) => copies),
    older: sum(({ older }) => older),
    refused: sum(({ refused }) => refused),
    problems: problems.slice(0, MOST_PROBLEMS),
  }
}
