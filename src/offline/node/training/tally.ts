import type { FeatureValue, ResultType, Status } from '../../../engine/index.ts'
import { rowText } from '../../training/index.ts'
import { RowsDigest } from './digest.ts'

/** What was counted of one feature over all labels. */
export interface FeatureTally {
  readonly nulls: number
  /** Values that are estimates, or that an edge in doubt was counted in. */
  readonly inexact: number
  readonly statuses: Readonly<Partial<Record<Status, number>>>
}

/** What was counted of some labels, as workers send it. */
export interface TallyParts {
  readonly rows: number
  readonly digest: string
  readonly features: readonly FeatureTally[]
}

interface Counts {
  nulls: number
  inexact: number
  statuses: Partial<Record<Status, number>>
}

/** Counts labels and their values, and sums up their hashes; in any order. */
export class Tally {
  private readonly run: number
  private readonly types: readonly ResultType[]
  private readonly digest = new RowsDigest()
  private readonly features: Counts[]
  rows = 0

  /** `run`: which of the entities of a service it is. */
  constructor(run: number, types: readonly ResultType[]) {
    this.run = run
    this.types = types
    this.features = types.map(() => ({ nulls: 0, inexact: 0, statuses: {} }))
  }

  add(row: number, values: readonly FeatureValue[]): void {
    this.rows++
    this.digest.add(rowText(this.run, row, values, this.types))
    for (let i = 0; i < values.length; i++) {
      const { value, status, exact } = values[i] as FeatureValue
      const counts = this.features[i] as Counts
      if (value === null) counts.nulls++
      if (!exact) counts.inexact++
      counts.statuses[status] = (counts.statuses[status] ?? 0) + 1
    }
  }

  merge({ rows, digest, features }: TallyParts): void {
    this.rows += rows
    this.digest.addHex(digest)
    features.forEach(({ nulls, inexact, statuses }, i) => {
      const counts = this.features[i] as Counts
      counts.nulls += nulls
      counts.inexact += inexact
      for (const [status, count] of Object.entries(statuses) as [Status, number][])
        counts.statuses[status] = (counts.statuses[status] ?? 0) + count
    })
  }

  get parts(): TallyParts {
    return { rows: this.rows, digest: this.digest.hex, features: this.features }
  }
}
