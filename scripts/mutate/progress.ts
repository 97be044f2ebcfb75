/** One line that is drawn over on a terminal, and a line now and then elsewhere. */

export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const BAR_WIDTH = 24
const LINES_IN_ALL = 20

export class MutationProgress {
  private readonly output: Output
  private readonly total: number
  private readonly now: () => number
  private readonly startedMs: number
  private killed = 0
  private survived = 0
  /** Known beforehand: they say nothing of how long the rest will take. */
  private known = 0
  private printed = 0

  constructor(output: Output, total: number, now: () => number) {
    this.output = output
    this.total = total
    this.now = now
    this.startedMs = now()
  }

  add(status: 'killed' | 'survived', isKnown: boolean): void {
    if (status === 'killed') this.killed++
    else this.survived++
    if (isKnown) {
      this.known++
      return
    }
    const done = this.killed + this.survived
    if (this.output.isTTY) {
      this.output.write(`\r${this.line(done)}\u001b[K${done === this.total ? '\n' : ''}`)
      return
    }
    const reached = Math.floor((done / this.total) * LINES_IN_ALL)
    if (reached > this.printed) this.output.write(`${this.line(done)}\n`)
    this.printed = reached
  }

  private line(done: number): string {
    const filled = Math.round((done / this.total) * BAR_WIDTH)
    const bar = '█'.repeat(filled).padEnd(BAR_WIDTH, '░')
    const tried = done - this.known
    const msEach = tried === 0 ? 0 : (this.now() - this.startedMs) / tried
    const minutes = (msEach * (this.total - done)) / 60_000
    const left = done === this.total ? '' : `, ${minutes < 1 ? 'under a minute' : `${Math.ceil(minutes)} min`} left`
    return `  ${bar} ${done}/${this.total}, ${this.killed} killed, ${this.survived} survived${left}`
  }
}
