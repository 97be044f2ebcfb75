/** How numbers of a source are read from its JSON: what its fields need, since the more exact the slower. */
export type ExactNumbers =
  /** All as JavaScript has them. */
  | 'none'
  /** Integers beyond 2^53 as bigints. */
  | 'integers'
  /** Those, and every other number that JavaScript would round as an {@link ExactNumber}. */
  | 'decimals'

/** A JSON number as it was written, because a double may not hold it. Only sources with decimals have them. */
export class ExactNumber {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

/** The double nearest to an exact number; everything else as it is. */
export function rounded(raw: unknown): unknown {
  return typeof raw === 'object' && raw instanceof ExactNumber ? Number(raw.source) : raw
}

// The third argument (TC39 "JSON.parse source text access", in V8 since 11.4) is not yet in TypeScript's library.
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

// Both patterns look for what stands where a number can stand; they find it inside of texts too, which costs time, not
// truth. Without the ends, every third UUID would pass for a number with an exponent.

/** 16 digits or more: only those may be beyond 2^53. Fractions and exponents are floats and stay as they are. */
const LONG_INTEGER = /(?:^|[[,:\s-])\d{16,}(?=\s*(?:[,}\]]|$))/

/**
 * 16 digits or more with a point among them, or an exponent of three: a double keeps apart all decimals of 15 digits
 * (DBL_DIG), and `String` gives back the very digits, while 1e-400 would pass for 0.
 */
const LONG_NUMBER = /(?:^|[[,:\s-])(?:\d[\d.]{15,}(?:[eE][+-]?\d+)?|[\d.]+[eE][+-]?\d{3,})(?=\s*(?:[,}\]]|$))/

/** JSON.parse that keeps numbers as exact as asked. Throws SyntaxError like it. */
export function parseExactly(text: string, exact: ExactNumbers): unknown {
  if (exact === 'integers' && LONG_INTEGER.test(text)) return parseWithSource(text, keepInteger)
  if (exact === 'decimals' && LONG_NUMBER.test(text)) return parseWithSource(text, keepNumber)
  return JSON.parse(text)
}

type Context = { readonly source?: string }

function keepInteger(_key: string, value: unknown, { source }: Context): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

function keepNumber(_key: string, value: unknown, { source }: Context): unknown {
  if (typeof value !== 'number' || source === undefined || !LONG_NUMBER.test(source)) return value
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source)
  return new ExactNumber(source)
}
