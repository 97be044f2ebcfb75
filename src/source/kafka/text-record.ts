import { headersOf, type WireBytes } from './headers.ts'
import type { KafkaRecord } from './kafka-http.ts'

const utf8 = new TextEncoder()

/**
 * A record whose value came as a text. Key, value and headers become bytes only when somebody asks, each time anew: most
 * decoders want the text. What it is made of was checked before.
 */
export class TextRecord implements KafkaRecord {
  readonly offset: number
  readonly timestampMs: number | null
  readonly valueText: string
  readonly #key: unknown
  readonly #headers: unknown
  readonly #bytesOf: WireBytes

  constructor(
    place: { readonly offset: number; readonly timestampMs: number | null },
    valueText: string,
    key: unknown,
    headers: unknown,
    bytesOf: WireBytes,
  ) {
    this.offset = place.offset
    this.timestampMs = place.timestampMs
    this.valueText = valueText
    this.#key = key
    this.#headers = headers
    this.#bytesOf = bytesOf
  }

  get key(): Uint8Array | null {
    return this.#bytesOf(this.#key) ?? null
  }

  get value(): Uint8Array {
    return utf8.encode(this.valueText)
  }

  get headers(): ReadonlyMap<string, Uint8Array> {
    return headersOf(this.#headers, this.#bytesOf) ?? new Map()
  }
}
