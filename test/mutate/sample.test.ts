import { expect, test } from 'vitest'
import { keyOf, mutantsOf } from '../../scripts/mutate/mutants.ts'
import { sampleOf } from '../../scripts/mutate/sample.ts'

const source = Array.from({ length: 50 }, (_, i) => `const f${i} = (a) => a + ${i + 1}`).join('\n')
const all = mutantsOf('x.ts', source)
const keys = (mutants: typeof all) => mutants.map(keyOf)

test('the same seed draws the same mutants, another seed others', () => {
  expect(keys(sampleOf(all, 20, 7))).toEqual(keys(sampleOf(all, 20, 7)))
  expect(keys(sampleOf(all, 20, 7))).not.toEqual(keys(sampleOf(all, 20, 8)))
  expect(sampleOf(all, 20, 7)).toHaveLength(20)
})

test('a larger sample begins with a smaller one, and one larger than there are has all', () => {
  const large = keys(sampleOf(all, 60, 7))
  expect(large.slice(0, 20)).toEqual(keys(sampleOf(all, 20, 7)))
  expect(keys(sampleOf(all, 1_000_000, 7)).sort()).toEqual(keys(all).sort())
})

test('new code changes little of what is drawn', () => {
  const grown = mutantsOf('x.ts', `const other = (a) => a * 2\n${source}`)
  const before = keys(sampleOf(all, 40, 1))
  const after = keys(sampleOf(grown, 40, 1))
  expect(after.filter((key) => before.includes(key)).length).toBeGreaterThanOrEqual(40 - (grown.length - all.length))
})
