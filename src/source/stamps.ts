import type { Stamps } from '../shard/index.ts'

/** What the events of a batch are enriched with. */
export interface BatchStamps {
  /** How many enrichments the source has. */
  readonly each: number
  /** Each row once, as its table's shard wrote it. */
  readonly rows: readonly string[]
  /** For each event `each` places in `rows`, -1 where there is no row. */
  readonly of: Int32Array
}

/** The digits of a place, and a comma. */
const PLACE_UNITS = 6

/** Gathers the stamps of one message: of the rows of a batch those that its events need, each once. */
export class StampsWriter {
  private readonly stamps: BatchStamps
  /** Place in the batch's rows to place in the message's. */
  private readonly places = new Map<number, number>()
  private readonly of: (number | '')[] = []

  constructor(stamps: BatchStamps) {
    this.stamps = stamps
  }

  /** How many characters an event would add. */
  unitsOf(index: number): number {
    const { each, rows } = this.stamps
    let units = each * PLACE_UNITS
    for (const row of this.rowsOf(index)) if (!this.places.has(row)) units += (rows[row] as string).length + 1
    return units
  }

  /** Takes an event in, and tells how many characters it added. */
  add(index: number): number {
    const { each, of } = this.stamps
    const units = this.unitsOf(index)
    for (const row of this.rowsOf(index)) if (!this.places.has(row)) this.places.set(row, this.places.size)
    for (let i = 0; i < each; i++) this.of.push(this.places.get(of[index * each + i] as number) ?? '')
    return units
  }

  get text(): Stamps {
    const rows = [...this.places.keys()].map((row) => this.stamps.rows[row])
    return { rows: `[${rows.join()}]`, of: this.of.join() }
  }

  private rowsOf(index: number): Set<number> {
    const { each, of } = this.stamps
    return new Set(of.subarray(index * each, (index + 1) * each).filter((row) => row >= 0))
  }
}
