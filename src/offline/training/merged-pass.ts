import type { FeatureValue } from '../../engine/index.ts'
import type { SourceRuntime } from '../../plan/index.ts'
import type { EntityReplay, ReplayRow } from '../replay.ts'
import { AskedByCommits, type ByCommitsInput, readServed } from './by-commits.ts'
import type { Cut } from './lineage.ts'
import type { Replays } from './since.ts'

/** What a record of a merged stream is. Of one order rows come before labels. */
export const KIND = { row: 0, label: 1, end: 2 } as const

/**
 * In place of a region: labels that go by commits of several parts. Their entity's rows come first, all of them, and are held.
 */
export const BY_PARTS = -1

/**
 * In place of a region: labels that go by commits of this part alone. The entity has its rows alone, and both are ordered by
 * the commit, so that none has to be held.
 */
export const orderedBy = (part: number): number => -2 - part

/**
 * Rows of all sources and labels in one stream, as a sort outside of this process gives it: by entity (key and region), then
 * by `order` (when a row is seen, a label's t; or the commit), then by kind. A batch may end anywhere.
 */
export interface MergedBatch {
  readonly length: number
  readonly kind: ArrayLike<number>
  readonly region: ArrayLike<number>
  /** Of a row the time of the event, of a label t. */
  readonly timeMs: ArrayLike<number>
  /** Of a row its commit, of a label its place, of the end how many records came before. */
  readonly seq: ArrayLike<number>
  readonly part: ArrayLike<number>
  /** Whether the entity is another one than that of the record before, also of the batch before. */
  isNew(at: number): boolean
  key(at: number): string
  source(at: number): SourceRuntime
  row(at: number): ReplayRow
  commits(at: number): readonly string[]
}

export interface MergedPassInput extends ByCommitsInput {
  readonly replays: Replays
}

/**
 * Computes the features of labels out of one sorted stream: {@link runPass} for what was merged elsewhere. It holds one
 * entity's state, and its rows only where labels go by commits of several parts.
 *
 * The stream says itself where it ends: one that was cut at a batch reads as a clean end. Throws for a stream without its end,
 * or with another number of records than that says.
 *
 * @returns how many labels there were
 */
export async function runMergedPass(
  input: MergedPassInput,
  batches: AsyncIterable<MergedBatch>,
  emit: (row: number, values: readonly FeatureValue[]) => void,
): Promise<number> {
  const one = new OneEntity(input, emit)
  let records = 0
  let labels = 0
  let isOver = false
  for await (const batch of batches) {
    for (let i = 0; i < batch.length; i++) {
      if (isOver) throw new Error('records came behind the end')
      const kind = batch.kind[i]
      if (kind === KIND.end) {
        const said = batch.seq[i] as number
        if (said !== records) throw new Error(`of ${said} records ${records} came`)
        one.finish()
        isOver = true
        continue
      }
      records++
      if (batch.isNew(i)) one.begin(batch.key(i), batch.region[i] as number)
      if (kind === KIND.label) {
        labels++
        one.label(batch, i)
      } else one.row(batch, i)
    }
  }
  if (!isOver) throw new Error(`the input was cut off after ${records} records`)
  return labels
}

class OneEntity {
  private readonly input: MergedPassInput
  private readonly emit: (row: number, values: readonly FeatureValue[]) => void
  private replay: EntityReplay | undefined
  private limits: Cut = new Float64Array(0)
  private region = 0
  private asked: AskedByCommits | undefined

  constructor(input: MergedPassInput, emit: (row: number, values: readonly FeatureValue[]) => void) {
    this.input = input
    this.emit = emit
  }

  begin(key: string, region: number): void {
    this.finish()
    const { input } = this
    const replay = input.replays.of(key)
    replay.begin(key)
    this.replay = replay
    this.region = region
    if (region >= 0) this.limits = input.lineage.limitsOf(key)
    if (region === BY_PARTS) this.asked = new AskedByCommits(replay, key, input)
  }

  row(batch: MergedBatch, at: number): void {
    const part = batch.part[at] as number
    const seq = batch.seq[at] as number
    if (this.asked !== undefined) this.asked.hold(batch.source(at), part, seq, batch.row(at))
    else if (this.region < 0 || seq <= (this.limits[part] as number)) this.current.row(batch.source(at), batch.row(at))
  }

  label(batch: MergedBatch, at: number): void {
    const place = batch.seq[at] as number
    const t = batch.timeMs[at] as number
    if (this.asked !== undefined) this.asked.add(place, t, batch.commits(at))
    else if (this.region < 0) readServed(this.input, this.current, place, t, this.emit)
    else this.emit(place, this.current.read(t))
  }

  finish(): void {
    this.asked?.read(this.emit)
    this.asked = undefined
  }

  private get current(): EntityReplay {
    if (this.replay === undefined) throw new Error('a record came before its entity began')
    return this.replay
  }
}
