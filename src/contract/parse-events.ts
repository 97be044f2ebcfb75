import { type ExactNumbers, parseExactly } from './exact-number.ts'
import { type Refusal, refusal } from './refusal.ts'
import { splitEvents } from './split-events.ts'

/** The events of a body, parsed but not checked; `raws[i]` is undefined where `broken` has a refusal. */
export interface ParsedEvents {
  readonly raws: readonly unknown[]
  readonly broken: ReadonlyMap<number, Refusal>
}

const noneBroken: ReadonlyMap<number, Refusal> = new Map()

/**
 * Parses a list of events (or NDJSON, or one object) in one go. Numbers are as exact as asked: by default integers
 * beyond 2^53 are bigints, all others numbers. One element that is no JSON is one refusal; a body whose elements cannot be told apart is refused.
 *
 * @param exact what the fields of the source need, `contract.exactNumbers`
 * @example parseEvents('[{"id":9007199254740993}]') // { raws: [{ id: 9007199254740993n }], broken: Map {} }
 */
export function parseEvents(text: string, exact: ExactNumbers = 'integers'): ParsedEvents | Refusal {
  const whole = tryParse(text, exact)
  if (whole !== undefined) return { raws: Array.isArray(whole.value) ? whole.value : [whole.value], broken: noneBroken }

  const spans = splitEvents(text)
  if ('reason' in spans) return spans
  if (spans.broken.size === 0) {
    // NDJSON that is sound is still one parse.
    const list = `[${spans.starts.map((start, i) => text.slice(start, spans.ends[i])).join(',')}]`
    const joined = tryParse(list, exact)
    if (Array.isArray(joined?.value)) return { raws: joined.value, broken: noneBroken }
  }
  const raws: unknown[] = []
  const broken = new Map(spans.broken)
  for (let i = 0; i < spans.count; i++) {
    const element = broken.has(i) ? undefined : tryParse(text.slice(spans.starts[i], spans.ends[i]), exact)
    raws.push(element?.value)
    if (element === undefined && !broken.has(i)) broken.set(i, refusal('bad_json', 'This element is no JSON.'))
  }
  return { raws, broken }
}

function tryParse(text: string, exact: ExactNumbers): { readonly value: unknown } | undefined {
  try {
    return { value: parseExactly(text, exact) }
  } catch {
    return undefined
  }
}
