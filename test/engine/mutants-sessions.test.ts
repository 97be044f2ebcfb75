import { describe, expect, test } from 'vitest'
import { SessionScan } from '../../src/engine/session.ts'
import type { SessionWindow } from '../../src/engine/spec.ts'
import { tailFloor } from '../../src/engine/tail.ts'

const FOREVER = Number.NEGATIVE_INFINITY
const T = 1_000
const WINDOW: SessionWindow = { kind: 'session', gapMs: 10, maxMs: 30, keepLastMs: 50, value: 'last' }

/** What a scan says of stretches `[first, last]`, newest first; and how many of them it took. */
function scanned(stretches: readonly (readonly [number, number])[], letGo = FOREVER, window = WINDOW, t = T) {
  const scan = new SessionScan(window)
  let taken = 0
  for (const [first, last] of stretches) {
    taken++
    if (!scan.add(first, last)) break
  }
  return { taken, session: scan.end(t, letGo) }
}

const NONE = { kind: 'none' }
const LIMIT = { kind: 'limit' }
const from = (first: number) => ({ kind: 'session', first })
const at = (...times: number[]) => times.map((time) => [time, time] as const)

describe('a session', () => {
  test('goes on over the gap, and not over one more', () => {
    expect(scanned(at(990, 980))).toEqual({ taken: 2, session: from(980) })
    expect(scanned(at(990, 979, 978))).toEqual({ taken: 2, session: from(990) })
    expect(
      scanned([
        [985, 990],
        [970, 975],
        [962, 962],
      ]),
    ).toMatchObject({ session: from(962) })
  })

  test('may last its most, and no longer', () => {
    expect(scanned(at(999, 989, 979, 969))).toEqual({ taken: 4, session: from(969) })
    expect(scanned(at(999, 989, 979, 969, 968, 967))).toEqual({ taken: 5, session: LIMIT })
    expect(scanned([[968, 999]])).toEqual({ taken: 1, session: LIMIT })
    expect(scanned([[969, 999]])).toEqual({ taken: 1, session: from(969) })
  })

  test('is told for a while after its last row', () => {
    expect(scanned(at(950))).toMatchObject({ session: from(950) })
    expect(scanned(at(949))).toMatchObject({ session: NONE })
    const open = { ...WINDOW, value: 'open' } as const
    expect(scanned(at(990), FOREVER, open)).toMatchObject({ session: from(990) })
    expect(scanned(at(989), FOREVER, open)).toMatchObject({ session: NONE })
  })

  test('is not there without rows, unless some were let go that could be one', () => {
    expect(scanned([])).toEqual({ taken: 0, session: NONE })
    expect(scanned([], 950)).toMatchObject({ session: LIMIT })
    expect(scanned([], 949)).toMatchObject({ session: NONE })
  })

  test('is not known when it reaches what was let go', () => {
    expect(scanned(at(990), 980)).toMatchObject({ session: LIMIT })
    expect(scanned(at(990), 979)).toMatchObject({ session: from(990) })
    // A row before it, too far away, says that it is whole.
    expect(scanned(at(990, 970), 985)).toMatchObject({ session: from(990) })
    expect(scanned(at(949), 945)).toMatchObject({ session: NONE })
  })
})

describe('the oldest row that an exact tail keeps', () => {
  test('moves in steps, and is none without an end', () => {
    const plan = { rows: 1, reachMs: 1_000, stepMs: 8 }
    expect([1_007, 1_008, 1_015, 1_016].map((recent) => tailFloor(plan, recent))).toEqual([0, 8, 8, 16])
    expect(tailFloor({ ...plan, reachMs: Number.POSITIVE_INFINITY, stepMs: Number.POSITIVE_INFINITY }, 5)).toBe(FOREVER)
  })
})
