import { type Refusal, refusal } from './refusal.ts'
import { splitEvents } from './split-events.ts'

/** The events of a body, parsed but not checked; `raws[i]` is undefined where `broken` has a refusal. */
export interface ParsedEvents {
  readonly raws: readonly unknown[]
  readonly broken: ReadonlyMap<number, Refusal>
}

// An integer of 16 digits or more that stands where a number can stand: only those may be beyond 2^53. Fractions and
// exponents are floats and stay as they are. It also finds digits inside of texts, which costs time, not truth.
const LONG_INTEGER = /(?:^|[[,:\s-])\d{16,}(?=\s*(?:[,}\]]|$))/

const noneBroken: ReadonlyMap<number, Refusal> = new Map()

// The third argument (TC39 "JSON.parse source text access", in V8 since 11.4) is not yet in TypeScript's library.
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

/**
 * Parses a list of events (or NDJSON, or one object) in one go. Integers beyond 2^53 come as exact bigints, all other
 * numbers as numbers. One element that is no JSON is one refusal; a body whose elements cannot be told apart is refused.
 *
 * @param exactIntegers false for a source without 64-bit fields (`contract.exactIntegers`): saves the search for them
 * @example parseEvents('[{"id":9007199254740993}]') // { raws: [{ id: 9007199254740993n }], broken: Map {} }
 */
export function parseEvents(text: string, exactIntegers = true): ParsedEvents | Refusal {
  const whole = tryParse(text, exactIntegers)
  if (whole !== undefined) return { raws: Array.isArray(whole.value) ? whole.value : [whole.value], broken: noneBroken }

  const spans = splitEvents(text)
  if ('reason' in spans) return spans
  if (spans.broken.size === 0) {
    // NDJSON that is sound is still one parse.
    const list = `[${spans.starts.map((start, i) => text.slice(start, spans.ends[i])).join(',')}]`
    const joined = tryParse(list, exactIntegers)
    if (Array.isArray(joined?.value)) return { raws: joined.value, broken: noneBroken }
  }
  const raws: unknown[] = []
  const broken = new Map(spans.broken)
  for (let i = 0; i < spans.count; i++) {
    const element = broken.has(i) ? undefined : tryParse(text.slice(spans.starts[i], spans.ends[i]), exactIntegers)
    raws.push(element?.value)
    if (element === undefined && !broken.has(i)) broken.set(i, refusal('bad_json', 'This element is no JSON.'))
  }
  return { raws, broken }
}

function tryParse(text: string, exactIntegers: boolean): { readonly value: unknown } | undefined {
  try {
    return { value: exactIntegers && LONG_INTEGER.test(text) ? parseWithSource(text, keepExact) : JSON.parse(text) }
  } catch {
    return undefined
  }
}

function keepExact(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const { source } = context
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}
