import { member } from './http-call.ts'
/** The bytes of a key, value or header on the wire, in the words of a dialect; undefined for what is none. */
export type WireBytes = (wire: unknown) => Uint8Array | null | undefined

const NO_HEADERS: ReadonlyMap<string, Uint8Array> = new Map()

/**
 * Headers by name in lower case, of a repeated name the last; one whose value is null is as good as none. Undefined when it
 * is no list of keys and values.
 */
export function headersOf(wire: unknown, bytesOf: WireBytes): ReadonlyMap<string, Uint8Array> | undefined {
  if (wire === null || wire === undefined) return NO_HEADERS
  if (!Array.isArray(wire)) return undefined
  if (wire.length === 0) return NO_HEADERS
  const headers = new Map<string, Uint8Array>()
  for (const header of wire as unknown[]) {
    const name = member(header, 'key')
    const value = bytesOf(member(header, 'value'))
    if (typeof name !== 'string' || value === undefined) return undefined
    if (value === null) headers.delete(name.toLowerCase())
    else headers.set(name.toLowerCase(), value)
  }
  return headers
}
