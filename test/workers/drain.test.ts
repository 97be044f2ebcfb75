import { expect, test } from 'vitest'
import { Alarms } from '../../durable-objects/alarms.ts'
import { Drain } from '../../durable-objects/drain.ts'

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
