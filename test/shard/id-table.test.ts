import { expect, test } from 'vitest'
import { compareIds, ENTRY_WORDS, IdTable } from '../../src/shard/id-table.ts'
import { forSeeds } from '../support/random.ts'

test('entries come out sorted by all of their words, with their payloads, also where first words are shared', () => {
  forSeeds(50, (r) => {
    const table = new IdTable(1_000)
    const words = () => r.pick([0, 1, 2 ** 31, 2 ** 32 - 1, r.int(0, 2 ** 32 - 1)])
    const payloads = new Map<string, number>()
    for (let i = r.int(0, 400); i > 0; i--) {
      const id = Uint32Array.of(words(), words(), r.int(0, 3), r.int(0, 2 ** 32 - 1))
      if (table.find(id) !== undefined) continue
      table.add(id, i, 1)
      payloads.set(id.join(), i)
    }
    const sorted = table.sorted()
    expect(sorted.length).toBe(payloads.size * ENTRY_WORDS)
    for (let at = 0; at < sorted.length; at += ENTRY_WORDS) {
      expect(payloads.get(sorted.subarray(at, at + 4).join())).toBe(sorted[at + 4])
      if (at > 0) expect(compareIds(sorted, at - ENTRY_WORDS, sorted, at)).toBeLessThan(0)
    }
  })
})
