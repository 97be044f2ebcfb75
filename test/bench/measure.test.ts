import { expect, test } from 'vitest'
import { parseReply } from '../../scripts/bench/connection.ts'
import { parseStat, percentile } from '../../scripts/bench/measure.ts'

test.each([
  [[5], 0.99, 5],
  [[3, 1, 2], 0.5, 2],
  [[4, 1, 3, 2], 0.5, 2],
  [Array.from({ length: 100 }, (_, i) => i + 1), 0.99, 99],
  [Array.from({ length: 100 }, (_, i) => i + 1), 1, 100],
  [[1, 2], 0, 1],
])('the percentile of %j at %d is %d', (values, share, expected) => {
  expect(percentile(values, share)).toBe(expected)
})

test('of nothing there is no percentile', () => {
  expect(percentile([], 0.5)).toBeNaN()
})

test('CPU time is user and system, whatever the process is called', () => {
  const stat = '42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15'
  expect(parseStat(stat)).toBe(2)
})

test('a reply with a length is whole when all of it is there', () => {
  const bytes = Buffer.from('HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello')
  expect(parseReply(bytes.subarray(0, 20))).toBeUndefined()
  expect(parseReply(bytes.subarray(0, -1))).toBeUndefined()
  expect(parseReply(bytes)).toEqual({ status: 202, body: Buffer.from('hello') })
})

test('a chunked reply is put together', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n',
  )
  for (let end = 0; end < bytes.length; end++) expect(parseReply(bytes.subarray(0, end))).toBeUndefined()
  expect(parseReply(bytes)).toEqual({ status: 200, body: Buffer.from('abc0123456789') })
})
