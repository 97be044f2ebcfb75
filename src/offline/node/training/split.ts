import { parseRfc3339 } from '../../../util/rfc3339.ts'
import { named, quoted } from '../duck.ts'

/** How labels are split: those before a time train, or this share of all entities does. */
export type Split =
  | { readonly kind: 'time'; readonly beforeMs: number }
  | { readonly kind: 'hash'; readonly share: number }

/** What the column of a split is called; it says `train` or `test`. */
export const SPLIT_COLUMN = 'split'

/** A split as it is written: `time:2026-01-01T00:00:00Z`, `time:2026-01-01` (UTC) or `hash:0.8`. */
export function parseSplit(text: string): Split | { readonly error: string } {
  const [, kind, value = ''] = /^(time|hash):(.+)$/.exec(text) ?? []
  if (kind === 'hash') {
    const share = Number(value)
    return share > 0 && share < 1 ? { kind, share } : { error: `split "${text}": the share is between 0 and 1` }
  }
  const ms = kind === 'time' ? parseRfc3339(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value) : undefined
  if (typeof ms === 'number') return { kind: 'time', beforeMs: ms }
  const why = ms === undefined ? 'there are time:2026-01-01 and hash:0.8' : `${value} is no time: ${ms}`
  return { error: `split "${text}": ${why}` }
}

/** The inverse of {@link parseSplit}. */
export const splitText = (split: Split): string =>
  split.kind === 'hash' ? `hash:${split.share}` : `time:${new Date(split.beforeMs).toISOString()}`

/** The column, over the table of what the first entity is asked for: `a.t` and `a.key`. An entity is wholly on one side by its hash. */
export function splitSql(split: Split): string {
  const isTrain =
    split.kind === 'time'
      ? `a.t < ${split.beforeMs}`
      : `CAST('0x' || substr(md5(a.key), 1, 8) AS UBIGINT) < ${Math.round(split.share * 2 ** 32)}`
  return `CASE WHEN ${isTrain} THEN ${quoted('train')} ELSE ${quoted('test')} END AS ${named(SPLIT_COLUMN)}`
}
