import { expect, test } from 'vitest'
import { paint } from '../../scripts/lib/terminal.ts'
import type { SourceStatus } from '../../scripts/sources/client.ts'
import { listText, rateKey, sourceText, standsStill } from '../../scripts/sources/render.ts'
import { frame, Speed, watch } from '../../scripts/sources/watch.ts'
import { halt, NOW, partition, source } from './sources-fake.ts'

const plain = paint({}, {})
const coloured = paint({}, { FORCE_COLOR: '1' })

const resume = 'npx tidemark sources resume clicks --partition clicks/1'
const counts = { records: 12_000_000, accepted: 11_999_000, duplicates: 0, refused: 1_000, skipped: 0, lost: 0 }
const halted = partition({ partition: 1, phase: 'halted', halt, resume, offset: 41_999, end: 51_122, lag: 9_123 })
const running = partition({ offset: 12_345_678, end: 12_345_690, lag: 12, newestMs: NOW - 3_000, counts })
const orders = 'shop.public.orders_of_a_shop_with_a_very_long_name_that_no_table_of_a_person_would_have'
const sources: readonly SourceStatus[] = [
  source({
    from: ['webhook', 'kafka'],
    topics: [
      {
        topic: 'clicks',
        cluster: 'default',
        partitions: [running, halted, partition({ partition: 2, phase: 'away', offset: 5, lag: 3 })],
      },
    ],
  }),
  source({
    source: 'orders',
    kind: 'table',
    topics: [
      {
        topic: orders,
        cluster: 'default',
        partitions: [
          partition({
            topic: orders,
            failures: 4,
            problem: `GET http://bridge: no answer.${' And more.'.repeat(20)}\u001b[31m`,
            counts: { ...counts, lost: 7 },
          }),
        ],
      },
      { topic: 'other', cluster: 'eu', problem: 'The secret CONNECTIONS has no Kafka cluster "eu".', partitions: [] },
    ],
  }),
  source({ source: 'flights', from: ['webhook'] }),
]

test('what stands still comes first, with why and the one command; then a line a partition, halted ones first', () => {
  const text = listText(sources, 'east at http://127.0.0.1:8787', plain, NOW)
  const lines = text.split('\n')
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100)
  expect(lines.slice(0, 8)).toEqual([
    '3 sources of east at http://127.0.0.1:8787',
    '4 partitions: 1 halted, 2 running, 1 pulled elsewhere; 9,135 records behind',
    '',
    'HALTED clicks clicks/1 schema, 3 hours ago, before offset 41,999',
    '  Schema 7 does not fit: field "amount" is a string, the contract wants a whole number. Mend one of',
    '  them.',
    `  ${resume}`,
    '',
  ])
  expect(lines[8]).toBe('NOT LISTED orders other cluster eu')
  const table = lines.slice(lines.findIndex((line) => line.startsWith('partition')))
  expect(table.slice(1, 5).map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    'clicks',
    '  clicks/1  halted  41,999  9,123  -  0',
    '  clicks/0  running  12,345,678  12  3 s  1,000',
    '  clicks/2  away  5  -  -  0',
  ])
  expect(text).toContain('failed 4 times: GET http://bridge')
  expect(text).toContain('7 records were deleted at the broker before they were read')
  expect(lines.at(-1)).toBe('By webhook alone: flights')
  expect(text).not.toContain('\u001b')
})

test('colours change no column', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken out
  const without = listText(sources, 'east', coloured, NOW).replaceAll(/\u001b\[\d+m/g, '')
  expect(without).toBe(listText(sources, 'east', plain, NOW))
})

test('a region without topics has no table', () => {
  const text = listText([source({ source: 'flights', from: ['webhook'] })], 'local', plain, NOW)
  expect(text).toBe('1 source of local\nno partition of a topic\n\nBy webhook alone: flights')
})

test('one source has everything that is known of it', () => {
  const text = sourceText(sources[0] as SourceStatus, plain, NOW, new Map([[rateKey('clicks', running), 1_234.4]]))
  expect(text).toContain('clicks a stream, by webhook and kafka')
  expect(text).toContain('next offset 12,345,678 of 12,345,690')
  expect(text).toContain('newest      written 2026-01-05 11:59:57, 3 s ago')
  expect(text).toContain('per second  1,234')
  expect(text).toContain('records     12,000,000, 11,999,000 accepted, 1,000 refused')
  expect(text).toContain('reader      generation 1, incarnation 0, topic id-1')
  expect(text).toContain(resume)
})

test('a halted partition and a topic that cannot be listed stand still, others do not', () => {
  expect(standsStill(sources)).toBe(true)
  expect(standsStill([source({ topics: [{ topic: 'clicks', cluster: 'default', partitions: [halted] }] })])).toBe(true)
  expect(standsStill([source({ topics: [{ topic: 'x', cluster: 'default', problem: 'no', partitions: [] }] })])).toBe(
    true,
  )
  expect(standsStill([source({ topics: [{ topic: 'clicks', cluster: 'default', partitions: [running] }] })])).toBe(
    false,
  )
})

test('the speed of a partition follows from two looks', () => {
  const speed = new Speed()
  const at = (records: number) => [
    source({
      topics: [{ topic: 'clicks', cluster: 'default', partitions: [partition({ counts: { ...counts, records } })] }],
    }),
  ]
  expect(speed.of(at(100), 1_000).size).toBe(0)
  expect([...speed.of(at(600), 3_000).values()]).toEqual([250])
})

test('watching draws over what it drew, survives a look that fails, and leaves the screen as it was', async () => {
  const ended = new AbortController()
  const written: string[] = []
  let looks = 0
  const look = async () => {
    looks++
    if (looks === 1) throw new Error('nothing answers')
    ended.abort()
    return 'never drawn'
  }
  await watch(look, { isTTY: true, rows: 10, write: (text) => written.push(text) }, ended.signal)
  const text = written.join('')
  expect(text).toContain('nothing answers')
  expect(text).not.toContain('never drawn')
  expect(text.startsWith('\u001b[?1049h')).toBe(true)
  expect(text.endsWith('\u001b[?1049l')).toBe(true)
  await expect(watch(look, { write: () => {} }, ended.signal)).rejects.toThrow('--watch redraws a terminal')
})

test('a frame never scrolls', () => {
  const text = Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n')
  expect(frame(text, 10).match(/\n/g)).toHaveLength(9)
  expect(frame(text, 10)).toContain('... 42 lines more')
  expect(frame('one', 10)).toBe('\u001b[Hone\u001b[K\n\u001b[J')
})

test('a queue that is stuck is told with the command that goes on behind it, and stands still', () => {
  const stuck = { tries: 1_240, sinceMs: NOW - 600_000 }
  const forwards = [{ home: 'weur', events: 3, bytes: 900, oldestMs: NOW - 700_000, problem: 'shard_failed', stuck }]
  const sources = [source({ forwards, topics: [] })]
  expect(standsStill(sources)).toBe(true)
  const text = listText(sources, 'enam at http://e', plain, NOW)
  expect(text).toContain('STUCK weur has turned the first of them away 1,240 times in 10 min')
  expect(text).toContain('npx tidemark sources skip clicks --home weur')
  expect(text.split('\n').every((line) => line.length <= 100)).toBe(true)
})

test('what waits for another region is told with its age and the reason, what does not is not', () => {
  const forwards = [
    { home: 'weur', events: 1_204, bytes: 2_345_678, oldestMs: NOW - 125_000, problem: 'region weur answered 503' },
    { home: 'apac', events: 0, bytes: 0, oldestMs: null },
  ]
  const text = listText([source({ from: ['webhook'], topics: [], forwards })], 'enam', plain, NOW)
  expect(text).toContain('1,204 events (2.3 MB) wait to leave for weur, the oldest for 2 min')
  expect(text).toContain('region weur answered 503')
  expect(text).not.toContain('apac')
  expect(sourceText(source({ from: ['webhook'], topics: [], forwards }), plain, NOW)).toContain(
    'lives in apac; nothing waits to leave for it',
  )
})
