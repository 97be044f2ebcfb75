import { type FieldCheck, isOfField, type Refusal } from '../contract/index.ts'
import type { ExpectationSpec, Value } from '../engine/index.ts'
import type { EntityRuntime, Plan, SourceRuntime } from '../plan/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import { type StoredTally, Tally } from './tally.ts'

/** What a shard has counted for one expectation of a source. */
export interface ExpectationCount {
  /** Since ever. */
  readonly seen: number
  readonly failed: number
  /** In the time that the expectation is judged over. */
  readonly recentSeen: number
  readonly recentFailed: number
  readonly lastFailedMs: number | null
  readonly sample: string | null
  /** When the newest accepted event happened. */
  readonly newestMs: number | null
}

/** Counters of a source as they are stored: by the name of the expectation, so that a changed one begins anew. */
export interface StoredQuality {
  readonly newestMs: number | null
  readonly tallies: Readonly<Record<string, StoredTally>>
}

/** Fewer events say little about a share. */
const LEAST_OF_SHARE = 100

/** The counters of one source's expectations in one shard. */
export class SourceQuality {
  readonly source: SourceRuntime
  private readonly specs: readonly ExpectationSpec[]
  private readonly tallies: readonly Tally[]
  private newestMs: number | null

  constructor(source: SourceRuntime, stored?: StoredQuality) {
    this.source = source
    this.specs = source.spec.expect ?? []
    this.newestMs = stored?.newestMs ?? null
    this.tallies = this.specs.map((spec) => new Tally(overMs(spec), stored?.tallies[nameOf(spec)]))
  }

  /** Adds what a batch has found. */
  add(found: BatchQuality, nowMs: number): void {
    const { newestMs, accepted } = found
    if (newestMs !== null) this.newestMs = Math.max(this.newestMs ?? newestMs, newestMs)
    let check = 0
    this.specs.forEach((spec, i) => {
      const tally = this.tallies[i] as Tally
      if (!isOfField(spec)) return tally.add(nowMs, accepted, 0)
      const { seen, failed, sample } = found.counts[check++] as BatchCount
      tally.add(nowMs, seen, failed, sample)
    })
  }

  counts(nowMs: number): ExpectationCount[] {
    return this.tallies.map((tally) => {
      const { seen, failed, lastFailedMs, sample } = tally
      const recent = tally.recent(nowMs)
      const { newestMs } = this
      return { seen, failed, recentSeen: recent.seen, recentFailed: recent.failed, lastFailedMs, sample, newestMs }
    })
  }

  get stored(): StoredQuality {
    const tallies = this.specs.map((spec, i) => [nameOf(spec), (this.tallies[i] as Tally).stored] as const)
    return { newestMs: this.newestMs, tallies: Object.fromEntries(tallies) }
  }
}

interface BatchCount {
  seen: number
  failed: number
  readonly sample: string | null
}

/** Judges the events of one batch, and counts them. */
export class BatchQuality {
  private readonly checks: readonly FieldCheck[]
  /** Checks of a share that this batch breaks. */
  private readonly broken: ReadonlySet<FieldCheck>
  private readonly found: { seen: number; failed: number; last: Value }[]
  accepted = 0
  newestMs: number | null = null

  constructor(checks: readonly FieldCheck[], broken: ReadonlySet<FieldCheck> = new Set()) {
    this.checks = checks
    this.broken = broken
    this.found = checks.map(() => ({ seen: 0, failed: 0, last: null }))
  }

  /**
   * Judges an event that nothing else refuses, and counts it where it `isCounted`; the first expectation that refuses is the
   * refusal.
   *
   * @param isAlone it goes to no other shard, so that refusing it for a share of this batch is refusing it everywhere
   */
  judge(values: readonly Value[], timeMs: number, isCounted: boolean, isAlone: boolean): Refusal | undefined {
    let why: Refusal | undefined
    for (let i = 0; i < this.checks.length; i++) {
      const check = this.checks[i] as FieldCheck
      const value = values[check.field] ?? null
      const fails = check.fails(value)
      if (isCounted) this.note(i, fails, value)
      if (!fails || check.spec.action !== 'refuse' || why !== undefined) continue
      if (check.spec.kind !== 'nulls' || (isAlone && this.broken.has(check))) why = check.refuse(value)
    }
    if (why === undefined && isCounted) this.accept(timeMs)
    return why
  }

  /** Counts what was accepted and is not judged. */
  accept(timeMs: number): void {
    this.accepted++
    if (this.newestMs === null || timeMs > this.newestMs) this.newestMs = timeMs
  }

  /** Whether there is anything to remember. */
  get isEmpty(): boolean {
    return this.accepted === 0 && this.found.every(({ seen }) => seen === 0)
  }

  get counts(): BatchCount[] {
    return this.found.map(({ seen, failed, last }, i) => {
      const sample = failed === 0 ? null : (this.checks[i] as FieldCheck).shown(last)
      return { seen, failed, sample }
    })
  }

  private note(i: number, fails: boolean, value: Value): void {
    const found = this.found[i] as { seen: number; failed: number; last: Value }
    found.seen++
    if (!fails) return
    found.failed++
    found.last = value
  }
}

/** The counters of every source that is counted in one shard of an entity. */
export class Quality {
  private readonly sources = new Map<SourceRuntime, SourceQuality>()

  /** `stored`: as the newest journal row has it. */
  constructor(plan: Plan, entity: EntityRuntime, stored: Readonly<Record<string, StoredQuality>> | undefined) {
    for (const [name, source] of plan.sources) {
      // Where an event goes to several entities, those of its first route count it.
      const isHere = source.table === null && source.routes[0]?.entity === entity
      if (isHere && source.spec.expect) this.sources.set(source, new SourceQuality(source, stored?.[name]))
    }
  }

  add(source: SourceRuntime, found: BatchQuality, nowMs: number): void {
    this.sources.get(source)?.add(found, nowMs)
  }

  /** For each expectation of a source; empty when it has none, or is counted elsewhere. */
  counts(source: string, nowMs: number): ExpectationCount[] {
    for (const [{ spec }, quality] of this.sources) if (spec.name === source) return quality.counts(nowMs)
    return []
  }

  /** Undefined when no source is counted here. */
  get stored(): Readonly<Record<string, StoredQuality>> | undefined {
    if (this.sources.size === 0) return undefined
    return Object.fromEntries([...this.sources].map(([{ spec }, quality]) => [spec.name, quality.stored]))
  }
}

/**
 * Begins the judging of a batch; undefined for a source of which nothing is expected.
 *
 * @param raws the events as parsed
 * @param isReplay whoever replays letters has looked at them: a share of what was picked out says nothing
 */
export function judgeBatch(
  { spec, contract }: SourceRuntime,
  raws: readonly unknown[],
  isReplay: boolean,
): BatchQuality | undefined {
  if (spec.expect === undefined) return undefined
  const { checks } = contract
  if (isReplay || raws.length < LEAST_OF_SHARE) return new BatchQuality(checks)
  const broken = checks.filter((check) => {
    if (check.spec.kind !== 'nulls' || check.spec.action !== 'refuse') return false
    const name = spec.fields[check.field]?.name ?? ''
    const nulls = raws.filter((raw) => isNull(raw, name)).length
    return nulls / raws.length > check.spec.atMost
  })
  return new BatchQuality(checks, new Set(broken))
}

const isNull = (raw: unknown, name: string): boolean =>
  typeof raw === 'object' && raw !== null && ((raw as Readonly<Record<string, unknown>>)[name] ?? null) === null

function overMs(spec: ExpectationSpec): number {
  if (spec.kind === 'volume') return spec.perMs
  return spec.kind === 'fresh' ? spec.maxAgeMs : spec.overMs
}

/** What is done about a failure changes no counter. */
const nameOf = (spec: ExpectationSpec): string => murmur32(canonicalJson({ ...spec, action: undefined })).toString(36)
