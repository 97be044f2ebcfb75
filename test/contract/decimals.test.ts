import { expect, test } from 'vitest'
import * as z from 'zod'
import {
  type CheckedEvent,
  compileContract,
  contentId,
  isRefusal,
  type ParsedEvents,
  parseEvents,
  payloadHasher,
} from '../../src/contract/index.ts'
import { decimal, epochMs, int64, streamSource, webhook } from '../../src/define/index.ts'
import { formatDecimal } from '../../src/util/decimal-text.ts'
import { forSeeds } from '../support/random.ts'

const arrival = Date.UTC(2026, 0, 2)
const source = streamSource('s', {
  event: z.object({
    price: decimal(2).optional(),
    big: int64().optional(),
    share: z.number().optional(),
    n: z.int().optional(),
    prices: z.array(decimal(1)).optional(),
    at: epochMs(),
  }),
  time: 'at',
  idempotency: 'none',
  from: [webhook()],
})
const contract = compileContract(source.spec)

/** What the contract says of an event whose JSON has these members. */
function taken(members: string): unknown {
  const parsed = parseEvents(`[{${members},"at":${arrival}}]`, contract.exactNumbers) as ParsedEvents
  const event = contract.check(parsed.raws[0], arrival)
  return isRefusal(event) ? event.reason : event.values.slice(0, -1).filter((value) => value !== null)
}

test.each([
  ['"12.30"', [1230n]],
  ['"-0.05"', [-5n]],
  ['"-0"', [0n]],
  ['-0.0', [0n]],
  ['12', [1200n]],
  ['12.3', [1230n]],
  ['0.1', [10n]],
  ['1.5e3', [150_000n]],
  ['1250E-2', [1250n]],
  ['12.3000000000000000000', [1230n]],
  // A double would make 12345678901234568 and 900719925474099.2 of these.
  ['12345678901234567.89', [1234567890123456789n]],
  ['9007199254740993', [900719925474099300n]],
  ['99999999999999999999999999999999999.99', [10n ** 37n - 1n]],
  ['"12.345"', 'out_of_range'],
  ['12.345', 'out_of_range'],
  ['0.1000000000000000055', 'out_of_range'],
  // JSON.parse says 0.
  ['1e-400', 'out_of_range'],
  ['1e400', 'out_of_range'],
  ['"9999999999999999999999999999999999999"', 'out_of_range'],
  ['"1e3"', 'wrong_type'],
  ['"+5"', 'wrong_type'],
  ['" 5"', 'wrong_type'],
  ['""', 'wrong_type'],
  ['"NaN"', 'wrong_type'],
  ['true', 'wrong_type'],
  ['null', 'wrong_type'],
  ['[5]', 'wrong_type'],
])('"price": %s is taken as %o', (json, expected) => expect(taken(`"price":${json}`)).toEqual(expected))

test('beside a decimal, numbers that were read exactly are still what other fields take', () => {
  expect(taken('"share":0.30000000000000000001')).toEqual([0.3])
  expect(taken('"share":123456789012345678901234567890')).toEqual([1.2345678901234568e29])
  expect(taken('"n":5.00000000000000000000')).toEqual([5])
  expect(taken('"n":5.00000000000000000001')).toEqual([5])
  expect(taken('"big":9007199254740993')).toEqual([9007199254740993n])
  expect(taken('"big":9007199254740993.5')).toBe('out_of_range')
  expect(taken('"share":1e400')).toBe('out_of_range')
})

test('decimals of a list are as exact', () => {
  expect(taken('"prices":["1.5",2,12345678901234567.8]')).toEqual([[15n, 20n, 123456789012345678n]])
  expect(taken('"prices":[1.25]')).toBe('out_of_range')
})

test('a number and its text are the same decimal, and every one comes through as it was written', () => {
  forSeeds(1_000, (r) => {
    const digits = Array.from({ length: r.int(1, 38) }, () => r.int(0, 9)).join('')
    const units = BigInt(digits) * (r.chance(0.5) ? -1n : 1n)
    const text = formatDecimal(units, 2)
    expect(taken(`"price":${text}`)).toEqual([units])
    expect(taken(`"price":"${text}"`)).toEqual([units])
    expect(taken(`"price":${units}e-2`)).toEqual([units])
  })
})

test('a body that is one long number is no event', () => {
  const parsed = parseEvents('1.00000000000000000001', 'decimals') as ParsedEvents
  expect(contract.check(parsed.raws[0], arrival)).toMatchObject({ reason: 'not_object' })
})

test('a refusal shows the digits as they came, cut short', () => {
  const parsed = parseEvents(`{"price":0.${'1'.repeat(400_000)},"at":1}`, 'decimals') as ParsedEvents
  const refused = contract.check(parsed.raws[0], arrival) as { readonly message: string }
  expect(refused.message).toMatch(/^"price" is 0\.11111.*\(400002 characters\); expected at most 2 digits/)
  expect(refused.message.length).toBeLessThan(200)
})

test('the payload hash tells wide decimals apart that are equal in their last 64 bits', () => {
  const hash = payloadHasher(['price'])
  expect(hash([1n])).not.toBe(hash([1n + 2n ** 64n]))
  expect(hash([2n ** 100n])).toBe(hash([2n ** 100n]))
  expect(contentId([1n])).not.toBe(contentId([1n + 2n ** 64n]))
})

test('an event that was sent again with the price as a number is the same payload', () => {
  const hash = payloadHasher(source.spec.fields.map((field) => field.name))
  const values = (price: string) =>
    (
      contract.check(
        (parseEvents(`{"price":${price},"at":${arrival}}`, 'decimals') as ParsedEvents).raws[0],
        arrival,
      ) as CheckedEvent
    ).values
  expect(hash(values('12.3'))).toBe(hash(values('"12.30"')))
})
