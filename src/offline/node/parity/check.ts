import type { DuckDBInstance } from '@duckdb/node-api'
import type { DefinitionsSpec } from '../../../engine/index.ts'
import { type EntityRuntime, type FeatureRef, Plan } from '../../../plan/index.ts'
import { parseCanonicalJson } from '../../../util/canonical-json.ts'
import { type ObjectStore, wholeSince } from '../../index.ts'
import {
  isMismatch,
  judge,
  type Mismatch,
  type ParityReport,
  parseServedLine,
  type Reading,
  type ServedRow,
  Tally,
  type Verdict,
} from '../../parity/index.ts'
import { definitionsKey } from '../../served/index.ts'
import type { ShardLog } from '../open-log.ts'
import { explainedLines } from './explained.ts'
import { nearbyCommit } from './nearby.ts'
import { type LoggedRead, type Recomputed, recomputeReads } from './reads.ts'
import { readSamples } from './samples.ts'
import { isBlanked, reaches, seenOf } from './seen.ts'

export interface ParityOptions {
  /** Has the sample and the definitions: a bucket a region. */
  readonly stores: readonly Pick<ObjectStore, 'get' | 'list'>[]
  /** The log of some entities as it is now, in all regions; asked again for each batch. */
  readonly logsOf: (entities: readonly string[]) => Promise<readonly ShardLog[]>
  readonly instance: DuckDBInstance
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  readonly service?: string | undefined
  /** At most so many vectors of each store. */
  readonly sample: number
  readonly random: () => number
  /** How many mismatches are told and explained. */
  readonly told?: number
  /** Told how many vectors are done, of how many. */
  readonly onVectors?: (done: number, of: number) => void
}

/** Vectors that are in memory with all their values at a time. */
const BATCH = 100_000
const TOLD = 5

/** Compares served vectors with what the log gives at their commits, bit for bit. */
export async function checkParity(options: ParityOptions): Promise<ParityReport> {
  const { stores, fromMs, toMs, nowMs, service, sample, random, onVectors } = options
  const query = { fromMs, toMs, service, most: sample, random }
  const samples = []
  for (const store of stores) samples.push(await readSamples(store, query))
  const lines = samples.flatMap((one) => one.lines)
  const found = samples.reduce((sum, one) => sum + one.found, 0)
  const damaged = samples.flatMap((one) => one.damaged)
  const check = new Check(options)
  for (const _ of damaged) check.tally.skip('damaged')
  for (let at = 0; at < lines.length; at += BATCH) {
    await check.batch(lines.slice(at, at + BATCH))
    onVectors?.(Math.min(lines.length, at + BATCH), lines.length)
  }
  const { tally } = check
  const notes = [
    ...(found > lines.length
      ? [`${lines.length} of ${found} kept vectors were looked at: --sample N looks at more.`]
      : []),
    ...damaged.map((why) => `${why}.`),
    ...(found === 0
      ? [
          'No vector was kept in that time. Regions keep the share that log.servedShare says, and write it after some seconds.',
        ]
      : []),
  ]
  return {
    format: 1,
    ranAt: new Date(nowMs).toISOString(),
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    service: service ?? null,
    regions: [...check.regions].sort(),
    vectors: tally.vectors,
    values: tally.values,
    features: tally.features,
    mismatches: check.mismatches,
    notes,
  }
}

/** A run of features of one entity, and what was read of it. */
interface Group {
  readonly plan: Plan
  readonly entity: EntityRuntime
  readonly features: readonly FeatureRef[]
  readonly reads: LoggedRead[]
}

/** A vector of a batch, and where its reads are. */
interface Asked {
  readonly row: ServedRow
  /** By run: the group, and the places of its reads: one for each way that its commits can be taken. */
  readonly runs: readonly { readonly group: Group; readonly places: readonly number[]; readonly from: number }[]
  readonly isEarlier: boolean
}

class Check {
  readonly tally = new Tally()
  readonly mismatches: Mismatch[] = []
  readonly regions = new Set<string>()
  private readonly options: ParityOptions
  private readonly plans = new Map<string, Plan | null>()
  private newest: { readonly ms: number; readonly plan: string } | undefined

  constructor(options: ParityOptions) {
    this.options = options
  }

  async batch(lines: readonly string[]): Promise<void> {
    const rows = lines.map((line) => parseServedLine(line)).filter((row): row is ServedRow => !('error' in row))
    for (const { vector, servedMs } of rows) {
      this.regions.add(vector.region)
      if (this.newest === undefined || servedMs > this.newest.ms) this.newest = { ms: servedMs, plan: vector.plan }
    }
    const entities = [...new Set(rows.flatMap(({ vector }) => Object.keys(vector.keys)))]
    const logs = await this.options.logsOf(entities)
    const byEntity = new Map(
      entities.map((name) => [name, logs.filter(({ manifest }) => manifest.shard.entity === name)] as const),
    )
    const groups = new Map<string, Group>()
    const asked: Asked[] = []
    for (const row of rows) {
      const one = await this.ask(row, groups, byEntity)
      if (one !== undefined) asked.push(one)
    }
    const answers = new Map<Group, readonly Recomputed[]>()
    for (const group of groups.values()) answers.set(group, await this.answer(group, byEntity))
    const bad: { readonly one: Asked; readonly found: Found }[] = []
    const told = this.options.told ?? TOLD
    for (const one of asked) {
      const found = this.judge(one, answers, byEntity)
      this.tally.add(one.row.vector.features, found.verdicts, one.isEarlier)
      if (found.verdicts.some(isMismatch) && bad.length + this.mismatches.length < told) bad.push({ one, found })
    }
    for (const { one, found } of bad) this.mismatches.push(await this.explain(one, found, byEntity))
  }

  /** Puts a vector's reads into their groups; undefined for one that cannot be compared. */
  private async ask(row: ServedRow, groups: Map<string, Group>, byEntity: Logs): Promise<Asked | undefined> {
    const { vector } = row
    const plan = await this.planOf(vector.plan)
    const of = plan?.vectorOf(vector.service, vector.features)
    if (plan === null || of === undefined || typeof of === 'string') {
      this.tally.skip('definitions')
      return undefined
    }
    const runs: { group: Group; places: number[]; from: number }[] = []
    let from = 0
    const waiting: (() => void)[] = []
    for (const { entity, features } of of.runs) {
      const name = entity.spec.name
      const key = vector.keys[name]
      if (key === undefined) {
        this.tally.skip('damaged')
        return undefined
      }
      const seen = seenOf(row, name, key, byEntity.get(name) ?? [])
      if ('skip' in seen) {
        this.tally.skip(seen.skip)
        return undefined
      }
      const id = `${vector.plan} ${name} ${features.map((feature) => feature.name).join()}`
      let group = groups.get(id)
      if (group === undefined) {
        group = { plan, entity, features, reads: [] }
        groups.set(id, group)
      }
      const run = { group, places: [] as number[], from }
      runs.push(run)
      from += features.length
      // Only when all runs can be asked for.
      waiting.push(() => {
        for (const commits of seen.commits) {
          run.places.push(run.group.reads.push({ key, atMs: row.atMs, commits }) - 1)
        }
      })
    }
    for (const put of waiting) put()
    return { row, runs, isEarlier: vector.plan !== this.newest?.plan }
  }

  private async answer({ plan, entity, features, reads }: Group, byEntity: Logs): Promise<readonly Recomputed[]> {
    if (reads.length === 0) return []
    const logs = byEntity.get(entity.spec.name) ?? []
    return await recomputeReads({ instance: this.options.instance, plan, entity, features, logs, reads })
  }

  private judge({ row, runs }: Asked, answers: ReadonlyMap<Group, readonly Recomputed[]>, byEntity: Logs): Found {
    const verdicts: Verdict[] = []
    const readings: Reading[] = []
    for (const { group, places, from } of runs) {
      const wholeMs = wholeSince((byEntity.get(group.entity.spec.name) ?? []).map(({ manifest }) => manifest))
      const ways = places.map((place) => {
        const answer = answers.get(group)?.[place] as Recomputed
        const own = group.features.map((_, i) => ('readings' in answer ? answer.readings[i] : undefined) ?? IMPOSSIBLE)
        const judged = own.map((reading, i) => {
          const verdict = judge(servedReading(row, from + i), reading, reasonOf(row, from + i))
          if (!isMismatch(verdict)) return verdict
          const feature = group.features[i] as FeatureRef
          const logs = byEntity.get(group.entity.spec.name) ?? []
          return reaches(feature, row.atMs, wholeMs) && !isBlanked(feature, row.atMs, logs) ? verdict : 'gone'
        })
        return { own, judged, bad: judged.filter(isMismatch).length }
      })
      // The run saw one of them: the one that it agrees with, if there is any.
      const best = ways.reduce((a, b) => (b.bad < a.bad ? b : a))
      verdicts.push(...best.judged)
      readings.push(...best.own)
    }
    return { verdicts, readings }
  }

  /** Tells the first feature of a vector that is another. */
  private async explain({ row, runs }: Asked, { verdicts, readings }: Found, byEntity: Logs): Promise<Mismatch> {
    const { vector } = row
    const place = verdicts.findIndex(isMismatch)
    const run = runs.findLast(({ from }) => from <= place) as Asked['runs'][number]
    const { group, places, from } = run
    const read = group.reads[places[0] as number] as LoggedRead
    const logs = byEntity.get(group.entity.spec.name) ?? []
    const about = {
      instance: this.options.instance,
      plan: group.plan,
      entity: group.entity,
      features: group.features,
      logs,
    }
    const [again] = await recomputeReads({ ...about, reads: [read], explained: new Map([[0, [place - from]]]) })
    const servedAs = servedReading(row, place)
    const explanation =
      again === undefined || 'impossible' in again
        ? [again?.impossible ?? '']
        : explainedLines(group.features[place - from] as FeatureRef, again.explanations[0])
    return {
      feature: vector.features[place] as string,
      verdict: verdicts[place] as Verdict,
      service: vector.service,
      region: vector.region,
      keys: vector.keys,
      served: vector.served,
      at: vector.at,
      commits: vector.commits,
      plan: vector.plan,
      servedAs,
      recomputedAs: readings[place] as Reading,
      explanation: [...explanation, ...(await nearbyCommit(about, read, place - from, servedAs))],
    }
  }

  /** The definitions of a hash; null when no bucket has them. */
  private async planOf(hash: string): Promise<Plan | null> {
    const known = this.plans.get(hash)
    if (known !== undefined) return known
    let plan: Plan | null = null
    for (const store of this.options.stores) {
      const stored = /^[0-9a-f]{1,64}$/.test(hash) ? await store.get(definitionsKey(hash)) : undefined
      if (stored === undefined) continue
      plan = planFrom(stored.bytes, hash)
      if (plan !== null) break
    }
    this.plans.set(hash, plan)
    return plan
  }
}

type Logs = ReadonlyMap<string, readonly ShardLog[]>

interface Found {
  readonly verdicts: readonly Verdict[]
  readonly readings: readonly Reading[]
}

/** What no lookup can have answered has no value by the log. */
const IMPOSSIBLE: Reading = { value: '', status: 'impossible', exact: false }

/** Null for a text that is damaged, or of a version of the engine whose definitions have another hash. */
function planFrom(bytes: Uint8Array, hash: string): Plan | null {
  try {
    const plan = new Plan(parseCanonicalJson(new TextDecoder().decode(bytes)) as DefinitionsSpec)
    return plan.hash === hash ? plan : null
  } catch {
    return null
  }
}

const servedReading = ({ vector, values }: ServedRow, place: number): Reading => ({
  value: values[place] as string,
  status: vector.status[place] as string,
  exact: vector.exact[place] as boolean,
})

const reasonOf = ({ vector }: ServedRow, place: number): string | null =>
  (vector as { readonly reasons?: readonly (string | null)[] }).reasons?.[place] ?? null
