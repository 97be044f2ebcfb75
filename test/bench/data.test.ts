import { expect, test } from 'vitest'
import { bodies, eventStream, eventText, seeded, zipf } from '../../scripts/bench/data.ts'

const stream = {
  seed: 7,
  events: 10,
  entity: (i: number) => i,
  fromMs: 1_000_000_000_000,
  toMs: 1_000_000_010_000,
  prefix: 'e',
}

test('ranks come as often as Zipf says', () => {
  const draw = zipf(1_000, 1, seeded(1))
  const counts = new Array<number>(1_000).fill(0)
  const draws = 200_000
  for (let i = 0; i < draws; i++) {
    const rank = draw()
    counts[rank] = (counts[rank] ?? 0) + 1
  }
  const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0)
  for (const rank of [0, 1, 9, 99]) {
    const expected = draws / (rank + 1) / harmonic
    // Five standard deviations.
    expect(Math.abs((counts[rank] ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected))
  }
})

test('every rank is within bounds, also at the ends of the random numbers', () => {
  for (const random of [() => 0, () => 1 - 2 ** -32]) {
    const rank = zipf(10, 1, random)()
    expect(rank).toBe(random() === 0 ? 0 : 9)
  }
})

test('one seed gives the same events, another one others', () => {
  const text = (seed: number) => [...eventStream({ ...stream, seed })].map(eventText).join('\n')
  expect(text(7)).toBe(text(7))
  expect(text(8)).not.toBe(text(7))
})

test('bodies are lists of JSON, the last one is what is left', () => {
  const lists = [...bodies(stream, 4)].map((body) => JSON.parse(body) as { id: string; at: string }[])
  expect(lists.map((list) => list.length)).toEqual([4, 4, 2])
  expect(lists.flat().map((event) => event.id)).toEqual(Array.from({ length: 10 }, (_, i) => `e${i}`))
})
