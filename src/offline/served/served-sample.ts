import type { Plan } from '../../plan/index.ts'
import type { LookupRequest, LookupRow } from '../../serve/index.ts'
import { canonicalJson } from '../../util/canonical-json.ts'
import type { ObjectStore } from '../objects.ts'
import { definitionsKey, servedKey, servedLine } from './served-vector.ts'

/** The share of vectors that is kept where a region says nothing. */
export const SERVED_SHARE = 0.001

/** What waits is written after this, ms: longer than half a minute no Worker lives on after an answer. */
const FLUSH_MS = 10_000
/** Or at once, when it is so much. */
const MANY_VECTORS = 500
const MANY_UNITS = 512 * 1024
/** Beyond this, while a write does not come to its end, vectors are let go. */
const MOST_UNITS = 4 * MANY_UNITS

export interface ServedSampleOptions {
  readonly region: string
  readonly plan: Plan
  /** Above 0, at most 1. */
  readonly share: number
  readonly objects: Pick<ObjectStore, 'put'>
  /** In [0, 1). */
  readonly random: () => number
  /** Tells a person why vectors were not kept. */
  readonly report: (problem: string) => void
}

/**
 * A sample of the vectors that one isolate serves, each with what it was computed from, on its way to the bucket of the log. What
 * waits is in memory alone: an isolate that ends takes it along, and a sample that lacks some is a sample still.
 */
export class ServedSample {
  private readonly options: ServedSampleOptions
  private lines: string[] = []
  private units = 0
  private lost = 0
  /** Vectors to let pass before the next that is kept. */
  private skip: number
  /** By when what waits is written, ms; infinite while nothing does. */
  private dueMs = Number.POSITIVE_INFINITY
  private hasDefinitions = false

  constructor(options: ServedSampleOptions) {
    this.options = options
    this.skip = this.gap()
  }

  /**
   * Takes the answer of a request; of most it only counts the rows. Each vector is kept or not by itself, so one of a batch is as likely
   * as one alone.
   *
   * @returns after how many ms {@link flush} is to be called for what waits; undefined: somebody does, or nothing waits
   */
  take({ vector, entities, t }: LookupRequest, rows: readonly LookupRow[], nowMs: number): number | undefined {
    while (this.skip < rows.length) {
      const row = rows[this.skip] as LookupRow
      const by = { region: this.options.region, plan: this.options.plan.hash }
      const line = servedLine(by, { vector, t, nowMs }, entities[this.skip], row)
      if (line !== undefined) this.add(line)
      this.skip += 1 + this.gap()
    }
    this.skip -= rows.length
    if (this.lines.length === 0) return undefined
    const isFull = this.lines.length >= MANY_VECTORS || this.units >= MANY_UNITS
    // Past its time: whoever was to write it was ended before.
    if (!isFull && nowMs < this.dueMs && this.dueMs !== Number.POSITIVE_INFINITY) return undefined
    const waitMs = isFull || nowMs >= this.dueMs ? 0 : FLUSH_MS
    this.dueMs = nowMs + 2 * FLUSH_MS
    return waitMs
  }

  /** Writes what waits, as one object. What cannot be written is lost, and told. */
  async flush(nowMs: number): Promise<void> {
    const { region, plan, objects, random, report } = this.options
    const { lines, lost } = this
    this.dueMs = Number.POSITIVE_INFINITY
    if (lines.length === 0) return
    this.lines = []
    this.units = 0
    this.lost = 0
    if (lost > 0) report(`the sample of served vectors lost ${lost}: writes to the bucket take too long`)
    const name = Array.from({ length: 2 }, () => Math.floor(random() * 2 ** 32).toString(36)).join('')
    const encoder = new TextEncoder()
    try {
      // Without them nobody could say later what the values mean; the same for all, so whoever is first is right.
      if (!this.hasDefinitions)
        await objects.put(definitionsKey(plan.hash), encoder.encode(canonicalJson(plan.spec)), { etag: null })
      this.hasDefinitions = true
      await objects.put(servedKey(region, nowMs, name), encoder.encode(`${lines.join('\n')}\n`))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      report(`the sample of served vectors lost ${lines.length}: ${why}`)
    }
  }

  private add(line: string): void {
    if (this.units + line.length > MOST_UNITS) {
      this.lost++
      return
    }
    this.lines.push(line)
    this.units += line.length
  }

  /** How many vectors are let pass until the next is kept, where each is by the share: as often as coins would be thrown. */
  private gap(): number {
    const { share, random } = this.options
    return share >= 1 ? 0 : Math.floor(Math.log(1 - random()) / Math.log(1 - share))
  }
}
