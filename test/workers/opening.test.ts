import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Opening, type Taker } from '../../durable-objects/opening.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const wait = (ms: number) => new Promise<void>((end) => setTimeout(end, ms))

/** An heir whose parent tells what it has to tell for so long. */
class SlowHeir implements Taker {
  readonly progress = {} as Taker['progress']
  leftMs: number
  copyMs = 0

  constructor(leftMs: number) {
    this.leftMs = leftMs
  }

  async copy(isLate: () => boolean): Promise<boolean> {
    for (; this.copyMs > 0 && !isLate(); this.copyMs -= 100) await wait(100)
    return this.copyMs <= 0
  }

  async open(isLate: () => boolean): Promise<boolean> {
    for (; this.leftMs > 0; this.leftMs -= 100) {
      if (isLate()) return false
      await wait(100)
    }
    return true
  }
}

function opened(heir: SlowHeir) {
  let starts = 0
  const options = { heir, isNext: false, name: 'orders/1/0', waitUntil: () => {}, start: () => void starts++ }
  return { opening: new Opening(options), starts: () => starts }
}

/** What a promise gives, and after how long. */
async function timed<T>(promise: Promise<T>): Promise<{ value: T; ms: number }> {
  const startMs = Date.now()
  const timing = promise.then((value) => ({ value, ms: Date.now() - startMs }))
  await vi.runAllTimersAsync()
  return await timing
}

test('an object that is long in taking over says after a while that it is not done, and goes on when it is asked again', async () => {
  const { opening, starts } = opened(new SlowHeir(25_000))
  const first = await timed(opening.open())
  expect(first.value).toBe(false)
  expect(first.ms).toBeLessThan(11_000)
  expect(await timed(opening.ready())).toMatchObject({ value: { unavailable: 'opening' } })
  expect(starts()).toBe(0)
  expect((await timed(opening.open())).value).toBe(true)
  expect(starts()).toBe(1)
  expect(await opening.ready()).toBeUndefined()
})

test('what waits for its turn has its time still before it', async () => {
  const heir = new SlowHeir(0)
  heir.copyMs = 9_900
  const { opening } = opened(heir)
  const before = opening.prepare()
  // Behind nearly all of one go: it copies what came meanwhile, and is not late by then.
  const copied = before.then(() => {
    heir.copyMs = 5_000
  })
  const next = opening.prepare()
  expect(await timed(Promise.all([before, copied, next]))).toMatchObject({ value: [true, undefined, true] })
})
