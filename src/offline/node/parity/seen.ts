import { createHash } from 'node:crypto'
import { columnOrigin, inputsOf } from '../../../engine/index.ts'
import type { FeatureRef } from '../../../plan/index.ts'
import { type Commit, parseCommit } from '../../../plan/index.ts'
import { AHEAD_MS, type Manifest } from '../../index.ts'
import type { ServedRow, Skip } from '../../parity/index.ts'
import type { ShardLog } from '../open-log.ts'

/** What may be wrong with a vector's commits, or the sets of them that it may have seen. */
export type Seen = { readonly skip: Skip } | { readonly commits: readonly (readonly string[])[] }

/** A vector whose runs saw a shard at different commits: so many ways are tried. */
const MOST_WAYS = 4

/** What a vector saw of one entity, held against its log. */
export function seenOf({ vector }: ServedRow, entity: string, key: string, logs: readonly ShardLog[]): Seen {
  const own: { readonly text: string; readonly commit: Commit; readonly log: Manifest | undefined }[] = []
  for (const text of vector.commits) {
    const commit = parseCommit(text)
    if (commit === undefined) return { skip: 'untold' }
    if (commit.entity === entity) own.push({ text, commit, log: manifestOf(logs, commit) })
  }
  // A region whose part was read has told its commit, or only the region was known.
  const told = new Set(own.map(({ commit }) => commit.region))
  if (vector.parts.some(({ region, ageMs }) => ageMs !== null && !told.has(region))) return { skip: 'untold' }
  if (own.length === 0) return { skip: 'untold' }
  for (const { commit, log } of own) {
    if (log === undefined) {
      // A shard that has accepted nothing has no log; one beside others that have may not have written yet.
      const isGiven = logs.some(({ manifest }) => manifest.shard.region === commit.region)
      if (commit.seq > 0) return { skip: isGiven ? 'behind' : 'unlogged' }
    } else if (commit.seq > log.seq) return { skip: 'behind' }
    else if (isErased(log, key)) return { skip: 'erased' }
  }
  return { commits: waysOf(own) }
}

const manifestOf = (logs: readonly ShardLog[], { region, entity, epoch, shard }: Commit): Manifest | undefined =>
  logs.find(({ manifest: { shard: of } }) => {
    return of.region === region && of.entity === entity && of.epoch === epoch && of.shard === shard
  })?.manifest

/** Also of what was served since: the shard keeps the mark of what it forgot, and the log has nothing that says it. */
function isErased({ removed }: Manifest, key: string): boolean {
  if (removed.length === 0) return false
  const sum = createHash('sha256').update(key).digest('hex')
  // With fields: another's key, that was a value in this log.
  return removed.some(({ why, keySha256, fields }) => {
    return why === 'erasure' && fields === undefined && keySha256 === sum
  })
}

/**
 * One commit of each shard, in every way: a service whose features go back and forth between entities reads one of them more than
 * once, and an event may have come in between.
 */
function waysOf(own: readonly { readonly text: string; readonly commit: Commit }[]): string[][] {
  const byShard = new Map<string, string[]>()
  for (const { text, commit } of own) {
    const name = `${commit.region}/${commit.epoch}/${commit.shard}`
    byShard.set(name, [...(byShard.get(name) ?? []), text])
  }
  let ways: string[][] = [[]]
  for (const texts of byShard.values())
    ways = ways.flatMap((way) => texts.map((text) => [...way, text])).slice(0, MOST_WAYS)
  return ways
}

/** Whether all rows that a feature may read at t are in the logs, which have everything since `wholeMs`. */
export const reaches = ({ feature }: FeatureRef, atMs: number, wholeMs: number): boolean =>
  wholeMs === Number.NEGATIVE_INFINITY || atMs - feature.window.reachMs >= wholeMs

/**
 * Whether a feature's view is computed from a field that an erasure blanked in rows of others, and the feature reaches back to before that: then the
 * log has less than the shards.
 */
export function isBlanked({ entity, view, feature }: FeatureRef, atMs: number, logs: readonly ShardLog[]): boolean {
  const plan = entity.plan[view]
  const blanked = logs.flatMap(({ manifest: { removed } }) =>
    removed.filter((one) => one.fields !== undefined && atMs - feature.window.reachMs < one.atMs + AHEAD_MS),
  )
  if (plan === undefined || blanked.length === 0) return false
  const read = inputsOf(plan.spec).flatMap((input) =>
    plan.fields.flatMap(({ name }) => {
      const origin = columnOrigin(plan.spec, input, name)
      return 'field' in origin ? [`${input.source}.${origin.field}`] : []
    }),
  )
  return blanked.some(({ fields = [] }) => fields.some((name) => read.includes(name)))
}
