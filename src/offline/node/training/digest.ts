import { hash } from 'node:crypto'

const LANES = 16
/** Sums of 16 bits stay exact for so many rows between two carries. */
const ROWS_BETWEEN_CARRIES = 2 ** 32

/**
 * The content hash of rows whatever order they come in: the sum of the SHA-256 of each one's text, modulo 2^256. A row's text
 * says its place, so equal rows in another order are another sum.
 */
export class RowsDigest {
  /** 16 bits each, the lowest first. */
  private readonly lanes = new Float64Array(LANES)
  private rows = 0

  add(text: string): void {
    const digest = hash('sha256', text, 'buffer')
    for (let i = 0; i < LANES; i++) this.lanes[i] = (this.lanes[i] as number) + digest.readUInt16LE(i * 2)
    if (++this.rows % ROWS_BETWEEN_CARRIES === 0) this.carry()
  }

  /** Takes in what another one has. */
  addHex(hex: string): void {
    const bytes = Buffer.from(hex, 'hex')
    for (let i = 0; i < LANES; i++) this.lanes[i] = (this.lanes[i] as number) + bytes.readUInt16LE(i * 2)
    this.carry()
  }

  private carry(): void {
    let over = 0
    for (let i = 0; i < LANES; i++) {
      const sum = (this.lanes[i] as number) + over
      over = Math.floor(sum / 65_536)
      this.lanes[i] = sum % 65_536
    }
  }

  /** 64 hexadecimal digits, the lowest byte first. */
  get hex(): string {
    this.carry()
    const bytes = Buffer.alloc(LANES * 2)
    this.lanes.forEach((lane, i) => {
      bytes.writeUInt16LE(lane, i * 2)
    })
    return bytes.toString('hex')
  }
}
