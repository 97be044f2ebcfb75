import { expect, test } from 'vitest'
import { didYouMean, nearest } from '../../src/util/did-you-mean.ts'

test.each([
  ['amout', 'amount'],
  ['userId', 'user_id'],
  ['tpye', 'type'],
  ['t', undefined],
  ['zzzzzz', undefined],
])('%s is near %s', (word, near) => expect(nearest(word, ['amount', 'user_id', 'type', 'at_all'])).toBe(near))

test('the hint names the nearest and lists what there is', () => {
  expect(didYouMean('amout', ['at', 'amount'])).toBe(' Did you mean "amount"? There are: at, amount.')
  expect(didYouMean('x', [])).toBe(' There are: none.')
})
