import { type ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import type { ByteWriter } from '../util/byte-writer.ts'

/**
 * How a column of numbers is written: whole, as decimals of 1 to 4 places, bit for bit, or mixed: decimals of so many places
 * and bit for bit where that loses something. The form depends on the numbers alone, so it is canonical.
 */
const RAW = 15
const MIXED = 8
const MAX_DECIMALS = 4

function formOf(values: ArrayLike<number>): number {
  let decimals = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    while (!fitsDecimals(value, decimals)) if (++decimals > MAX_DECIMALS) return mixedFormOf(values)
  }
  return decimals
}

/** The places that most numbers fit, if that is more than a quarter of them: else the marks cost what they save. */
function mixedFormOf(values: ArrayLike<number>): number {
  let form = RAW
  let most = Math.floor(values.length / 4)
  for (let decimals = 0; decimals <= MAX_DECIMALS; decimals++) {
    let fitting = 0
    for (let i = 0; i < values.length; i++) if (fitsDecimals(values[i] as number, decimals, LARGEST_MIXED)) fitting++
    if (fitting <= most) continue
    most = fitting
    form = MIXED + decimals
  }
  return form
}

const POWERS = [1, 10, 100, 1000, 10000]
/** Zigzag doubles a number, and the double must stay below 2^53. */
const LARGEST_SCALED = 2 ** 52
/** Doubled once more, for the mark. */
const LARGEST_MIXED = 2 ** 51
/** Stands before a number of a mixed column that is written bit for bit; the others are even. */
const BIT_FOR_BIT = 1

/** Whether a number is a multiple of 10^-decimals. Lossless decimal scaling after ALP (Afroozeh, Kuffo, Boncz: "ALP: Adaptive Lossless floating-Point", 2023). */
export function fitsDecimals(value: number, decimals: number, largest = LARGEST_SCALED): boolean {
  const power = POWERS[decimals] as number
  // Plus zero: -0 must not pass for the whole number 0.
  const scaled = Math.round(value * power) + 0
  return Math.abs(scaled) < largest && Object.is(scaled / power, value)
}

/** Writes numbers (finite, `-0` kept) in the least lossless form. */
export function encodeNumbers(out: ByteWriter, values: ArrayLike<number>): void {
  const form = formOf(values)
  out.u8(form)
  if (form === RAW) {
    for (let i = 0; i < values.length; i++) out.f64(values[i] as number)
    return
  }
  const decimals = form % MIXED
  const power = POWERS[decimals] as number
  if (form < MIXED) {
    for (let i = 0; i < values.length; i++) out.zigzag(Math.round((values[i] as number) * power))
    return
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const scaled = Math.round(value * power)
    if (fitsDecimals(value, decimals, LARGEST_MIXED)) out.varint((scaled < 0 ? -scaled * 2 - 1 : scaled * 2) * 2)
    else {
      out.varint(BIT_FOR_BIT)
      out.f64(value)
    }
  }
}

export function decodeNumbers(bytes: ByteReader, length: number): number[] {
  const form = bytes.u8()
  const values: number[] = []
  if (form === RAW) {
    for (let i = 0; i < length; i++) values.push(bytes.f64())
    return values
  }
  const power = POWERS[form % MIXED]
  if (power === undefined || form > RAW) throw new CorruptBytes(`form ${form} of numbers`)
  if (form >= MIXED) for (let i = 0; i < length; i++) values.push(decodeMixed(bytes, power))
  else if (power === 1) for (let i = 0; i < length; i++) values.push(bytes.zigzag())
  else for (let i = 0; i < length; i++) values.push(bytes.zigzag() / power)
  return values
}

function decodeMixed(bytes: ByteReader, power: number): number {
  const coded = bytes.varint()
  if (coded === BIT_FOR_BIT) return bytes.f64()
  if (coded % 2 === 1) throw new CorruptBytes(`mark ${coded} of a number`)
  const zigzag = coded / 2
  return (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2) / power
}
