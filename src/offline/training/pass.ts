import type { FeatureValue } from '../../engine/index.ts'
import type { SourceRuntime } from '../../plan/index.ts'
import type { EntityReplay, ReplayRow } from '../replay.ts'
import { AskedByCommits, type ByCommitsInput } from './by-commits.ts'
import type { Cut } from './lineage.ts'
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

export interface PassInput extends ByCommitsInput {
  readonly replays: Replays
  readonly labels: Cursor<LabelBatch>
  readonly sources: readonly SourceRows[]
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
    const { hold } = asked
    for (const feed of feeds) {
      await feed.all(entity, (batch, at) => {
        hold(feed.source, batch.part[at] as number, batch.seq[at] as number, batch.row(at))
      })
    }
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
