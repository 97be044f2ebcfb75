import { IdRun, mergeRuns, RUN_PARTS, writeRun } from './id-run.ts'
import { IdTable } from './id-table.ts'
import type { ShardStorage } from './storage.ts'

/** Ids in memory before they become a sorted run. 16k entries are 400 KB. */
const TABLE_IDS = 16_384
/** Runs of one size that are merged into one of the next: fewer runs to ask, each id is written at most three times. */
const MERGE_RUNS = 16
const LARGEST_TIER = 2

/** How large a table and a merge are; a test makes them small. */
export interface IdIndexSizes {
  readonly tableIds: number
  readonly mergeRuns: number
}
const DEFAULT_SIZES: IdIndexSizes = { tableIds: TABLE_IDS, mergeRuns: MERGE_RUNS }

/** What the index knows of an id. */
export type IdVerdict = 'new' | 'duplicate' | 'conflict'

/**
 * The event ids a shard has accepted, each with a hash of its payload, for the source's redelivery horizon. Newest in a
 * table in memory (recovered from the journal), older in sorted runs on disk behind Bloom filters: an id of days ago costs
 * a read of one blob, a new one none. Ids are forgotten run by run, by the arrival of the newest in it.
 */
export class IdIndex {
  private readonly storage: ShardStorage
  private readonly horizonMs: number
  private readonly tableIds: number
  private readonly mergeRuns: number
  private table: IdTable
  /** Oldest first. */
  private runs: IdRun[]
  private nextRun: number
  /** The journal row of the first id in the table, or -1. */
  private tableSince = -1
  private heldUntilMs = 0
  /** A merge under way: one hash part at a time, so that no batch waits for a whole merge. */
  private merging: { readonly from: readonly IdRun[]; readonly into: IdRun; part: number } | null = null

  constructor(storage: ShardStorage, horizonMs: number, { tableIds, mergeRuns }: IdIndexSizes = DEFAULT_SIZES) {
    this.storage = storage
    this.horizonMs = horizonMs
    this.tableIds = tableIds
    this.mergeRuns = mergeRuns
    this.table = new IdTable(tableIds)
    const listed = JSON.parse(storage.readMeta('ids') ?? '[]') as [number, number, number, number][]
    this.runs = listed.map(([id, tier, count, newest]) => IdRun.open(storage, id, tier, count, newest))
    this.nextRun = Math.max(0, ...listed.map(([id]) => id + 1))
  }

  /** Looks an id up by its 128-bit hash. `payload`: 32 bits of the checked event. */
  check(id: Uint32Array, payload: number): IdVerdict {
    const known = this.table.find(id) ?? this.findInRuns(id)
    if (known === undefined) return 'new'
    return known === payload >>> 0 ? 'duplicate' : 'conflict'
  }

  private findInRuns(id: Uint32Array): number | undefined {
    for (let i = this.runs.length - 1; i >= 0; i--) {
      const found = this.runs[i]?.find(id)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Remembers an id; the caller has checked that it is new. `journalRow` is where it can be recovered from. */
  add(id: Uint32Array, payload: number, arrivalMs: number, journalRow: number): void {
    if (this.tableSince < 0) this.tableSince = journalRow
    this.table.add(id, payload, arrivalMs)
  }

  /** The journal row of the oldest id that no run holds yet, or undefined. */
  get oldestUnsaved(): number | undefined {
    return this.tableSince < 0 ? undefined : this.tableSince
  }

  get isFull(): boolean {
    return this.table.size >= this.tableIds
  }

  /** Ids in memory and on disk. */
  get size(): number {
    return this.runs.reduce((sum, run) => sum + run.count, this.table.size)
  }

  /** Writes the table as a run and forgets what is beyond the horizon. Inside a transaction. */
  save(nowMs: number): void {
    if (this.table.size > 0) {
      const run = writeRun(this.storage, this.nextRun++, 0, this.table.sorted(), this.table.newestMs)
      this.runs.push(run)
      this.table = new IdTable(this.tableIds)
      this.tableSince = -1
    }
    this.forget(nowMs)
    this.planMerge(nowMs)
    this.list()
  }

  private forget(nowMs: number): void {
    const kept = this.runs.filter((run) => run.newestMs >= nowMs - this.horizonMs || this.merging?.from.includes(run))
    for (const run of this.runs) if (!kept.includes(run)) run.delete()
    this.runs = kept
  }

  private list(): void {
    const listed = this.runs.map((run) => [run.id, run.tier, run.count, run.newestMs])
    this.storage.writeMeta('ids', JSON.stringify(listed))
  }

  private planMerge(nowMs: number): void {
    if (this.merging || nowMs < this.heldUntilMs) return
    for (let tier = 0; tier < LARGEST_TIER; tier++) {
      const from = this.runs.filter((run) => run.tier === tier).slice(0, this.mergeRuns)
      if (from.length < this.mergeRuns) continue
      this.merging = { from, into: IdRun.merged(this.storage, this.freeNumber(), tier + 1, from), part: 0 }
      return
    }
  }

  /**
   * The least number that no run has: a merge that a restart cuts off begins anew with the same number, and so writes over
   * what it left.
   */
  private freeNumber(): number {
    const taken = new Set(this.runs.map((run) => run.id))
    let number = 0
    while (taken.has(number)) number++
    this.nextRun = Math.max(this.nextRun, number + 1)
    return number
  }

  /** The ids that runs have, for another shard that takes them over; `save` puts the rest into one. */
  get handedOver(): readonly IdRun[] {
    return this.runs
  }

  /** Leaves runs as they are up to this time, ms: whoever copies them need not copy them again. */
  holdMerges(untilMs: number): void {
    this.heldUntilMs = untilMs
  }

  /** Does a bounded piece of a merge under way. Inside a transaction. A merge that a restart cut off begins anew. */
  step(nowMs: number): void {
    const merging = this.merging
    if (!merging || nowMs < this.heldUntilMs) return
    mergeRuns(merging.from, merging.into, merging.part)
    if (++merging.part < RUN_PARTS) return
    merging.into.saveFilter()
    const first = this.runs.indexOf(merging.from[0] as IdRun)
    this.runs = this.runs.filter((run) => !merging.from.includes(run))
    this.runs.splice(Math.max(0, first), 0, merging.into)
    for (const run of merging.from) run.delete()
    this.merging = null
    this.list()
  }
}
