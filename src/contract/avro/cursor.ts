/** Thrown while bytes are read that are not what their schema says; caught where the reading of a record began. */
export class BadAvro extends Error {
  override readonly name = 'BadAvro'
}

/** How deep records, lists and maps may nest: a recursive schema would take any depth. */
const MAX_DEPTH = 64
/** Records, lists and maps of one value. Those of a record without fields take no bytes, and could be any number. */
const MOST_CONTAINERS = 500_000
/** Items that take no bytes (nulls, empty records): a count alone must not keep us busy. */
const MOST_EMPTY_ITEMS = 10_000
/** The longest text of one list, map or record. */
const MAX_TEXT_UNITS = 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads the primitive values of Avro's binary encoding. Every read is bounds-checked, and throws {@link BadAvro}. */
export class AvroCursor {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private depth = 0
  private containers = 0
  private emptyItems = 0
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many bytes have not been read. */
  get rest(): number {
    return this.bytes.length - this.at
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new BadAvro(`a boolean is byte ${byte}`)
    return byte === 1
  }

  /** A zigzag number of up to 64 bits; a bigint when it is beyond 2^53. */
  long(): number | bigint {
    let coded = 0
    let scale = 1
    for (let i = 0; i < 7; i++) {
      const byte = this.byte()
      coded += (byte & 0x7f) * scale
      if (byte < 0x80) return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2
      scale *= 0x80
    }
    return this.longTail(BigInt(coded))
  }

  private longTail(low: bigint): number | bigint {
    let coded = low
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.byte()
      if (shift === 63n && byte > 1) break
      coded |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const value = (coded >> 1n) ^ -(coded & 1n)
        const number = Number(value)
        return Number.isSafeInteger(number) ? number : value
      }
    }
    throw new BadAvro('a number has more than 64 bits')
  }

  int(): number {
    const value = this.long()
    if (typeof value === 'number' && value >= -0x8000_0000 && value <= 0x7fff_ffff) return value
    throw new BadAvro(`an int is ${value}`)
  }

  float(): number {
    return this.view.getFloat32(this.take(4), true)
  }

  double(): number {
    return this.view.getFloat64(this.take(8), true)
  }

  /** A view of bytes behind their length. */
  blob(): Uint8Array {
    return this.fixed(this.length())
  }

  /** A view of so many bytes. */
  fixed(size: number): Uint8Array {
    const from = this.take(size)
    return this.bytes.subarray(from, from + size)
  }

  skip(size: number): void {
    this.take(size)
  }

  /** A length in bytes: never beyond what is left. */
  length(): number {
    const length = this.long()
    if (typeof length !== 'number' || length < 0 || length > this.rest) {
      throw new BadAvro(`a length is ${length} where ${this.rest} bytes are left`)
    }
    return length
  }

  text(): string {
    const part = this.blob()
    // Most texts are short ASCII: decoding those by hand is several times cheaper than a call to TextDecoder.
    if (part.length > 24) return decode(part)
    let text = ''
    for (let i = 0; i < part.length; i++) {
      const byte = part[i] as number
      if (byte > 0x7f) return decode(part)
      text += String.fromCharCode(byte)
    }
    return text
  }

  /** Reads the blocks of a list or a map: `item` is called for each of its items. */
  blocks(item: () => void): void {
    this.enter()
    for (let count = this.blockCount(); count > 0; count = this.blockCount()) {
      for (let i = 0; i < count; i++) {
        const before = this.at
        item()
        if (this.at === before && ++this.emptyItems > MOST_EMPTY_ITEMS) {
          throw new BadAvro(`it has more than ${MOST_EMPTY_ITEMS} items without a byte`)
        }
      }
    }
    this.leave()
  }

  /** A count below zero is followed by the length of the block. */
  private blockCount(): number {
    const count = this.long()
    if (typeof count !== 'number') throw new BadAvro(`a block has ${count} items`)
    if (count < 0) this.length()
    return Math.abs(count)
  }

  /** Begins a record, a list or a map. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) throw new BadAvro(`values nest deeper than ${MAX_DEPTH}`)
    if (++this.containers > MOST_CONTAINERS) throw new BadAvro(`it has more than ${MOST_CONTAINERS} records and lists`)
  }

  leave(): void {
    this.depth--
  }

  /** Checks how long a text became: names from the schema cost no bytes, and could make any length of a few. */
  fits(units: number): void {
    if (units > MAX_TEXT_UNITS) throw new BadAvro(`a value has more than ${MAX_TEXT_UNITS} characters`)
  }

  private byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new BadAvro('it ends too early')
    this.at++
    return byte
  }

  private take(size: number): number {
    if (size > this.rest) throw new BadAvro('it ends too early')
    const from = this.at
    this.at += size
    return from
  }
}

function decode(part: Uint8Array): string {
  try {
    return utf8.decode(part)
  } catch {
    throw new BadAvro('a string is no UTF-8')
  }
}
