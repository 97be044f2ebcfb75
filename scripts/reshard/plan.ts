/** What a change of the shard counts is, by regions.ts and by what is deployed. */
import {
  countIn,
  epochProblems,
  type Plan,
  type Region,
  type ShardEpoch,
  type ShardKind,
} from '../../src/plan/index.ts'
import type { Deployed, EpochCounts } from './client.ts'

/** One entity or table whose shards hand over. */
export interface Move {
  readonly kind: ShardKind
  readonly name: string
  readonly from: number
  readonly to: number
}

export interface ReshardPlan {
  /** `prepare`: the old epoch serves, the new one is filled. `open`: the new one is deployed. */
  readonly step: 'prepare' | 'open'
  readonly from: number
  readonly to: number
  readonly moves: readonly Move[]
}

/** Why nothing can be done: each says where and what to do instead. */
export interface Refused {
  readonly problems: readonly string[]
}

/** The plan of a region, or what is wrong; null when it changes nothing. */
export function reshardPlan(region: Region, plan: Plan, deployed: Deployed): ReshardPlan | Refused | null {
  const problems = epochProblems([region], plan)
  if (problems.length > 0) return { problems }
  if (deployed.region !== region.name)
    return { problems: [`the Worker at --url is of region ${deployed.region}, not of ${region.name}.`] }
  const unlike = unlikeDeployed(region, plan, deployed)
  if (unlike.length > 0) return { problems: unlike }
  const { next, previous } = region
  if (next !== undefined)
    return { step: 'prepare', from: region.epoch, to: next.epoch, moves: movesOf(plan, region, next) }
  if (previous !== undefined)
    return { step: 'open', from: previous.epoch, to: region.epoch, moves: movesOf(plan, previous, region) }
  return null
}

function movesOf(plan: Plan, from: ShardEpoch, to: ShardEpoch): Move[] {
  const move = (kind: ShardKind) => (name: string) => ({
    kind,
    name,
    from: countIn(from, kind, name),
    to: countIn(to, kind, name),
  })
  // Entities first: what tables still have to tell goes to them.
  return [...[...plan.entities.keys()].map(move('entity')), ...tablesOf(plan).map(move('table'))]
}

function unlikeDeployed(region: Region, plan: Plan, { current, next }: Deployed): string[] {
  const { name, epoch } = region
  if (epoch !== current.epoch) {
    const how = epoch > current.epoch ? 'deploy it, then run this again' : 'regions.ts is older than what is deployed'
    return [`region ${name}: epoch is ${epoch}, and ${current.epoch} is deployed: ${how}.`]
  }
  const changed = differences(region, plan, current)
  if (changed.length > 0) {
    const later = `next: { epoch: ${epoch + 1}, shards: ... }`
    return changed.map(
      (what) =>
        `region ${name}: ${what} in epoch ${epoch}: the epoch was not raised. Leave shards as they are and write ${later}.`,
    )
  }
  if (region.next === undefined) return []
  if (next === null || next.epoch !== region.next.epoch || differences(region.next, plan, next).length > 0)
    return [`region ${name}: what is deployed knows no such next: deploy regions.ts as it is, then run this again.`]
  return []
}

/** The shard counts of an epoch by name, as a Worker shows them. */
export function countsOf(epoch: ShardEpoch, plan: Plan): EpochCounts {
  const counts = (kind: ShardKind, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, countIn(epoch, kind, name)]))
  return {
    epoch: epoch.epoch,
    entities: counts('entity', [...plan.entities.keys()]),
    tables: counts('table', tablesOf(plan)),
  }
}

const tablesOf = (plan: Plan): string[] =>
  [...plan.sources.values()].filter(({ table }) => table !== null).map(({ spec }) => spec.name)

const differences = (epoch: ShardEpoch, plan: Plan, known: EpochCounts): string[] =>
  countDifferences(countsOf(epoch, plan), known)

/** Where counts differ from those that are deployed; what only one of them has is new or gone, and no difference. */
export function countDifferences(own: EpochCounts, known: EpochCounts): string[] {
  const compare = (kind: ShardKind, here: EpochCounts['entities'], there: EpochCounts['entities']) =>
    Object.entries(there).flatMap(([name, count]) => {
      const mine = here[name]
      if (mine === undefined || mine === count) return []
      return [`shards of ${kind} ${name} are ${mine} here and ${count} as deployed`]
    })
  return [...compare('entity', own.entities, known.entities), ...compare('table', own.tables, known.tables)]
}
