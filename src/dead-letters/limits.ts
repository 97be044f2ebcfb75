/** How much of what was refused a source keeps in a region. */
export interface LetterLimits {
  /** How long a letter is kept, ms. */
  readonly retentionMs: number
  readonly letters: number
  /** UTF-8 bytes of kept payloads. */
  readonly bytes: number
}

const DAY_MS = 86_400_000

/** A month to notice, and a twentieth of what a Durable Object can store. */
export const DEFAULT_LIMITS: LetterLimits = { retentionMs: 30 * DAY_MS, letters: 1_000_000, bytes: 512 * 1024 * 1024 }

/**
 * Limits from the variable `DEAD_LETTER_LIMITS`: JSON of any of `days`, `letters` and `bytes`, the rest as by default. A text
 * says what is wrong with it.
 *
 * @example parseLimits('{"days": 7}') // seven days, a million letters, 512 MB
 */
export function parseLimits(json: string | undefined): LetterLimits | string {
  if (json === undefined || json === '') return DEFAULT_LIMITS
  const how = 'expected JSON such as {"days": 30, "letters": 1000000, "bytes": 536870912}'
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return `DEAD_LETTER_LIMITS is no JSON; ${how}.`
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return `DEAD_LETTER_LIMITS is no object; ${how}.`
  for (const [name, value] of Object.entries(parsed)) {
    if (!['days', 'letters', 'bytes'].includes(name)) return `DEAD_LETTER_LIMITS has an unknown "${name}"; ${how}.`
    if (!(typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER))
      return `"${name}" in DEAD_LETTER_LIMITS is no number above 0; ${how}.`
  }
  const { days, letters, bytes } = parsed as {
    readonly days?: number
    readonly letters?: number
    readonly bytes?: number
  }
  return {
    retentionMs: days === undefined ? DEFAULT_LIMITS.retentionMs : days * DAY_MS,
    letters: letters ?? DEFAULT_LIMITS.letters,
    bytes: bytes ?? DEFAULT_LIMITS.bytes,
  }
}
