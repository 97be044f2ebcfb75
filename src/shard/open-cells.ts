import type { Cell } from './cell.ts'

/** Decoded states that are held, by their estimated bytes. */
const OPEN_BYTES = 12 * 1024 * 1024
/** A decoded state takes about this many times its encoded bytes, and so much more for its arrays. Measured on hot states. */
const DECODED_FACTOR = 4
const DECODED_BASE_BYTES = 4_096

/** The cells whose decoded state is held, for reads and for hot entities; by recency of use. */
export class OpenCells {
  /** With the bytes that each was counted for. */
  private readonly cells = new Map<Cell, number>()
  private bytes = 0

  /** Keeps a cell's decoded state, and lets go of those that were used longest ago until the budget is kept. */
  hold(cell: Cell): void {
    this.forget(cell)
    const bytes = DECODED_BASE_BYTES + cell.size * DECODED_FACTOR
    this.cells.set(cell, bytes)
    this.bytes += bytes
    for (const oldest of this.cells.keys()) {
      if (this.bytes <= OPEN_BYTES || oldest === cell) return
      oldest.close()
      this.forget(oldest)
    }
  }

  private forget(cell: Cell): void {
    this.bytes -= this.cells.get(cell) ?? 0
    this.cells.delete(cell)
  }
}
