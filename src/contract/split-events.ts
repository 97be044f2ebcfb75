import { endOfContainer, endOfValue, lastDepth, MAX_DEPTH, skipSpace } from './json-scan.ts'
import { type Refusal, refusal } from './refusal.ts'

/** Where the events of a body are: `text.slice(starts[i], ends[i])`, for i below `count`. */
export interface EventSpans {
  readonly count: number
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /**
   * Elements that are no single balanced value, by index. They must not be sent on inside of a list: their brackets could
   * swallow their neighbours.
   */
  readonly broken: ReadonlyMap<number, Refusal>
}

const OPEN_LIST = 91
const OPEN_OBJECT = 123
const CLOSE_LIST = 93
const COMMA = 44
const BOM = 0xfeff

/**
 * Finds the events of a body without parsing it: the elements of a JSON list, the lines of NDJSON, or one object. Broken
 * elements are marked and harm no other; a body in which boundaries cannot be found is one refusal, `bad_json`. Elements
 * that are found are not yet known to be JSON: {@link parseEvents} sees to that.
 *
 * @example splitEvents('{"id":1}\n{"id":2}') // { count: 2, starts: [0, 9], ends: [8, 17], broken: Map {} }
 */
export function splitEvents(text: string): EventSpans | Refusal {
  const first = skipSpace(text, text.charCodeAt(0) === BOM ? 1 : 0, text.length)
  if (first === text.length)
    return refusal('bad_json', 'The body is empty; expected an event, a list of events, or NDJSON.')
  const c = text.charCodeAt(first)
  if (c === OPEN_LIST) return new SpanList().splitList(text, first)
  if (c === OPEN_OBJECT) return new SpanList().splitObjects(text, first)
  return refusal('bad_json', `The body starts with ${JSON.stringify(text.slice(first, first + 12))}; expected { or [.`)
}

class SpanList implements EventSpans {
  count = 0
  readonly starts: number[] = []
  readonly ends: number[] = []
  readonly broken = new Map<number, Refusal>()

  splitList(text: string, open: number): EventSpans | Refusal {
    const end = text.length
    let at = skipSpace(text, open + 1, end)
    let isLast = text.charCodeAt(at) === CLOSE_LIST
    if (isLast) at++
    while (!isLast) {
      const start = at
      let stop = at
      let values = 0
      let depth = 0
      for (;;) {
        const c = at < end ? text.charCodeAt(at) : Number.NaN
        if (c === COMMA || c === CLOSE_LIST) {
          isLast = c === CLOSE_LIST
          break
        }
        stop = endOfValue(text, at, end)
        // No value ends here, or a closing bracket without an opening one: what follows could belong to anything.
        if (!(stop > at))
          return refusal('bad_json', `The list is broken at character ${at}: brackets or quotes do not match up.`)
        if (c === OPEN_OBJECT || c === OPEN_LIST) depth = Math.max(depth, lastDepth())
        values++
        at = skipSpace(text, stop, end)
      }
      if (values !== 1)
        this.#break(values === 0 ? 'Nothing between two commas' : 'Several values without a comma between')
      else if (depth > MAX_DEPTH) this.#break(`Nested deeper than ${MAX_DEPTH}`)
      this.#push(start, stop)
      at = skipSpace(text, at + 1, end)
    }
    at = skipSpace(text, at, end)
    return at === end ? this : refusal('bad_json', `Something follows the list, at character ${at}.`)
  }

  /** One object, on any number of lines, or one object a line. */
  splitObjects(text: string, first: number): EventSpans | Refusal {
    const stop = endOfContainer(text, first, text.length)
    if (stop >= 0 && skipSpace(text, stop, text.length) === text.length) {
      if (lastDepth() > MAX_DEPTH) this.#break(`Nested deeper than ${MAX_DEPTH}`)
      this.#push(first, stop)
      return this
    }
    let whole = 0
    for (let at = first; at < text.length; ) {
      const newline = text.indexOf('\n', at)
      const end = newline < 0 ? text.length : newline
      const start = skipSpace(text, at, end)
      if (start < end && this.#pushLine(text, start, end)) whole++
      at = end + 1
    }
    if (whole > 0) return this
    return refusal(
      'bad_json',
      'The body is neither one object nor an object a line: brackets or quotes do not match up.',
    )
  }

  #pushLine(text: string, start: number, end: number): boolean {
    const stop = endOfValue(text, start, end)
    const isWhole = stop > start && skipSpace(text, stop, end) === end
    if (isWhole && (text.charCodeAt(start) !== OPEN_OBJECT || lastDepth() <= MAX_DEPTH)) {
      this.#push(start, stop)
      return true
    }
    this.#break(
      isWhole
        ? `Nested deeper than ${MAX_DEPTH}`
        : 'The line is not one JSON value: brackets or quotes do not match up',
    )
    this.#push(start, end)
    return false
  }

  #push(start: number, end: number): void {
    this.starts.push(start)
    this.ends.push(end)
    this.count++
  }

  /** Marks the element that is about to be pushed. */
  #break(problem: string): void {
    this.broken.set(this.count, refusal('bad_json', `${problem}.`))
  }
}
