import type { FeatureValue } from '../../engine/index.ts'
import type { SourceRuntime } from '../../plan/index.ts'
import type { EntityReplay, ReplayRow } from '../replay.ts'
import { chainsOf } from './chains.ts'
import type { Cut, Lineage } from './lineage.ts'

/** What cannot be computed, and the label's place. */
export class LabelProblem extends Error {
  readonly row: number

  constructor(row: number, message: string) {
    super(message)
    this.row = row
  }
}

export interface ByCommitsInput {
  readonly lineage: Lineage
  /** The least lateness that one of the views allows, ms: no lookup answers for a time further behind the mark. */
  readonly latenessMs: number
  /** Told of labels that cannot be computed; default: the first one is thrown. */
  readonly onProblem?: (problem: LabelProblem) => void
}

/** Refuses a label that cannot be computed. */
export function refuse({ onProblem }: ByCommitsInput, row: number, message: string): void {
  const problem = new LabelProblem(row, message)
  if (onProblem === undefined) throw problem
  onProblem(problem)
}

/** Reads at t what a lookup with these commits would have answered; none answers for a time that is too old. */
export function readServed(
  input: ByCommitsInput,
  replay: EntityReplay,
  row: number,
  t: number,
  emit: (row: number, values: readonly FeatureValue[]) => void,
): void {
  const oldest = replay.mark - input.latenessMs
  if (t >= oldest) {
    emit(row, replay.read(t))
    return
  }
  const bound = new Date(oldest).toISOString()
  refuse(input, row, `with these commits nothing before ${bound} can be read: no lookup has answered that`)
}

interface HeldRow {
  readonly source: SourceRuntime
  readonly row: ReplayRow
  readonly seq: number
}

/** Labels of one entity that say what they saw: its rows are held, for the labels may have seen the shards in any order. */
export class AskedByCommits {
  private readonly replay: EntityReplay
  private readonly key: string
  private readonly input: ByCommitsInput
  /** By part. */
  private readonly rows = new Map<number, HeldRow[]>()
  private readonly labels: { readonly row: number; readonly t: number; readonly cut: Cut }[] = []
  private readonly cuts = new Map<string, Cut>()

  constructor(replay: EntityReplay, key: string, input: ByCommitsInput) {
    this.replay = replay
    this.key = key
    this.input = input
  }

  add(row: number, t: number, commits: readonly string[]): void {
    const name = commits.join()
    let cut = this.cuts.get(name)
    if (cut === undefined) {
      const found = this.input.lineage.cutOf(commits)
      if ('error' in found) {
        refuse(this.input, row, found.error)
        return
      }
      cut = found
      this.cuts.set(name, cut)
    }
    this.labels.push({ row, t, cut })
  }

  /** Takes a row of the entity; in any order. */
  readonly hold = (source: SourceRuntime, part: number, seq: number, row: ReplayRow): void => {
    const held = { source, row, seq }
    const known = this.rows.get(part)
    if (known) known.push(held)
    else this.rows.set(part, [held])
  }

  read(emit: (row: number, values: readonly FeatureValue[]) => void): void {
    const { replay, key, labels, input } = this
    for (const rows of this.rows.values()) rows.sort((a, b) => a.seq - b.seq)
    for (const chain of chainsOf(labels.map(({ cut }) => cut))) {
      replay.begin(key)
      const entered = new Map<number, number>()
      for (const place of chain) {
        const { row, t, cut } = labels[place] as (typeof labels)[number]
        this.enter(entered, cut)
        readServed(input, replay, row, t, emit)
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
