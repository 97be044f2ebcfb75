import type { FeatureValue } from '../../engine/index.ts'
import type { SourceRuntime } from '../../plan/index.ts'
import type { EntityReplay, ReplayRow } from '../replay.ts'
import { chainsOf } from './chains.ts'
import type { Cut, Lineage } from './lineage.ts'
import type { Replays } from './since.ts'

/** Rows of one source, by the numbers of their entities and from when on each is seen. */
export interface RowBatch {
  readonly length: number
  readonly entity: ArrayLike<number>
  readonly seenFromMs: ArrayLike<number>
  /** The place of its shard in the lineage, and its commit there. */
  readonly part: ArrayLike<number>
  readonly seq: ArrayLike<number>
  row(at: number): ReplayRow
  /** @see LabelBatch */
  readonly held?: unknown
}

/** Labels by the numbers of their entities, then by time. */
export interface LabelBatch {
  readonly length: number
  readonly entity: ArrayLike<number>
  readonly t: ArrayLike<number>
  /** The label's place in its file, from 0. */
  readonly row: ArrayLike<number>
  key(at: number): string
  /** The commits that it must see; null: what its mode says. All labels of a number have some, or none. */
  commits(at: number): readonly string[] | null
  /** What its columns lie in, where that is let go of as soon as nobody names it: a batch keeps it. */
  readonly held?: unknown
}

/** Batches one after the other, as they are wanted; undefined behind the last. */
export interface Cursor<Batch> {
  next(): Promise<Batch | undefined>
}

export interface SourceRows {
  readonly source: SourceRuntime
  readonly rows: Cursor<RowBatch>
}

/** What cannot be computed, and the label's place. */
export class LabelProblem extends Error {
  readonly row: number

  constructor(row: number, message: string) {
    super(message)
    this.row = row
  }
}

export interface PassInput {
  readonly lineage: Lineage
  readonly replays: Replays
  readonly labels: Cursor<LabelBatch>
  readonly sources: readonly SourceRows[]
  /** The least lateness that one of the views allows, ms: no lookup answers for a time further behind the mark. */
  readonly latenessMs: number
  /** Told of labels that cannot be computed; default: the first one is thrown. */
  readonly onProblem?: (problem: LabelProblem) => void
}

/** Takes a label's values. They are good until it returns. */
export type Emit = (row: number, values: readonly FeatureValue[]) => void

/**
 * Computes the features of labels: one entity after the other, each row of the log entered where the first label sees it. All
 * streams are sorted by the entity's number, rows by when they are seen, labels by time. A value depends on the set of rows
 * and on t alone, so nothing else has to be in order, and equal times of two sources need no rule.
 *
 * Throws a {@link LabelProblem} for commits that the log does not have.
 */
export async function runPass(input: PassInput, emit: Emit): Promise<void> {
  const { lineage, replays, labels, sources } = input
  const feeds = sources.map(({ source, rows }) => new Feed(source, rows))
  let entity = -1
  let replay: EntityReplay | undefined
  let limits: Cut = new Float64Array(0)
  let asked: AskedByCommits | undefined
  const finish = async (): Promise<void> => {
    if (asked === undefined) return
    for (const feed of feeds) await asked.collect(feed, entity)
    asked.read(emit)
    asked = undefined
  }
  for (let batch = await labels.next(); batch !== undefined; batch = await labels.next()) {
    for (let i = 0; i < batch.length; i++) {
      const own = batch.entity[i] as number
      if (own !== entity) {
        await finish()
        entity = own
        const key = batch.key(i)
        replay = replays.of(key)
        replay.begin(key)
        limits = lineage.limitsOf(key)
        for (const feed of feeds) if (!feed.skipTo(own)) await feed.seek(own)
        if (batch.commits(i) !== null) asked = new AskedByCommits(replay, key, input)
      }
      const t = batch.t[i] as number
      const row = batch.row[i] as number
      if (asked !== undefined) {
        asked.add(row, t, batch.commits(i) ?? [])
        continue
      }
      for (const feed of feeds) {
        while (!feed.feed(replay as EntityReplay, own, t, limits)) await feed.fill()
      }
      emit(row, (replay as EntityReplay).read(t))
    }
  }
  await finish()
}

/** The rows of one source, and where in them the pass is. */
class Feed {
  readonly source: SourceRuntime
  private readonly cursor: Cursor<RowBatch>
  batch: RowBatch | undefined
  at = 0
  private isOver = false

  constructor(source: SourceRuntime, cursor: Cursor<RowBatch>) {
    this.source = source
    this.cursor = cursor
  }

  async fill(): Promise<void> {
    this.batch = await this.cursor.next()
    this.at = 0
    this.isOver = this.batch === undefined
  }

  /** Passes over rows of entities before this one; false when more has to be loaded to know. */
  skipTo(entity: number): boolean {
    const { batch } = this
    if (batch === undefined) return this.isOver
    const { length, entity: entities } = batch
    while (this.at < length && (entities[this.at] as number) < entity) this.at++
    return this.at < length
  }

  async seek(entity: number): Promise<void> {
    while (!this.skipTo(entity)) await this.fill()
  }

  /** Enters what is seen at t; false when more has to be loaded to know. */
  feed(replay: EntityReplay, own: number, t: number, limits: Cut): boolean {
    const { batch } = this
    if (batch === undefined) return this.isOver
    const { length, entity, seenFromMs, part, seq } = batch
    while (this.at < length) {
      const at = this.at
      if (entity[at] !== own || (seenFromMs[at] as number) > t) return true
      if ((seq[at] as number) <= (limits[part[at] as number] as number)) replay.row(this.source, batch.row(at))
      this.at++
    }
    return false
  }

  /** Hands over every row of an entity. */
  async all(own: number, each: (batch: RowBatch, at: number) => void): Promise<void> {
    for (await this.seek(own); this.batch !== undefined; await this.seek(own)) {
      const { batch } = this
      for (; this.at < batch.length; this.at++) {
        if (batch.entity[this.at] !== own) return
        each(batch, this.at)
      }
    }
  }
}

interface HeldRow {
  readonly source: SourceRuntime
  readonly row: ReplayRow
  readonly seq: number
}

/** Labels of one entity that say what they saw: its rows are held, for the labels may have seen the shards in any order. */
class AskedByCommits {
  private readonly replay: EntityReplay
  private readonly key: string
  private readonly input: PassInput
  /** By part. */
  private readonly rows = new Map<number, HeldRow[]>()
  private readonly labels: { readonly row: number; readonly t: number; readonly cut: Cut }[] = []
  private readonly cuts = new Map<string, Cut>()

  constructor(replay: EntityReplay, key: string, input: PassInput) {
    this.replay = replay
    this.key = key
    this.input = input
  }

  private fail(row: number, message: string): void {
    const problem = new LabelProblem(row, message)
    if (this.input.onProblem === undefined) throw problem
    this.input.onProblem(problem)
  }

  add(row: number, t: number, commits: readonly string[]): void {
    const name = commits.join()
    let cut = this.cuts.get(name)
    if (cut === undefined) {
      const found = this.input.lineage.cutOf(commits)
      if ('error' in found) {
        this.fail(row, found.error)
        return
      }
      cut = found
      this.cuts.set(name, cut)
    }
    this.labels.push({ row, t, cut })
  }

  async collect(feed: Feed, entity: number): Promise<void> {
    const { source } = feed
    await feed.all(entity, (batch, at) => {
      const part = batch.part[at] as number
      const held = { source, row: batch.row(at), seq: batch.seq[at] as number }
      const known = this.rows.get(part)
      if (known) known.push(held)
      else this.rows.set(part, [held])
    })
  }

  read(emit: Emit): void {
    const { replay, key, labels, input } = this
    for (const rows of this.rows.values()) rows.sort((a, b) => a.seq - b.seq)
    for (const chain of chainsOf(labels.map(({ cut }) => cut))) {
      replay.begin(key)
      const entered = new Map<number, number>()
      for (const place of chain) {
        const { row, t, cut } = labels[place] as (typeof labels)[number]
        this.enter(entered, cut)
        const oldest = replay.mark - input.latenessMs
        if (t >= oldest) emit(row, replay.read(t))
        else {
          const bound = new Date(oldest).toISOString()
          this.fail(row, `with these commits nothing before ${bound} can be read: no lookup has answered that`)
        }
      }
    }
  }

  /** Enters what a cut has more than the one before. */
  private enter(entered: Map<number, number>, cut: Cut): void {
    for (const [part, rows] of this.rows) {
      let at = entered.get(part) ?? 0
      for (let held = rows[at]; held !== undefined && held.seq <= (cut[part] as number); held = rows[++at])
        this.replay.row(held.source, held.row)
      entered.set(part, at)
    }
  }
}
