/** One feature as it was served, or as the log gives it. */
export interface Reading {
  /** JSON, as a lookup writes it. */
  readonly value: string
  readonly status: string
  readonly exact: boolean
}

/**
 * What a comparison says of one feature. `same`: bit for bit. `differs`: another value, status or exactness. `extra`: a value was
 * served where the log gives none; `missing`: none was served where the log gives one. The rest is not compared: `partial`, the feature
 * was too young then to have a whole value; `failed`, what is stored was damaged or not reached; `gone`, rows it needs are
 * not in the log (any more).
 */
export const VERDICTS = ['same', 'differs', 'extra', 'missing', 'partial', 'failed', 'gone'] as const
export type Verdict = (typeof VERDICTS)[number]

export const isMismatch = (verdict: Verdict): boolean =>
  verdict === 'differs' || verdict === 'extra' || verdict === 'missing'

/** No rows: the entity was never seen, or none counts. */
const NONE: readonly string[] = ['missing', 'empty']
/** Reasons of an error that are no function of rows. */
const OUTER_REASONS: readonly (string | null)[] = ['damaged']

/**
 * Compares one feature.
 *
 * @param reason of a served error
 */
export function judge(served: Reading, recomputed: Reading, reason: string | null = null): Verdict {
  if (served.status === 'partial') return 'partial'
  if (served.status === 'timeout' || (served.status === 'error' && OUTER_REASONS.includes(reason))) return 'failed'
  const isSameValue = served.value === recomputed.value && served.exact === recomputed.exact
  // Since then the feature was declared anew: its history is shorter now, its definition of then counts all the same.
  if (isSameValue && (served.status === recomputed.status || recomputed.status === 'partial')) return 'same'
  const [wasNone, isNone] = [NONE.includes(served.status), NONE.includes(recomputed.status)]
  if (wasNone === isNone) return 'differs'
  return isNone ? 'extra' : 'missing'
}
