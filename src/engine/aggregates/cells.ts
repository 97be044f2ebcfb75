/** What columns with one object a cell share. A cell belongs to its column: another's is copied, never taken over. */
export abstract class Cells<Cell> {
  protected cells: Cell[] = []

  protected abstract emptyCell(): Cell

  get length(): number {
    return this.cells.length
  }

  at(at: number): Cell {
    return this.cells[at] as Cell
  }

  insert(at: number): void {
    this.cells.splice(at, 0, this.emptyCell())
  }

  dropFirst(count: number): void {
    this.cells.splice(0, count)
  }

  clear(at: number): void {
    this.cells[at] = this.emptyCell()
  }
}
