/** How an import gets on: a bar on a terminal, a line now and then elsewhere. */
import { grouped, type Output } from '../start/progress.ts'

const WIDTH = 24
const REDRAW_MS = 100
const LINES_IN_ALL = 10

export interface Shown {
  /** How much of all files has been read, from 0 to 1. */
  readonly share: number
  readonly rows: number
  readonly refused: number
}

export class Bar {
  private readonly output: Output
  private readonly now: () => number
  private readonly startedMs: number
  private readonly before: Shown
  private drawnMs = Number.NEGATIVE_INFINITY
  private lines = 0
  private isDrawn = false

  /** `before`: where an import goes on that was broken off. */
  constructor(output: Output, now: () => number, before: Shown) {
    this.output = output
    this.now = now
    this.startedMs = now()
    this.before = before
    this.lines = Math.floor(before.share * LINES_IN_ALL)
  }

  update(shown: Shown): void {
    const nowMs = this.now()
    if (this.output.isTTY) {
      if (nowMs - this.drawnMs < REDRAW_MS) return
      this.drawnMs = nowMs
      this.isDrawn = true
      this.output.write(`\r${this.text(shown)}\u001b[K`)
      return
    }
    const reached = Math.floor(shown.share * LINES_IN_ALL)
    if (reached <= this.lines) return
    this.lines = reached
    this.output.write(`${this.text(shown)}\n`)
  }

  /** A line of its own, above the bar. */
  say(text: string): void {
    this.output.write(this.isDrawn ? `\r${text}\u001b[K\n` : `${text}\n`)
  }

  /** Leaves the bar as it is, with what comes next on a new line. */
  end(shown: Shown): void {
    if (this.output.isTTY) this.output.write(`\r${this.text(shown)}\u001b[K\n`)
    this.isDrawn = false
  }

  private text({ share, rows, refused }: Shown): string {
    const filled = Math.round(Math.min(1, share) * WIDTH)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`
    const seconds = Math.max(0.001, (this.now() - this.startedMs) / 1000)
    const rate = Math.round((rows - this.before.rows) / seconds)
    const done = share - this.before.share
    const left = done > 0 ? Math.ceil((seconds * (1 - share)) / done) : undefined
    const eta = share >= 1 || left === undefined ? '' : `, ${duration(left)} left`
    const percent = Math.floor(Math.min(1, share) * 100)
    return `  ${bar} ${percent} %, ${grouped(rows)} rows, ${grouped(rate)}/s, ${grouped(refused)} refused${eta}`
  }
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}
