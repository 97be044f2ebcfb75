/**
 * One text for one value: keys sorted by code unit, no white space, absent and undefined properties alike, `-0` kept
 * (`-0` is JSON), a bigint as `{"$int64":"42"}`. For hashes and for storing definitions. Throws on what has no such text
 * (functions, symbols, NaN, infinities): that is a bug of the caller.
 *
 * @example canonicalJson({ b: 1n, a: -0 }) // '{"a":-0,"b":{"$int64":"1"}}'
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `{"$int64":"${value}"}`
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`
  }
  throw new TypeError(`canonicalJson: ${String(value)} (${typeof value}) has no JSON text`)
}

/** The value of a text of {@link canonicalJson}, bigints again bigints. */
export function parseCanonicalJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('$int64' in value)) return value
    return typeof value.$int64 === 'string' && Object.keys(value).length === 1 ? BigInt(value.$int64) : value
  })
}
