import { didYouMean } from '../util/did-you-mean.ts'
import type { Plan } from './plan.ts'
import { type Region, type ShardEpoch, shardCount, tableShardCount } from './region.ts'
import { type ShardName, spreadOf } from './sharding.ts'

/** Shards of entities and of tables are counted apart. */
export type ShardKind = 'entity' | 'table'

/** The shard count of an entity or of a table in one epoch. */
export const countIn = (epoch: ShardEpoch, kind: ShardKind, name: string): number =>
  kind === 'table' ? tableShardCount(epoch) : shardCount(epoch, name)

/** An epoch and all before it, newest first. */
export function epochsFrom(epoch: ShardEpoch): readonly ShardEpoch[] {
  return epoch.previous === undefined ? [epoch] : [epoch, ...epochsFrom(epoch.previous)]
}

/** Where what a shard begins with comes from. */
export type Lineage =
  /** From nowhere: it is of the first epoch. */
  | { readonly kind: 'first' }
  /** From one shard of the epoch before. `isNext`: its epoch is not served yet, so it may copy but not open. */
  | { readonly kind: 'child'; readonly parent: ShardName; readonly isNext: boolean }
  /** regions.ts does not know its epoch, or not with as many shards. */
  | { readonly kind: 'stranger'; readonly why: string }

/**
 * What regions.ts says of a shard by its name.
 *
 * @example lineageOf(region, 'entity', { region: 'weur', entity: 'user', epoch: 1, shards: 8, shard: 6 }) // child of 0/4/2
 */
export function lineageOf(region: Region, kind: ShardKind, name: ShardName): Lineage {
  const { epoch, entity, shards, shard } = name
  const isNext = region.next?.epoch === epoch
  const [own, before] = isNext ? [region.next, region] : epochAndBefore(region, epoch)
  if (own === undefined)
    return { kind: 'stranger', why: `regions.ts says nothing of epoch ${epoch} of region ${region.name}` }
  const expected = countIn(own, kind, entity)
  if (expected !== shards) {
    const why = `in epoch ${epoch} of region ${region.name} ${entity} has ${expected} shards by regions.ts, not ${shards}`
    return { kind: 'stranger', why }
  }
  if (before === undefined) return { kind: 'first' }
  const old = countIn(before, kind, entity)
  if (shards % old !== 0)
    return { kind: 'stranger', why: `${shards} shards of ${entity} are no whole multiple of the ${old} before` }
  return { kind: 'child', isNext, parent: { ...name, epoch: before.epoch, shards: old, shard: shard % old } }
}

function epochAndBefore(region: Region, epoch: number): readonly [ShardEpoch | undefined, ShardEpoch | undefined] {
  const own = epochsFrom(region).find((one) => one.epoch === epoch)
  return [own, own?.previous]
}

/**
 * What is wrong with the epochs and counts of the regions, each problem with the field and how to mend it. A Worker that is
 * deployed with such regions takes nothing in.
 */
export function epochProblems(regions: readonly Region[], plan: Plan): string[] {
  const tables = [...plan.sources.values()].filter(({ table }) => table !== null).map(({ spec }) => spec.name)
  return regions.flatMap((region) => [
    ...chainProblems(region),
    ...[region.next, ...epochsFrom(region)].flatMap((epoch, i) =>
      epoch === undefined ? [] : countProblems(region.name, fieldOf(i), epoch, plan, i <= 1),
    ),
    ...multipleProblems(region, [...plan.entities.keys()], tables),
  ])
}

const fieldOf = (i: number): string => (i === 0 ? 'next.' : 'previous.'.repeat(i - 1))

/** Epochs are counted by one, down to the first. */
function chainProblems(region: Region): string[] {
  const { name, next } = region
  const chain = epochsFrom(region)
  const problems: string[] = []
  if (!chain.every(({ epoch }) => Number.isSafeInteger(epoch) && epoch >= 0))
    problems.push(`region ${name}: an epoch is a whole number, 0 or more.`)
  if (next !== undefined && next.epoch !== region.epoch + 1)
    problems.push(
      `region ${name}: next.epoch is ${next.epoch}; it follows ${region.epoch}, so it is ${region.epoch + 1}.`,
    )
  if (next?.previous !== undefined)
    problems.push(`region ${name}: next.previous is not needed: what comes before it is the region's own epoch.`)
  chain.forEach(({ epoch, previous }, i) => {
    const field = fieldOf(i + 1)
    if (previous !== undefined && previous.epoch !== epoch - 1)
      problems.push(
        `region ${name}: ${field}previous.epoch is ${previous.epoch}; it comes before ${epoch}, so it is ${epoch - 1}.`,
      )
    if (previous === undefined && epoch > 0)
      problems.push(
        `region ${name}: ${field}epoch is ${epoch}, and ${field}previous is missing: without it a shard that was not opened yet would begin empty. ` +
          `Write ${field}previous: { epoch: ${epoch - 1}, shards: ... } as they were before, and leave it there.`,
      )
  })
  return problems
}

/** Counts are numbers, of entities that there are, and no less than an entity is spread over. */
function countProblems(region: string, field: string, epoch: ShardEpoch, plan: Plan, isServed: boolean): string[] {
  const { shards } = epoch
  const where = `region ${region}: ${field}shards`
  const named = Object.entries(shards.entities ?? {})
  const counts = [
    ['default', shards.default] as const,
    ...(shards.tables === undefined ? [] : [['tables', shards.tables] as const]),
    ...named.map(([name, count]) => [`entities.${name}`, count] as const),
  ]
  const wrong = counts
    .filter(([, count]) => !Number.isSafeInteger(count) || count < 1 || count > MOST_SHARDS)
    .map(([name, count]) => `${where}.${name} is ${String(count)}; it is a whole number from 1 to ${MOST_SHARDS}.`)
  // What an epoch of before had is of no use any more, and may be gone.
  const unknown = isServed
    ? named
        .filter(([name]) => !plan.entities.has(name))
        .map(
          ([name]) =>
            `${where}.entities.${name}: there is no entity "${name}".${didYouMean(name, [...plan.entities.keys()])}`,
        )
    : []
  const narrow = [...plan.entities.values()]
    .filter((entity) => spreadOf(entity) > shardCount(epoch, entity.spec.name))
    .map((entity) => {
      const { name } = entity.spec
      const count = shardCount(epoch, name)
      return `${where}: entity ${name} is spread over ${spreadOf(entity)} shards and has only ${count}: give it more, or spread it less.`
    })
  return [...wrong, ...unknown, ...narrow]
}

/** As many as fit below the numbers that tables' parts have (src/table). */
const MOST_SHARDS = 65_536

function multipleProblems(region: Region, entities: readonly string[], tables: readonly string[]): string[] {
  const { next } = region
  const steps = [
    ...(next === undefined ? [] : [{ field: 'next.', epoch: next, before: region as ShardEpoch }]),
    ...epochsFrom(region).flatMap((epoch, i) =>
      epoch.previous === undefined ? [] : [{ field: fieldOf(i + 1), epoch, before: epoch.previous }],
    ),
  ]
  return steps.flatMap(({ field, epoch, before }) => {
    const check = (kind: ShardKind, name: string): string[] => {
      const [now, then] = [countIn(epoch, kind, name), countIn(before, kind, name)]
      if (now % then === 0) return []
      const what = kind === 'table' ? 'tables' : `entity ${name}`
      return [
        `region ${region.name}: ${field}shards: ${what}: ${then} to ${now} shards: only a whole multiple of ${then} can be taken over, such as ${then * 2}.`,
      ]
    }
    return [
      ...entities.flatMap((name) => check('entity', name)),
      ...tables.slice(0, 1).flatMap((name) => check('table', name)),
    ]
  })
}
