import { compileContract } from '../../contract/index.ts'
import type { FeatureValue, SourceSpec, Value, ViewPlan } from '../../engine/index.ts'
import type { EntityRuntime, FeatureRef, Plan, SourceRuntime } from '../../plan/index.ts'
import type { LoggedRow } from '../log/logged-row.ts'
import type { ReplayRow } from '../replay.ts'
import { Lineage, type LogPart } from './lineage.ts'
import { type Mode, seenFrom } from './mode.ts'
import { type Cursor, type LabelBatch, type RowBatch, runPass } from './pass.ts'
import { Replays } from './since.ts'

/** The log of one shard, in memory. */
export interface HeldLog {
  readonly part: LogPart
  /** Rows by the contract that they were accepted by. */
  readonly rows: readonly { readonly source: SourceSpec; readonly rows: readonly LoggedRow[] }[]
}

/** What is asked of one entity. */
export interface HeldLabel {
  /** As `keyFromJson` encodes it. */
  readonly key: string
  readonly t: number
  /** The region that serves; not looked at where there are commits. */
  readonly region: string
  readonly commits: readonly string[] | null
}

export interface HeldSet {
  readonly plan: Plan
  readonly entity: EntityRuntime
  /** All of the entity, in the order in which they are wanted. */
  readonly features: readonly FeatureRef[]
  readonly logs: readonly HeldLog[]
  readonly labels: readonly HeldLabel[]
  readonly mode: Mode
  readonly publishLagMs: number
}

interface Asked {
  readonly key: string
  readonly region: string
  readonly byCommits: boolean
  readonly labels: number[]
}

/** A row of the log for one of the entities that are asked for. */
interface Staged {
  readonly entity: number
  readonly fromMs: number
  readonly part: number
  readonly seq: number
  readonly row: ReplayRow
}

/**
 * A training set of one entity, all of it in memory: for each label its features. The same pass that files are computed by.
 * An error names the source whose imported rows have no rule, where the mode asks for one.
 */
export async function computeHeld(set: HeldSet): Promise<(readonly FeatureValue[])[] | { readonly error: string }> {
  const { entity, features, logs, labels } = set
  const lineage = new Lineage(
    entity,
    logs.map(({ part }) => part),
  )
  const asked = askedOf(labels)
  const sources = sourcesOf(set)
  const feeds = []
  for (const [name, source] of sources) {
    const rows = stage(set, asked, name, source)
    if ('error' in rows) return rows
    feeds.push({ source, rows: once(rowBatch(rows)) })
  }
  const found = new Array<readonly FeatureValue[]>(labels.length)
  const lateness = features.map(({ view }) => (entity.plan[view] as ViewPlan).spec.allowedLatenessMs)
  const replays = new Replays(entity, features, lineage)
  const input = {
    lineage,
    replays,
    labels: once(labelBatch(asked, labels)),
    sources: feeds,
    latenessMs: Math.min(...lateness),
  }
  await runPass(input, (row, values) => {
    found[row] = values
  })
  return found
}

function askedOf(labels: readonly HeldLabel[]): Asked[] {
  const asked = new Map<string, Asked>()
  labels.forEach(({ key, region, commits }, i) => {
    const byCommits = commits !== null
    const name = `${byCommits ? '' : region}\n${key}`
    const known = asked.get(name)
    if (known) known.labels.push(i)
    else asked.set(name, { key, region, byCommits, labels: [i] })
  })
  return [...asked.values()]
}

function labelBatch(asked: readonly Asked[], labels: readonly HeldLabel[]): LabelBatch {
  const timeOf = (place: number): number => (labels[place] as HeldLabel).t
  const sorted = asked.flatMap((one, entity) =>
    [...one.labels].sort((a, b) => timeOf(a) - timeOf(b)).map((place) => ({ entity, place })),
  )
  return {
    length: sorted.length,
    entity: sorted.map(({ entity }) => entity),
    t: sorted.map(({ place }) => timeOf(place)),
    row: sorted.map(({ place }) => place),
    key: (at) => (labels[sorted[at]?.place ?? 0] as HeldLabel).key,
    commits: (at) => (labels[sorted[at]?.place ?? 0] as HeldLabel).commits,
  }
}

/** Every source that the log has rows of; one that was undeclared since only raises marks. */
function sourcesOf({ plan, logs }: HeldSet): Map<string, SourceRuntime> {
  const found = new Map<string, SourceRuntime>()
  for (const { rows } of logs) {
    for (const { source } of rows) {
      const gone = { spec: source, contract: compileContract(source), routes: [], table: null }
      if (!found.has(source.name)) found.set(source.name, plan.sources.get(source.name) ?? gone)
    }
  }
  return found
}

function stage(
  { logs, mode, publishLagMs }: HeldSet,
  asked: readonly Asked[],
  name: string,
  { spec }: SourceRuntime,
): Staged[] | { readonly error: string } {
  const byKey = new Map<string, number[]>()
  asked.forEach(({ key }, entity) => {
    byKey.set(key, [...(byKey.get(key) ?? []), entity])
  })
  const staged: Staged[] = []
  for (const [place, { part, rows: segments }] of logs.entries()) {
    for (const { source, rows } of segments) {
      if (source.name !== name) continue
      const fields = spec.fields.map((field) =>
        source.fields.findIndex((then) => then.name === field.name && then.type === field.type),
      )
      for (const row of rows) {
        for (const entity of row.key === null ? [] : (byKey.get(row.key) ?? [])) {
          const { byCommits, region } = asked[entity] as Asked
          const isOwnRegion = region === part.shard.region
          const known = row.imported === null ? {} : { knownAtMs: row.imported.availableAtMs }
          const seen = byCommits
            ? { fromMs: 0, availableAtMs: row.availableAtMs }
            : seenFrom(mode, { ...row, ...known, isOwnRegion }, publishLagMs)
          if (seen === undefined)
            return { error: `source ${name} has rows that were imported without a rule of when they could be known` }
          staged.push({
            entity,
            fromMs: seen.fromMs,
            part: place,
            seq: row.seq,
            row: replayRow(row, part, seen.availableAtMs, fields),
          })
        }
      }
    }
  }
  return staged.sort((a, b) => a.entity - b.entity || a.fromMs - b.fromMs)
}

function replayRow(row: LoggedRow, { shard }: LogPart, availableAtMs: number, fields: readonly number[]): ReplayRow {
  const { regionId: region, epoch, shard: number } = shard
  const part = row.row ?? { region, epoch, shard: number }
  const values = fields.map((field): Value => (field < 0 ? null : (row.values[field] ?? null)))
  return { timeMs: row.timeMs, availableAtMs, part, seq: row.row?.seq ?? row.seq, sign: row.sign, values }
}

function rowBatch(staged: readonly Staged[]): RowBatch {
  return {
    length: staged.length,
    entity: staged.map(({ entity }) => entity),
    seenFromMs: staged.map(({ fromMs }) => fromMs),
    part: staged.map(({ part }) => part),
    seq: staged.map(({ seq }) => seq),
    row: (at) => (staged[at] as Staged).row,
  }
}

/** One batch, and then no more. */
function once<Batch>(batch: Batch): Cursor<Batch> {
  let isGiven = false
  return {
    next: async () => {
      if (isGiven) return undefined
      isGiven = true
      return batch
    },
  }
}
