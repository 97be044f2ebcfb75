import { expect, test } from 'vitest'
import { mergedSince } from '../../src/serve/merge.ts'

const part = (bornMs: number, since: number | null) => ({ bornMs, since: { f: since } })

test('nothing was missed before the first part there was: a region that is added makes nothing partial', () => {
  expect(mergedSince('f', [part(100, 100), part(900, 900)])).toBe(100)
})

test('a part that was there already when the feature came to it has missed what it took in before', () => {
  expect(mergedSince('f', [part(100, 500), part(200, 700)])).toBe(700)
  expect(mergedSince('f', [part(100, 500), part(900, 900)])).toBe(500)
})

test('a declared history is complete from where it is declared, for one part and for several', () => {
  expect(mergedSince('f', [part(100, null), part(900, null)])).toBeNull()
  expect(mergedSince('f', [part(100, 50), part(900, 50)])).toBe(50)
})

test('a feature that a part does not know is not known to be complete', () => {
  expect(mergedSince('g', [part(100, 100)])).toBe(Number.POSITIVE_INFINITY)
})
