/**
 * What orders copies of one entity's part: by epoch, then mark, then seq, then revision. The mark never falls and a late event
 * raises `seq`, so neither a writer that slept nor a late correction can lose. The revision rises with the definition and with
 * the format. Each is a whole number of at most 2^53 - 1, epoch and revision of at most 2^32 - 1.
 */
export interface Version {
  readonly epoch: number
  /** The entity's mark, ms. */
  readonly mark: number
  /** The last commit that touched the entity. */
  readonly seq: number
  readonly revision: number
}

/** Negative, zero or positive, as a is less than, the same as, or greater than b. */
export const compareVersions = (a: Version, b: Version): number =>
  a.epoch - b.epoch || a.mark - b.mark || a.seq - b.seq || a.revision - b.revision

/** Hexadecimal digits of each number. */
const SHORT = 8
const LONG = 14
export const VERSION_TEXT_LENGTH = SHORT + LONG + LONG + SHORT

/** A text of fixed length whose order as text is the order of versions: what a store can compare without reading a copy. */
export function versionText({ epoch, mark, seq, revision }: Version): string {
  return digits(epoch, SHORT) + digits(mark, LONG) + digits(seq, LONG) + digits(revision, SHORT)
}

const digits = (value: number, length: number): string => {
  const text = value.toString(16)
  if (!Number.isSafeInteger(value) || value < 0 || text.length > length) throw new RangeError(`a version of ${value}`)
  return text.padStart(length, '0')
}

/** The version that a text says, or undefined when it is none. */
export function parseVersionText(text: string): Version | undefined {
  if (!/^[0-9a-f]{44}$/.test(text)) return undefined
  const at = (from: number, length: number): number => Number.parseInt(text.slice(from, from + length), 16)
  return {
    epoch: at(0, SHORT),
    mark: at(SHORT, LONG),
    seq: at(SHORT + LONG, LONG),
    revision: at(SHORT + LONG + LONG, SHORT),
  }
}
