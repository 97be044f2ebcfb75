import type { Cell } from './cell.ts'

/** Decoded states that are held, by their estimated bytes. */
const OPEN_BYTES = 12 * 1024 * 1024
/** A decoded state takes about this many times its encoded bytes, and so much more for its arrays. Measured on hot states. */
const DECODED_FACTOR = 4
const DECODED_BASE_BYTES = 4_096

interface Held {
  /** What it was counted for. */
  readonly bytes: number
  /** The use at which it came to the end of the line. */
  readonly movedAt: number
}

/** The cells whose decoded state is held, for reads and for hot entities; about by recency of use. */
export class OpenCells {
  private readonly cells = new Map<Cell, Held>()
  private bytes = 0
  private uses = 0

  /** Keeps a cell's decoded state, and lets go of those that were used longest ago until the budget is kept. */
  hold(cell: Cell): void {
    const held = this.cells.get(cell)
    this.uses++
    // Moving it to the end again costs as much as reading a few features: what is still near the end stays there.
    if (held && this.uses - held.movedAt < this.cells.size / 4) return
    this.forget(cell, held)
    const bytes = DECODED_BASE_BYTES + cell.size * DECODED_FACTOR
    this.cells.set(cell, { bytes, movedAt: this.uses })
    this.bytes += bytes
    if (this.bytes > OPEN_BYTES) this.shrink(cell)
  }

  private shrink(newest: Cell): void {
    for (const [oldest, held] of this.cells) {
      if (this.bytes <= OPEN_BYTES || oldest === newest) return
      oldest.close()
      this.forget(oldest, held)
    }
  }

  private forget(cell: Cell, held: Held | undefined): void {
    this.bytes -= held?.bytes ?? 0
    this.cells.delete(cell)
  }
}
