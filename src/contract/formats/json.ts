import { MAX_EVENT_UNITS } from '../../util/limits.ts'
import { endOfContainer, lastDepth, MAX_DEPTH, skipSpace } from '../json-scan.ts'
import { isRefusal, type Refusal, refusal } from '../refusal.ts'
import type { Decoded, Decoder } from './format.ts'
import { tooLarge, valueText } from './value-text.ts'

const TOMBSTONE: Decoded = { kind: 'skipped', why: 'tombstone' }
const OPEN_OBJECT = 123

/**
 * JSON: the value is one object, and its text goes on as it is, unparsed. A record without value, or with the text `null`
 * (what some HTTP proxies make of no value), is a tombstone.
 *
 * Refuses `bad_encoding` (no UTF-8), `bad_json` (not one balanced object, or nested too deep) and `too_large`.
 */
export const jsonDecoder: Decoder = {
  decode(record) {
    const text = valueText(record, MAX_EVENT_UNITS)
    if (text === null || text === 'null') return TOMBSTONE
    if (typeof text !== 'string') return { kind: 'refused', why: text }
    const object = oneObject(text, 'The value')
    return typeof object === 'string' ? { kind: 'event', text: object } : { kind: 'refused', why: object }
  },
}

/**
 * The text of the one object that `text` is, without the white space around it. Brackets and quotes are balanced in it;
 * whoever parses it sees whether it is JSON. `what` names it in a refusal: `The value`.
 */
export function oneObject(text: string, what: string): string | Refusal {
  const end = text.length
  const start = skipSpace(text, 0, end)
  if (text.charCodeAt(start) !== OPEN_OBJECT) return notAnObject(text, start, what)
  const stop = endOfContainer(text, start, end)
  if (stop < 0) return refusal('bad_json', `${what} is no JSON: its brackets or quotes do not match up.`)
  if (lastDepth() > MAX_DEPTH) return refusal('bad_json', `${what} is nested deeper than ${MAX_DEPTH}.`)
  if (stop === end) return start === 0 ? text : text.slice(start)
  if (skipSpace(text, stop, end) !== end) {
    return refusal('bad_json', `${what} goes on after its object, at character ${stop}; expected one object a record.`)
  }
  return text.slice(start, stop)
}

/** {@link oneObject} of a part that must also fit an event. */
export function eventObject(text: string, what: string): string | Refusal {
  const object = oneObject(text, what)
  if (typeof object !== 'string' && isRefusal(object)) return object
  return object.length > MAX_EVENT_UNITS ? tooLarge(object.length, 'characters', MAX_EVENT_UNITS) : object
}

function notAnObject(text: string, start: number, what: string): Refusal {
  if (start === text.length) return refusal('bad_json', `${what} is empty; expected an object.`)
  const came = `${what} starts with ${JSON.stringify(text.slice(start, start + 12))}; expected {`
  const isFramed = text.charCodeAt(0) === 0
  return refusal(
    'bad_json',
    `${came}.${isFramed ? ' Byte 0 begins the frame of a schema registry: is its format avro()?' : ''}`,
  )
}
