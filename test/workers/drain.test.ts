import { expect, test } from 'vitest'
import { Alarms } from '../../durable-objects/alarms.ts'
import { Drain, SomeLeft } from '../../durable-objects/drain.ts'

/** The one alarm of an object, rung by hand. */
class Clock {
  armedMs: number | null = null
  readonly alarms = new Alarms({
    setAlarm: async (time) => {
      this.armedMs = Number(time)
    },
    deleteAlarm: async () => {
      this.armedMs = null
    },
  })
  readonly drains: Drain[] = []

  add(name: string, send: () => Promise<void>): void {
    let hasSent = false
    const once = async () => {
      await send()
      hasSent = true
    }
    const storage = this.alarms.for(name)
    this.drains.push(new Drain({ storage, name, isEmpty: () => hasSent, send: once }))
  }

  ring(): Promise<void>[] {
    this.armedMs = null
    this.alarms.rang()
    return this.drains.map((drain) => drain.rang())
  }
}

test('what hangs holds up nothing else, and is gone on with by an alarm when its process ends', async () => {
  const clock = new Clock()
  const answer = Promise.withResolvers<void>()
  clock.add('hanging', () => answer.promise)
  const [hanging] = clock.ring()
  await expect.poll(() => clock.armedMs).not.toBeNull()
  let sent = 0
  clock.add('other', async () => {
    sent++
  })
  const [again, other] = clock.ring()
  await Promise.all([again, other])
  expect(sent).toBe(1)
  // The alarm that has rung is spent: without another one what hangs would never be sent if this process ended.
  expect(clock.armedMs).toBeGreaterThan(Date.now())
  answer.resolve()
  await hanging
  expect(clock.armedMs).toBeNull()
})

test('what fails behind something that has left is tried again as soon as after a first failure', async () => {
  let armedMs = 0
  let what: Error = new Error('out of reach')
  const drain = new Drain({
    storage: {
      setAlarm: async (time) => {
        armedMs = Number(time)
      },
      deleteAlarm: async () => {},
    },
    name: 'slow',
    isEmpty: () => false,
    send: async () => {
      throw what
    },
  })
  const { now } = Date
  let clock = now()
  Date.now = () => clock
  const failed = async () => {
    clock = Math.max(clock, armedMs)
    await drain.run()
    return armedMs - clock
  }
  try {
    let longest = 0
    for (let i = 0; i < 8; i++) longest = Math.max(longest, await failed())
    expect(longest).toBeGreaterThan(10_000)
    what = new SomeLeft('the next one is not taken')
    for (let i = 0; i < 8; i++) expect(await failed()).toBeLessThanOrEqual(2_000)
    // A way that is cut again is tried less and less often, from there on.
    what = new Error('out of reach')
    expect(await failed()).toBeLessThanOrEqual(4_000)
  } finally {
    Date.now = now
  }
})
