/** A progress bar on a terminal, a line now and then elsewhere (a log file keeps what is printed over). */

const BAR_WIDTH = 28
const REDRAW_MS = 100
const LINES_IN_ALL = 10

export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

export class Progress {
  private readonly output: Output
  private readonly total: number
  private readonly now: () => number
  private readonly what: string
  private readonly startedMs: number
  private drawnMs = Number.NEGATIVE_INFINITY
  private linesPrinted = 0

  /** `what` is counted: `flights`. */
  constructor(output: Output, total: number, now: () => number, what = 'flights') {
    this.output = output
    this.total = total
    this.now = now
    this.what = what
    this.startedMs = now()
  }

  /** `done` of the total, so far. */
  update(done: number): void {
    const nowMs = this.now()
    const isLast = done >= this.total
    if (this.output.isTTY) {
      if (!isLast && nowMs - this.drawnMs < REDRAW_MS) return
      this.drawnMs = nowMs
      // Back to the line's start, and the rest of it cleared.
      this.output.write(`\r${this.text(done)}\u001b[K${isLast ? '\n' : ''}`)
      return
    }
    const reached = Math.floor((done / this.total) * LINES_IN_ALL)
    if (reached <= this.linesPrinted) return
    this.linesPrinted = reached
    this.output.write(`${this.text(done)}\n`)
  }

  private text(done: number): string {
    const seconds = (this.now() - this.startedMs) / 1000
    const share = done / this.total
    const filled = Math.round(share * BAR_WIDTH)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`
    const rate = seconds > 0 ? Math.round(done / seconds) : 0
    const left = rate > 0 ? Math.ceil((this.total - done) / rate) : 0
    const end = done >= this.total ? `in ${seconds.toFixed(1)} s` : `${left} s left`
    return `  ${bar} ${grouped(done)} of ${grouped(this.total)} ${this.what}, ${grouped(rate)}/s, ${end}`
  }
}

export function grouped(value: number): string {
  return value.toLocaleString('en')
}
