import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import { type DeadLetter, deadLetter } from '../../src/shard/index.ts'
import { deadLetters, flight, send } from './doors.ts'

afterEach(() => reset())

const stub = () => env.DEAD_LETTERS.getByName('local/flights')
const letter = (payload: string, by: string, fanout: number, change: Partial<DeadLetter> = {}): DeadLetter => ({
  ...deadLetter({ source: 'flights', reason: 'too_late', message: 'too late', arrivalMs: 1, by, fanout }, payload),
  ...change,
})

test('an event that went to two shards is listed once, when both refused it, and not while one may have taken it', async () => {
  await stub().add([letter('both', 'airport/0/1', 2), letter('one', 'airport/0/1', 2)])
  expect(await stub().list(10)).toMatchObject({ count: 0, letters: [] })
  await stub().add([letter('both', 'route/0/3', 2)])
  const { count, letters } = await stub().list(10)
  expect(count).toBe(1)
  expect(letters).toMatchObject([{ payload: 'both', by: ['airport/0/1', 'route/0/3'], times: 1 }])
})

test('the same letter again is counted, not listed again: a shard that sends twice, a sender that tries again', async () => {
  const once = [letter('x', 'airport/0/1', 1), letter('y', 'door', 1, { reason: 'bad_json' })]
  await stub().add(once)
  await stub().add(once)
  const { count, byReason, letters } = await stub().list(10)
  expect({ count, byReason }).toEqual({ count: 2, byReason: { bad_json: 1, too_late: 1 } })
  expect(letters.map(({ payload, times }) => [payload, times])).toEqual([
    ['y', 2],
    ['x', 2],
  ])
})

test('events that differ only behind the kept part of their payload are two letters', async () => {
  const cut = 'x'.repeat(16_384)
  await stub().add([letter(`${cut}one`, 'door', 1), letter(`${cut}two`, 'door', 1)])
  expect((await stub().list(10)).count).toBe(2)
})

test('the list is newest first, up to its limit, of one source or of all', async () => {
  for (let i = 0; i < 5; i++) await stub().add([letter(`p${i}`, 'door', 1, { arrivalMs: i })])
  const { body } = await deadLetters('?source=flights&limit=2')
  expect(body.count).toBe(5)
  expect(body.letters?.map(({ payload }) => payload)).toEqual(['p4', 'p3'])
  expect((await deadLetters('?limit=0')).body).toMatchObject({ count: 5, letters: [] })
  expect((await deadLetters('?source=flghts')).status).toBe(404)
  expect((await deadLetters('?limit=many')).status).toBe(400)
})

test('a refused flight is one letter though three shards looked at it', async () => {
  const wrong = { ...flight(1, 0, { origin: 'JFK', destination: 'SFO' }), delay: 'late' }
  await send([wrong, flight(2, 0)])
  await send([wrong])
  await expect.poll(async () => (await deadLetters()).body.letters?.[0]?.times).toBe(2)
  const { body } = await deadLetters()
  expect(body.count).toBe(1)
  expect(body.letters?.[0]?.payload).toBe(JSON.stringify(wrong))
})
