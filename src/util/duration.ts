/** A length of time: a whole number and a unit (`'250ms'`, `'90s'`, `'5m'`, `'1h'`, `'7d'`, `'2w'`), or milliseconds. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Milliseconds of a duration, or what is wrong with it. A day is 24 hours: a duration knows no time zone.
 *
 * @example parseDuration('5m') // { ms: 300_000 }
 */
export function parseDuration(duration: unknown): { readonly ms: number } | { readonly error: string } {
  const ms = typeof duration === 'number' ? duration : typeof duration === 'string' ? readText(duration) : undefined
  if (ms === undefined) {
    const how = "write a whole number and a unit, such as '250ms', '90s', '5m', '1h', '7d', '2w'"
    return { error: `${shown(duration)} is no duration: ${how}` }
  }
  if (ms <= 0) return { error: `${shown(duration)} is not above zero` }
  if (!Number.isSafeInteger(ms)) return { error: `${shown(duration)} is not a whole number of milliseconds below 2^53` }
  return { ms }
}

/** The shortest way to write milliseconds as a duration: `formatDuration(300_000)` is `'5m'`. */
export function formatDuration(ms: number): string {
  for (const unit of ['w', 'd', 'h', 'm', 's'] as const) {
    const width = unitMs[unit] ?? 1
    if (ms >= width && ms % width === 0) return `${ms / width}${unit}`
  }
  return `${ms}ms`
}

function readText(text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text)
  if (!match) return undefined
  const [, count, unit] = match
  // A fraction is refused as not whole even where '1.5s' would be whole ms: one way to write a duration is enough.
  return count?.includes('.') ? Number.NaN : Number(count) * (unitMs[unit ?? ''] ?? Number.NaN)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
