import { expect, test } from 'vitest'
import type { FieldType, ScalarType, Value } from '../../src/engine/spec.ts'
import { decimalScale, elementType, vectorLength } from '../../src/engine/types.ts'
import { decodeValue, encodeValue } from '../../src/engine/value-alone.ts'
import { compareValues, decodeValues, encodeValues } from '../../src/engine/values.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { ByteWriter } from '../../src/util/byte-writer.ts'
import { forSeeds, type Random } from '../support/random.ts'

const column = (values: readonly Value[], type: FieldType): Uint8Array => {
  const out = new ByteWriter()
  encodeValues(out, values, type)
  return out.finish()
}
const alone = (value: Value): Uint8Array => {
  const out = new ByteWriter()
  encodeValue(out, value)
  return out.finish()
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const scalars: readonly ScalarType[] = ['string', 'bool', 'int', 'int64', 'float64', 'timestamp', 'decimal(4)']
const types: readonly FieldType[] = [...scalars, ...scalars.map((type) => `list(${type})` as const), 'vector(3)']

function randomValue(r: Random, type: FieldType): Value {
  const element = elementType(type)
  if (element) return Array.from({ length: r.int(0, 4) }, () => randomValue(r, element)) as Value
  const length = vectorLength(type)
  if (length) return Float32Array.from({ length }, () => r.pick([-0, 0.1, 3.4e38, -1e-45, r.next()]))
  const sign = r.chance(0.5) ? -1n : 1n
  if (decimalScale(type) !== undefined) return sign * (10n ** BigInt(r.int(0, 38)) - BigInt(r.int(0, 1)))
  if (type === 'int64') return sign * (2n ** BigInt(r.int(0, 63)) - 1n)
  if (type === 'bool') return r.chance(0.5)
  if (type === 'string') return r.pick(['', 'a', 'é', '😀', 'x'.repeat(200), String(r.int(0, 9))])
  return r.pick(type === 'float64' ? [-0, 0.1, 1e300, 12.3, r.int(-9, 9)] : [0, -1, 1767225600000, r.int(-9, 9)])
}

// Bytes that shards have stored: they read for ever, so they may never be written in another way either.
test.each<[FieldType, Value[], string]>([
  ['float64', [0.5, -0.25, 12.3], '000264319c13'],
  ['float64', [0.5, 12.3, 1e300, 1e-300], '000914ec03019c7500883ce4377e0159f3f8c21f6ea501'],
  ['timestamp', [1767225600000, null, 0], '01050080a0d5edee6600'],
  ['bool', [true, false, null, true, true, true, true, true, true, false], '01fb03fd00'],
  [
    'int64',
    [0n, -9223372036854775808n, 9223372036854775807n, null],
    '01070130142d393232333337323033363835343737353830381339323233333732303336383534373735383037',
  ],
  ['string', ['a', 'é', 'a', '', '😀'], '0004016102c3a90004f09f98800001000203'],
  ['string', ['same', 'same', null], '0103010473616d65'],
  ['string', [], '0000'],
  ['string', [null, null], '010000'],
  ['decimal(2)', [1230n, -5n, null, 10n ** 38n - 1n], '010b9c1309feffffffff8f918a93e8a3ecd096d4ccf6ac02'],
  ['list(string)', [['a', 'b'], [], ['a']], '000200010201610162000100'],
  ['list(string)', [['a']], '000101016100'],
  ['list(bool)', [[true, false], [true]], '00020105'],
  ['list(int)', [[1, -1], null], '010102000201'],
  ['vector(2)', [new Float32Array([0.5, -0])], '000000003f00000080'],
])('a column of %s is stored as ever: %o', (type, values, stored) => {
  expect(hex(column(values, type))).toBe(stored)
  expect(decodeValues(new ByteReader(Buffer.from(stored, 'hex')), values.length, type)).toEqual(values)
})

test.each<[FieldType, Value[], string]>([
  [
    'int',
    [0, 1, -1, 127, 128, -9007199254740991],
    '000f0000000000000000000000000000f03f000000000000f0bf0000000000c05f400000000000006040ffffffffffff3fc3',
  ],
  ['float64', [-0, 0.1, 1e300], '000f00000000000000809a9999999999b93f9c7500883ce4377e'],
])('a column of %s as version 1 of the state had it is still read: %o', (type, values, stored) => {
  expect(decodeValues(new ByteReader(Buffer.from(stored, 'hex')), values.length, type)).toEqual(values)
})

test.each<[Value, string]>([
  [null, '00'],
  [true, '02'],
  [false, '01'],
  ['é', '0402c3a9'],
  [42, '0554'],
  [-1, '0501'],
  [-0, '060000000000000080'],
  [0.1, '069a9999999999b93f'],
  [9007199254740991, '06ffffffffffff3f43'],
  [-9223372036854775808n, '07142d39323233333732303336383534373735383038'],
  [['a', 1, -5n], '0803040161050207022d35'],
  [[], '0800'],
  [new Float32Array([0.5]), '09010000003f'],
])('a value alone is stored as ever: %o', (value, stored) => {
  expect(hex(alone(value))).toBe(stored)
  expect(decodeValue(new ByteReader(Buffer.from(stored, 'hex')))).toEqual(value)
})

test('every type reads back bit for bit, alone and as a column with nulls', () => {
  forSeeds(1_500, (r) => {
    const type = r.pick(types)
    const values = Array.from({ length: r.int(0, 20) }, () => (r.chance(0.2) ? null : randomValue(r, type)))
    const bytes = new ByteReader(column(values, type))
    expect(decodeValues(bytes, values.length, type)).toEqual(values)
    expect(bytes.at).toBe(bytes.end)
    for (const value of values) expect(decodeValue(new ByteReader(alone(value)))).toEqual(value)
  })
})

test('equal values are equal bytes, whatever buffer a vector lies in', () => {
  const shifted = new Float32Array(new Float32Array([9, 0.5, -0]).buffer, 4)
  expect(hex(column([shifted], 'vector(2)'))).toBe('000000003f00000080')
  expect(hex(alone(shifted))).toBe('09020000003f00000080')
})

test('a decoded vector is a copy: it outlives the bytes that it came from', () => {
  const bytes = column([new Float32Array([1, 2])], 'vector(2)')
  const [vector] = decodeValues(new ByteReader(bytes), 1, 'vector(2)')
  bytes.fill(0)
  expect(vector).toEqual(new Float32Array([1, 2]))
})

test('bytes that end early are corrupt, for every type', () => {
  forSeeds(1_000, (r) => {
    const type = r.pick(types)
    const values = Array.from({ length: r.int(1, 12) }, () => randomValue(r, type))
    const bytes = column(values, type)
    const cut = r.int(0, bytes.length - 1)
    expect(() => decodeValues(new ByteReader(bytes, 0, cut), values.length, type)).toThrow(CorruptBytes)
    const single = alone(values[0] as Value)
    expect(() => decodeValue(new ByteReader(single, 0, r.int(0, single.length - 1)))).toThrow(CorruptBytes)
  })
})

test('damaged bytes are a value or CorruptBytes, soon', () => {
  const orCorrupt = (read: () => unknown) => {
    try {
      read()
    } catch (error) {
      expect(error).toBeInstanceOf(CorruptBytes)
    }
  }
  forSeeds(6_000, (r) => {
    const type = r.pick(types)
    const values = Array.from({ length: r.int(0, 12) }, () => (r.chance(0.2) ? null : randomValue(r, type)))
    const bytes = r.chance(0.5)
      ? Uint8Array.from({ length: r.int(0, 40) }, () => r.pick([0, 1, 0x7f, 0xff, r.int(0, 255)]))
      : column(values, type)
    for (let i = r.int(1, 3); i > 0 && bytes.length > 0; i--) bytes[r.int(0, bytes.length - 1)] = r.int(0, 255)
    orCorrupt(() => decodeValues(new ByteReader(bytes), values.length, type))
    orCorrupt(() => decodeValue(new ByteReader(bytes)))
  })
})

test.each([
  ['a list of 2^49 texts', 'list(string)', 1, '00ffffffffffffff00'],
  ['a list of 2^49 bools', 'list(bool)', 1, '00ffffffffffffff00'],
  ['a column of 2^50 texts', 'string', 2 ** 50, '00010161'],
  ['2^24 bits', 'bool', 2 ** 24, '00ff'],
  ['a table of 2^49 texts', 'string', 1, '00ffffffffffffff00'],
  ['an integer without end', 'decimal(2)', 1, `00${'ff'.repeat(100_000)}`],
  ['an int64 that is no digits', 'int64', 1, '00023078'],
] as const)('%s takes neither time nor memory', (_, type, length, stored) => {
  expect(() => decodeValues(new ByteReader(Buffer.from(stored, 'hex')), length, type)).toThrow(CorruptBytes)
})

test.each([
  ['a list of lists', '08010800'],
  ['a list with null', '080100'],
  ['a list of 2^49 values', '08ffffffffffffff00'],
  ['a vector of 2^49 numbers', '09ffffffffffffff00'],
  ['a tag of the future', '0a'],
])('%s is no value', (_, stored) => {
  expect(() => decodeValue(new ByteReader(Buffer.from(stored, 'hex')))).toThrow(CorruptBytes)
})

test('decimals compare as numbers, not as texts', () => {
  expect([1000n, -5n, 90n].sort(compareValues)).toEqual([-5n, 90n, 1000n])
})
