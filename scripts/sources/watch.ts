/** Redraws a text until Ctrl-C: on the terminal's other screen, so that what stood there before comes back. */
import { setTimeout as pause } from 'node:timers/promises'
import { UsageError } from '../lib/usage-error.ts'
import type { SourceStatus } from './client.ts'
import { type Rates, rateKey } from './render.ts'

const EVERY_MS = 1_000
const OTHER_SCREEN = '\u001b[?1049h\u001b[?25l'
const FIRST_SCREEN = '\u001b[?25h\u001b[?1049l'
/** To the corner; what is right of a line or below the last is cleared as it is written. */
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_REST = '\u001b[J'
const DEFAULT_ROWS = 24

export interface Screen {
  readonly isTTY?: boolean
  readonly rows?: number
  write(text: string): unknown
}

/** Tells how fast partitions go, from one look to the next. */
export class Speed {
  private last = new Map<string, number>()
  private lastMs = 0

  /** Records a second since the look before; empty at the first. */
  of(sources: readonly SourceStatus[], nowMs: number): Rates {
    const counted = new Map<string, number>()
    const rates = new Map<string, number>()
    const seconds = (nowMs - this.lastMs) / 1_000
    for (const { source, topics } of sources) {
      for (const partition of topics.flatMap(({ partitions }) => partitions)) {
        const key = rateKey(source, partition)
        const before = this.last.get(key)
        counted.set(key, partition.counts.records)
        if (before !== undefined && seconds > 0) rates.set(key, (partition.counts.records - before) / seconds)
      }
    }
    this.last = counted
    this.lastMs = nowMs
    return rates
  }
}

/**
 * Draws what `look` gives, every second, until the signal. An error of a look is shown and the next one tried. Throws a
 * UsageError where there is no terminal.
 */
export async function watch(look: () => Promise<string>, screen: Screen, signal: AbortSignal): Promise<void> {
  if (screen.isTTY !== true) throw new UsageError('--watch redraws a terminal, and this is none: leave it out.')
  screen.write(OTHER_SCREEN)
  try {
    while (!signal.aborted) {
      const text = await look().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
      if (signal.aborted) return
      screen.write(frame(text, screen.rows ?? DEFAULT_ROWS))
      await pause(EVERY_MS, undefined, { signal }).catch(() => {})
    }
  } finally {
    screen.write(FIRST_SCREEN)
  }
}

/** As many lines as fit, so that nothing scrolls. */
export function frame(text: string, rows: number): string {
  const lines = text.split('\n')
  const fit = rows - 1
  const shown = lines.length <= fit ? lines : [...lines.slice(0, fit - 1), `... ${lines.length - fit + 1} lines more`]
  return `${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_REST}`
}
