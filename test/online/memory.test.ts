import { describe, test } from 'vitest'
import { addressText, MemoryStore } from '../../src/online/index.ts'
import { random } from '../support/random.ts'
import { casConformance, type StoreUnderTest, storeConformance } from './conformance.ts'
import { plantedText } from './plant-text.ts'
import { race } from './race.ts'

function make(): StoreUnderTest {
  const texts = new Map<string, string>()
  return {
    store: new MemoryStore(texts),
    another: () => new MemoryStore(texts),
    later: () => {},
    plant: async (what, copy) => void texts.set(addressText(copy.address), plantedText(what, copy)),
  }
}

describe('the store in memory', () => {
  test.each([...storeConformance, ...casConformance])('%s', async (_behaviour, check) => check(make(), random(1)))

  test.each([1, 2, 3])('64 writers race, seed %i', async (seed) => race(make(), random(seed), 20))
})
