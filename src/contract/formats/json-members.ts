import { closingQuote, endOfValue, lastDepth, MAX_DEPTH, skipSpace } from '../json-scan.ts'

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_LIST = 91
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/**
 * Walks over the members of a JSON object, or the elements of a list, without parsing their values. What lies between is
 * checked, so a text that is no object is found broken; the values are only balanced.
 *
 * @example
 * const members = new Members(text, 0, text.length)
 * while (members.next()) console.log(members.name(), members.value())
 * if (members.isBroken) console.log('no object')
 */
export class Members {
  readonly text: string
  private readonly end: number
  private readonly isList: boolean
  private at: number
  private isFirst = true
  private nameStart = 0
  private nameEnd = 0
  /** Where the value is that {@link next} found. */
  start = 0
  stop = 0
  /** The text is no object or list, or nests too deep: what was found until then means nothing. */
  isBroken = false

  /** Of the object or list that begins at `start` and ends somewhere before `end`. */
  constructor(text: string, start: number, end: number) {
    const first = text.charCodeAt(start)
    this.text = text
    this.end = end
    this.at = start + 1
    this.isList = first === OPEN_LIST
    this.isBroken = start >= end || (first !== OPEN_OBJECT && first !== OPEN_LIST)
  }

  /** Goes to the next member; false at the end, and when the text is broken. */
  next(): boolean {
    if (this.isBroken) return false
    const { text, end } = this
    let at = skipSpace(text, this.at, end)
    const c = at < end ? text.charCodeAt(at) : 0
    if (c === (this.isList ? CLOSE_LIST : CLOSE_OBJECT)) {
      this.at = at + 1
      return false
    }
    if (!this.isFirst) {
      if (c !== COMMA) return this.broken()
      at = skipSpace(text, at + 1, end)
    }
    this.isFirst = false
    return this.isList ? this.findValue(at) : this.member(at)
  }

  private member(at: number): boolean {
    const { text, end } = this
    if (at >= end || text.charCodeAt(at) !== QUOTE) return this.broken()
    this.nameStart = at + 1
    this.nameEnd = closingQuote(text, at + 1, end)
    if (this.nameEnd < 0) return this.broken()
    const colon = skipSpace(text, this.nameEnd + 1, end)
    if (colon >= end || text.charCodeAt(colon) !== COLON) return this.broken()
    return this.findValue(skipSpace(text, colon + 1, end))
  }

  private findValue(at: number): boolean {
    if (at >= this.end) return this.broken()
    const c = this.text.charCodeAt(at)
    this.start = at
    this.stop = endOfValue(this.text, at, this.end)
    const isContainer = c === OPEN_OBJECT || c === OPEN_LIST
    if (this.stop <= at || (isContainer && lastDepth() > MAX_DEPTH)) return this.broken()
    this.at = this.stop
    return true
  }

  private broken(): false {
    this.isBroken = true
    return false
  }

  /** The member's name, decoded. */
  name(): string {
    const raw = this.text.slice(this.nameStart, this.nameEnd)
    return raw.includes('\\') ? (textOf(`"${raw}"`) ?? raw) : raw
  }

  /** The text of the member's value. */
  value(): string {
    return this.text.slice(this.start, this.stop)
  }

  /** Whether the value is an object. */
  get isObject(): boolean {
    return this.text.charCodeAt(this.start) === OPEN_OBJECT
  }
}

/** The text that a JSON string stands for, or undefined when it is none. */
export function textOf(raw: string): string | undefined {
  if (raw.charCodeAt(0) !== QUOTE) return undefined
  if (!raw.includes('\\')) return raw.slice(1, -1)
  try {
    const text: unknown = JSON.parse(raw)
    return typeof text === 'string' ? text : undefined
  } catch {
    return undefined
  }
}
