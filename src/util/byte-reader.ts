const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Thrown when bytes end early or hold an impossible value: stored bytes are damaged, never a user's mistake. */
export class CorruptBytes extends Error {
  override name = 'CorruptBytes'
}

/** Reads what `ByteWriter` wrote. Every read is bounds-checked: cut bytes throw `CorruptBytes`, never give a value. */
export class ByteReader {
  private readonly view: DataView
  private readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = from
    this.end = end
  }

  private need(count: number): void {
    if (this.at + count > this.end)
      throw new CorruptBytes(`${count} bytes wanted at ${this.at}, but they end at ${this.end}`)
  }

  u8(): number {
    this.need(1)
    return this.bytes[this.at++] as number
  }

  varint(): number {
    const first = this.u8()
    if (first < 0x80) return first
    let result = first & 0x7f
    let scale = 0x80
    for (;;) {
      const byte = this.u8()
      result += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (result > Number.MAX_SAFE_INTEGER) throw new CorruptBytes(`a number past 2^53 at ${this.at}`)
        return result
      }
      scale *= 0x80
      if (scale > 2 ** 56) throw new CorruptBytes(`a number without end at ${this.at}`)
    }
  }

  zigzag(): number {
    const coded = this.varint()
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2
  }

  u32(): number {
    this.need(4)
    const value = this.view.getUint32(this.at, true)
    this.at += 4
    return value
  }

  f64(): number {
    this.need(8)
    const value = this.view.getFloat64(this.at, true)
    this.at += 8
    return value
  }

  /** A view of the bytes, not a copy. */
  blob(): Uint8Array {
    return this.raw(this.varint())
  }

  raw(length: number): Uint8Array {
    this.need(length)
    const part = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    return part
  }

  /** A view of bytes that have been read. */
  between(from: number, to: number): Uint8Array {
    return this.bytes.subarray(from, to)
  }

  text(): string {
    const part = this.blob()
    // Most texts are short ASCII: decoding those by hand is several times cheaper than a call to TextDecoder.
    if (part.length <= 24) {
      let text = ''
      for (let i = 0; i < part.length; i++) {
        const byte = part[i] as number
        if (byte > 0x7f) return this.decode(part)
        text += String.fromCharCode(byte)
      }
      return text
    }
    return this.decode(part)
  }

  private decode(part: Uint8Array): string {
    try {
      return utf8.decode(part)
    } catch {
      throw new CorruptBytes(`text that is not UTF-8 before ${this.at}`)
    }
  }
}
