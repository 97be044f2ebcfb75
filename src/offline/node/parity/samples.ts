import type { ObjectStore } from '../../objects.ts'
import { parseServedLine, type ServedRow } from '../../parity/index.ts'
import { SERVED_PREFIX } from '../../served/index.ts'

export interface SampleQuery {
  /** Vectors that were served from here on, ms, and before. */
  readonly fromMs: number
  readonly toMs: number
  /** `fraud` or `fraud@1`; absent: all, and reads by a list of features. */
  readonly service?: string | undefined
  /** At most so many, each as likely as any other. */
  readonly most: number
  /** In [0, 1). */
  readonly random: () => number
}

export interface Samples {
  /** Lines, in no order. */
  readonly lines: readonly string[]
  /** How many there were in that time, of the service. */
  readonly found: number
  /** Lines that are none, each with its file and why. */
  readonly damaged: readonly string[]
}

/** How much later than a vector was served its object may have been written: the isolate waits for others, ms. */
const LATEST_WRITE_MS = 60_000
const DAY_MS = 86_400_000
/** As said of damaged lines. */
const MOST_TOLD = 5

/** Reads the sample of a time, of all regions in a bucket. What cannot be read is told, and left out. */
export async function readSamples(objects: Pick<ObjectStore, 'get' | 'list'>, query: SampleQuery): Promise<Samples> {
  const { fromMs, toMs, service, most, random } = query
  const lines: string[] = []
  const damaged: string[] = []
  let found = 0
  for (const { key } of await objects.list(SERVED_PREFIX)) {
    if (!mayHold(key, fromMs, toMs)) continue
    const stored = await objects.get(key)
    // Retention may have taken it away since it was listed.
    if (stored === undefined) continue
    const texts = new TextDecoder().decode(stored.bytes).split('\n')
    for (const [at, text] of texts.entries()) {
      if (text === '') continue
      const row = parseServedLine(text)
      if ('error' in row) {
        damaged.push(`${key}, line ${at + 1} ${row.error}`)
        continue
      }
      if (!isWanted(row, fromMs, toMs, service)) continue
      found++
      // A reservoir: whatever their number, each stays with the same chance.
      if (lines.length < most) lines.push(text)
      else {
        const place = Math.floor(random() * found)
        if (place < most) lines[place] = text
      }
    }
  }
  const told = damaged.slice(0, MOST_TOLD)
  return {
    lines,
    found,
    damaged: damaged.length > MOST_TOLD ? [...told, `and ${damaged.length - MOST_TOLD} lines more`] : told,
  }
}

/** By its name alone: the day of its folder, and when it was written. */
function mayHold(key: string, fromMs: number, toMs: number): boolean {
  const [, day = '', written = ''] = /\/tm_day=([^/]+)\/(\d+)-[^/]*\.ndjson$/.exec(key) ?? []
  const dayMs = Date.parse(day)
  const writtenMs = Number(written)
  if (!Number.isFinite(dayMs) || written === '') return false
  return dayMs + DAY_MS >= fromMs && writtenMs >= fromMs && writtenMs < toMs + LATEST_WRITE_MS
}

function isWanted({ vector, servedMs }: ServedRow, fromMs: number, toMs: number, service: string | undefined): boolean {
  if (servedMs < fromMs || servedMs >= toMs) return false
  return service === undefined || vector.service === service || vector.service?.split('@')[0] === service
}
