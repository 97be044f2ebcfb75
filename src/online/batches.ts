import type { Copy } from './copy.ts'
import type { PutOutcome, StoreFlags } from './store.ts'

/** At most this much of an error of somebody else's is shown. */
const SHOWN_UNITS = 200

/** Consecutive parts of a list, each of at most so many items and so large; one item that is larger by itself is alone. */
export function inParts<T>(
  items: readonly T[],
  { maxCount, maxSize = Number.POSITIVE_INFINITY, sizeOf = () => 0 }: PartLimits<T>,
): readonly (readonly T[])[] {
  const parts: T[][] = []
  let size = 0
  for (const item of items) {
    const own = sizeOf(item)
    const last = parts.at(-1)
    if (last === undefined || last.length >= maxCount || size + own > maxSize) {
      parts.push([item])
      size = own
    } else {
      last.push(item)
      size += own
    }
  }
  return parts
}

export interface PartLimits<T> {
  readonly maxCount: number
  readonly maxSize?: number
  readonly sizeOf?: (item: T) => number
}

/** Refuses a call with more than the store says it takes: a bug of the caller. */
export function checkCount(count: number, max: number, what: string): void {
  if (count > max) throw new RangeError(`${count} ${what} in one call; at most ${max}`)
}

/** The refusal of a copy that is too large, or undefined. */
export const tooLarge = ({ body }: Copy, { maxBodyBytes }: StoreFlags): PutOutcome | undefined =>
  body.length > maxBodyBytes ? { refused: `its body has ${body.length} bytes; at most ${maxBodyBytes}` } : undefined

/** The beginning of an error's words on one line: peers put whole requests into theirs. */
export function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > SHOWN_UNITS ? `${line.slice(0, SHOWN_UNITS)}...` : line
}
