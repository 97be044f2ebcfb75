const utf8 = new TextEncoder()
const INITIAL_BYTES = 256
/** A varint of a safe integer takes at most 8 bytes of 7 bits. */
const MAX_VARINT_BYTES = 8

/** Appends to a buffer that doubles as it fills; reused by `reset()`, so that encoding allocates only its result. */
export class ByteWriter {
  private buffer = new Uint8Array(INITIAL_BYTES)
  private view = new DataView(this.buffer.buffer)
  length = 0

  reset(): this {
    this.length = 0
    return this
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
    this.view = new DataView(grown.buffer)
  }

  u8(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  /** A whole number in [0, 2^53), 7 bits a byte, least significant first. */
  varint(value: number): void {
    this.reserve(MAX_VARINT_BYTES)
    let rest = value
    while (rest >= 0x80) {
      // Above 2^31 the bitwise operators would wrap, so the quotient is taken in floating point (exact here).
      this.buffer[this.length++] = (rest % 0x80) | 0x80
      rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7
    }
    this.buffer[this.length++] = rest
  }

  /** A safe integer of either sign whose double stays below 2^53 in magnitude: zigzag, then varint. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2)
  }

  u32(value: number): void {
    this.reserve(4)
    this.view.setUint32(this.length, value, true)
    this.length += 4
  }

  f64(value: number): void {
    this.reserve(8)
    this.view.setFloat64(this.length, value, true)
    this.length += 8
  }

  /** A length, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A length in bytes, then UTF-8. The text must be well-formed (the contract refuses lone surrogates). */
  text(text: string): void {
    const most = text.length * 3
    this.reserve(most + MAX_VARINT_BYTES)
    if (text.length < 43) {
      // Short texts need one length byte whatever they hold (43 * 3 > 127), so they are encoded in place.
      const at = this.length
      const written = utf8.encodeInto(text, this.buffer.subarray(at + 1, at + 1 + most)).written
      this.buffer[at] = written
      this.length = at + 1 + written
      return
    }
    this.blob(utf8.encode(text))
  }

  /** The bytes written since `reset()`; a copy that the writer will not touch again. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }

  /** The bytes written since `reset()`, valid until the next write. */
  peek(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}
