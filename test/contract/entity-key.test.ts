import { expect, test } from 'vitest'
import { decodeKey, encodeKey, keyFromJson } from '../../src/contract/index.ts'
import type { EntitySpec, KeyType, Value } from '../../src/engine/index.ts'
import { forSeeds, type Random } from '../support/random.ts'

const strings = ['', 'a', ',', '\\', '\\,', ',\\', 'a,b', '1', '23', '12', '3', 'true', 'é', '😀', '\u0000', '\ud800']
const part = (r: Random, type: KeyType): Value => {
  if (type === 'string') return r.pick(strings) + r.pick(strings)
  if (type === 'bool') return r.chance(0.5)
  if (type === 'int64') return r.pick([0n, 1n, -1n, 12n, 23n, 2n ** 63n - 1n, -(2n ** 63n)])
  return `0192a4c7-3e5b-7c1d-8a2e-3f4b5c6d7e${r.pick(['8f', '8e'])}`
}

test('no two keys of one entity have the same text, and each text gives its key back', () => {
  forSeeds(300, (r) => {
    const types = Array.from({ length: r.int(1, 4) }, () =>
      r.pick<KeyType>(['string', 'string', 'string', 'int64', 'bool', 'uuid']),
    )
    const seen = new Map<string, Value[]>()
    for (let i = 0; i < 40; i++) {
      const parts = types.map((type) => part(r, type))
      const key = encodeKey(parts, types)
      expect(decodeKey(key, types)).toEqual(parts)
      expect(seen.get(key) ?? parts).toEqual(parts)
      seen.set(key, parts)
    }
  })
})

test('known texts', () => {
  expect(encodeKey(['1', '23'], ['string', 'string'])).toBe('1,23')
  expect(encodeKey(['12', '3'], ['string', 'string'])).toBe('12,3')
  expect(encodeKey(['a,b\\'], ['string'])).toBe('a,b\\')
  expect(encodeKey(['a,b', 5, true], ['string', 'int64', 'bool'])).toBe('a\\,b,5,true')
  expect(encodeKey([-0], ['int64'])).toBe('0')
  expect(encodeKey([5n], ['int64'])).toBe(encodeKey([5], ['int64']))
})

const entity: EntitySpec = {
  name: 'device',
  keys: [
    { name: 'account', type: 'int64' },
    { name: 'name', type: 'string' },
    { name: 'id', type: 'uuid' },
    { name: 'ok', type: 'bool' },
  ],
}
const row = { account: 5, name: 'x', id: '0192A4C7-3E5B-7C1D-8A2E-3F4B5C6D7E8F', ok: true, other: 1 }

test('a row gives the key whatever way an integer is written', () => {
  const key = '5,x,0192a4c7-3e5b-7c1d-8a2e-3f4b5c6d7e8f,true'
  for (const account of [5, 5n, '5']) expect(keyFromJson({ ...row, account }, entity)).toMatchObject({ key })
  expect(keyFromJson({ user_id: '' }, { name: 'user', keys: [{ name: 'user_id', type: 'string' }] })).toEqual({
    key: '',
    parts: [''],
  })
})

test.each([
  [{ account: undefined }, 'missing_key', 'account'],
  [{ account: 1.5 }, 'wrong_type', 'account'],
  [{ account: 2 ** 53 }, 'wrong_type', 'account'],
  [{ account: '05' }, 'wrong_type', 'account'],
  [{ account: '-0' }, 'wrong_type', 'account'],
  [{ account: '9223372036854775808' }, 'out_of_range', 'account'],
  [{ account: null }, 'wrong_type', 'account'],
  [{ name: 5 }, 'wrong_type', 'name'],
  [{ name: '\udfff' }, 'ill_formed_string', 'name'],
  [{ name: 'x'.repeat(513) }, 'too_large', 'name'],
  [{ id: 'no' }, 'wrong_type', 'id'],
  [{ ok: 'True' }, 'wrong_type', 'ok'],
])('%o is refused: %s', (change, reason, field) =>
  expect(keyFromJson({ ...row, ...change }, entity)).toMatchObject({ reason, field }),
)

test('a misspelt key is named, and what is no row is refused', () => {
  const user: EntitySpec = { name: 'user', keys: [{ name: 'user_id', type: 'string' }] }
  expect(keyFromJson({ userId: 'u' }, user)).toMatchObject({
    message: 'Key "user_id" of entity user is missing. Did you mean "userId"? The row has: userId.',
  })
  for (const bad of [null, 'u', ['u'], 5]) expect(keyFromJson(bad, user)).toMatchObject({ reason: 'not_object' })
})
