import { expect } from 'vitest'
import type { KafkaRecord, ReadResult } from '../../../src/source/index.ts'
import type { LogRecord, Subject } from './test-log.ts'

const TOPIC = 'conformance'
const MEGABYTE = 1_000_000
/** How long a read of these tests may take beyond its wait, whatever happens. */
export const MOST_READ_MS = 12_000

/** What every adapter does, whatever the dialect. Each case gets the topic `conformance` with two partitions, new and empty. */
export const kafkaConformance: readonly [behaviour: string, check: (subject: Subject) => Promise<void>][] = [
  [
    'reads an empty partition as no records, and goes on where it was',
    async ({ kafka }) => {
      const result = await kafka.read({ topic: TOPIC, partition: 0, offset: 0, maxBytes: MEGABYTE, waitMs: 100 })
      expect(result).toEqual({ kind: 'records', records: [], next: 0 })
    },
  ],
  [
    'gives every record once and in order, over as many pages as it takes',
    async (subject) => {
      await appendTexts(subject, 0, 0, 1_234)
      const records = await readAll(subject, 0)
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 1_234 }, (_, i) => i))
      expect(records.map((record) => text(record.value))).toEqual(texts(0, 1_234))
    },
  ],
  [
    'begins at the offset asked for and not before it',
    async (subject) => {
      await appendTexts(subject, 0, 0, 40)
      for (const from of [1, 2, 7, 38, 39]) {
        const records = await readAll(subject, from)
        expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 40 - from }, (_, i) => from + i))
      }
    },
  ],
  [
    'goes back and forth as it is told, and loses nothing on the way',
    async (subject) => {
      await appendTexts(subject, 0, 0, 60)
      for (const from of [50, 0, 20, 3, 41, 0]) {
        const first = recordsOf(await read(subject, from))[0]
        expect(first?.offset).toBe(from)
        expect(text(first?.value ?? null)).toBe(`record ${from}`)
      }
    },
  ],
  [
    'keeps partitions apart, also when they are read at the same time',
    async (subject) => {
      await appendTexts(subject, 0, 0, 30)
      await appendTexts(subject, 1, 1_000, 1_030)
      const [a, b] = await Promise.all([readAll(subject, 0, 0), readAll(subject, 0, 1)])
      expect(a.map((record) => text(record.value))).toEqual(texts(0, 30))
      expect(b.map((record) => text(record.value))).toEqual(texts(1_000, 1_030))
    },
  ],
  [
    'answers reads of one partition that overlap, each with what it asked for',
    async (subject) => {
      await appendTexts(subject, 0, 0, 30)
      await read(subject, 0)
      const results = await Promise.all([0, 10, 20, 5].map((from) => read(subject, from)))
      expect(results.map((result) => recordsOf(result)[0]?.offset)).toEqual([0, 10, 20, 5])
    },
  ],
  [
    'gives bytes exactly: null is not empty, and nothing is taken for text',
    async (subject) => {
      const values: (Uint8Array | null)[] = [
        null,
        new Uint8Array(0),
        Uint8Array.of(0, 1, 2, 0xff, 0xfe),
        Uint8Array.from({ length: 256 }, (_, i) => i),
        Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d),
        Uint8Array.of(0xed, 0xa0, 0x80),
        bytes('null'),
        bytes('"quoted" \\ \n \u2028 é \u{1f600}'),
      ]
      const expected = subject.can.bytes ? values : values.filter((value) => value === null || isText(value))
      for (const value of expected) await append(subject, 0, { key: value === null ? null : value, value })
      const records = await readAll(subject, 0)
      expect(records.map(({ value }) => value && [...value])).toEqual(expected.map((value) => value && [...value]))
      expect(records.map(({ key }) => key && [...key])).toEqual(expected.map((value) => value && [...value]))
      // What a record says as a text is what its bytes say.
      for (const { value, valueText } of records)
        if (valueText !== undefined) expect([...bytes(valueText)]).toEqual([...(value ?? [])])
    },
  ],
  [
    'gives headers by lower-case name, and of a repeated name the last',
    async (subject) => {
      if (!subject.can.headers) return
      await append(subject, 0, {
        value: bytes('x'),
        headers: [
          ['Trace', bytes('a')],
          ['trace', bytes('b')],
          ['empty', new Uint8Array(0)],
          ...(subject.can.bytes ? [['raw', Uint8Array.of(0xff, 0)] as const] : []),
        ],
      })
      const headers = (await readAll(subject, 0))[0]?.headers ?? new Map()
      expect(text(headers.get('trace') ?? null)).toBe('b')
      expect(headers.get('empty')?.length).toBe(0)
      if (subject.can.bytes) expect([...(headers.get('raw') ?? [])]).toEqual([0xff, 0])
    },
  ],
  [
    'gives the timestamp where the dialect has one, else null',
    async (subject) => {
      await append(subject, 0, { value: bytes('x'), timestampMs: 1_700_000_000_123 })
      expect((await readAll(subject, 0))[0]?.timestampMs).toBe(subject.can.timestamps ? 1_700_000_000_123 : null)
    },
  ],
  [
    'says that an offset is not there, before the beginning and beyond the end',
    async (subject) => {
      await appendTexts(subject, 0, 0, 30)
      await subject.log.truncate(TOPIC, 0, 10)
      for (const offset of [0, 9, 31, 1_000_000]) expect((await read(subject, offset, 0)).kind).toBe('out_of_range')
      expect(recordsOf(await read(subject, 10))[0]?.offset).toBe(10)
      expect(await read(subject, 30, 0)).toEqual({ kind: 'records', records: [], next: 30 })
    },
  ],
  [
    'tells the first and the next offset, or that it cannot',
    async (subject) => {
      await appendTexts(subject, 1, 0, 30)
      await subject.log.truncate(TOPIC, 1, 10)
      const answer = await subject.kafka.offsets({ topic: TOPIC, partition: 1 })
      if (subject.can.offsets) expect(answer).toEqual({ kind: 'offsets', begin: 10, end: 30 })
      else expect(answer).toMatchObject({ kind: 'failed', transient: false })
    },
  ],
  [
    'counts the partitions, and notices when a topic was made again where ids are told',
    async (subject) => {
      const before = await subject.kafka.topic(TOPIC)
      expect(before).toMatchObject({ kind: 'topic', partitions: 2 })
      const topicId = before.kind === 'topic' ? before.id : null
      expect(topicId !== null).toBe(subject.can.topicIds)
      await appendTexts(subject, 0, 0, 5)
      await subject.log.remove(TOPIC)
      await subject.log.create(TOPIC, 2)
      await appendTexts(subject, 0, 100, 105)
      const request = { topic: TOPIC, partition: 0, offset: 3, maxBytes: MEGABYTE, waitMs: 500 }
      if (topicId === null) return
      expect((await subject.kafka.read({ ...request, topicId })).kind).toBe('out_of_range')
      const after = await subject.kafka.topic(TOPIC)
      expect(after).toMatchObject({ kind: 'topic', partitions: 2 })
      expect(after.kind === 'topic' && after.id !== topicId && after.id !== null).toBe(true)
      const again = await subject.kafka.read({
        ...request,
        ...(after.kind === 'topic' && after.id !== null && { topicId: after.id }),
      })
      expect(text(recordsOf(again)[0]?.value ?? null)).toBe('record 103')
    },
  ],
  [
    'waits for a record that is still to come',
    async (subject) => {
      await read(subject, 0, 0)
      const reading = read(subject, 0, 5_000)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await append(subject, 0, { value: bytes('late') })
      expect(recordsOf(await reading).map((record) => text(record.value))).toEqual(['late'])
    },
  ],
  [
    'goes on when the server has lost its consumers',
    async (subject) => {
      if (subject.loseConsumers === undefined) return
      await appendTexts(subject, 0, 0, 20)
      expect(recordsOf(await read(subject, 0))[0]?.offset).toBe(0)
      await subject.loseConsumers()
      expect(recordsOf(await read(subject, 3))[0]?.offset).toBe(3)
    },
  ],
  [
    'writes records that can be read again, with headers where the dialect has them',
    async (subject) => {
      const headers = subject.can.writeHeaders ? { headers: { kind: 'é' } } : {}
      const written = ['a', 'b', 'c'].map((key) => ({ key, value: `{"of":"${key} \u{1f600}"}`, ...headers }))
      expect(await subject.kafka.produce(TOPIC, written)).toEqual({ kind: 'produced' })
      const records = [...(await readAll(subject, 0, 0)), ...(await readAll(subject, 0, 1))]
      const read = records.map(({ key, value }) => [text(key), text(value)])
      expect(read.sort()).toEqual(written.map(({ key, value }) => [key, value]))
      if (subject.can.writeHeaders && subject.can.headers)
        expect(text(records[0]?.headers.get('kind') ?? null)).toBe('é')
    },
  ],
  [
    'says that writing failed when a topic is not there, and when one of the records is too large',
    async (subject) => {
      const lost = await subject.kafka.produce('no-such-topic', [{ key: 'a', value: 'x' }])
      expect(lost.kind).toBe('failed')
      const large = await subject.kafka.produce(TOPIC, [
        { key: 'a', value: 'small' },
        { key: 'b', value: 'x'.repeat(1_600_000) },
      ])
      // A broker refuses more than a megabyte; the fakes without one take it.
      if (large.kind === 'failed') expect(large.message).toMatch(/large/i)
    },
  ],
  [
    'fails as a value for a topic and a partition that do not exist',
    async (subject) => {
      for (const [topic, partition] of [
        ['no-such-topic', 0],
        [TOPIC, 7],
      ] as const) {
        const request = { topic, partition, offset: 0, maxBytes: MEGABYTE, waitMs: 0 }
        expect(await subject.kafka.read(request)).toMatchObject({ kind: 'failed' })
      }
      expect(await subject.kafka.topic('no-such-topic')).toMatchObject({ kind: 'failed' })
    },
  ],
]

/** Runs one case on a subject with a new topic. */
export async function runConformance(make: () => Promise<Subject>, check: (subject: Subject) => Promise<void>) {
  const subject = await make()
  try {
    await subject.log.create(TOPIC, 2)
    await check(subject)
  } finally {
    await subject.kafka.close()
    await subject.log.remove(TOPIC)
    await subject.close()
  }
}

function read({ kafka }: Subject, offset: number, waitMs = 2_000, partition = 0): Promise<ReadResult> {
  return kafka.read({ topic: TOPIC, partition, offset, maxBytes: MEGABYTE, waitMs })
}

/** Everything up to the end, page by page, as a puller does. */
export async function readAll(subject: Subject, from: number, partition = 0): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = []
  const { end } = await subject.log.offsets(TOPIC, partition)
  for (let next = from; next < end; ) {
    const page = await subject.kafka.read({ topic: TOPIC, partition, offset: next, maxBytes: 20_000, waitMs: 2_000 })
    if (page.kind !== 'records') throw new Error(`page at ${next}: ${JSON.stringify(page)}`)
    if (page.next <= next) throw new Error(`no progress at ${next} of ${end}`)
    records.push(...page.records)
    next = page.next
  }
  return records
}

function recordsOf(result: ReadResult): readonly KafkaRecord[] {
  if (result.kind !== 'records') throw new Error(JSON.stringify(result))
  return result.records
}

async function append({ log }: Subject, partition: number, record: Partial<LogRecord>): Promise<void> {
  await log.append(TOPIC, partition, { key: null, value: null, headers: [], timestampMs: 1_700_000_000_000, ...record })
}

async function appendTexts(subject: Subject, partition: number, from: number, to: number): Promise<void> {
  for (const value of texts(from, to)) await append(subject, partition, { key: bytes('k'), value: bytes(value) })
}

function texts(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `record ${from + i}`)
}

function bytes(of: string): Uint8Array {
  return new TextEncoder().encode(of)
}

function text(of: Uint8Array | null): string | null {
  return of === null ? null : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(of)
}

function isText(of: Uint8Array): boolean {
  try {
    return text(of) !== null
  } catch {
    return false
  }
}
