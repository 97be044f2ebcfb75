import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MemoryLog } from '../source/kafka/memory-log.ts'
import { strimziEmulator } from './strimzi-emulator.ts'

interface Exchange {
  readonly request: Request
  readonly status: number
  readonly type: string | null
  readonly body: string
}

/** Exchanges of a recording: `$ CURL-ARGUMENTS`, then the raw answer. */
function recorded(file: string): Exchange[] {
  const text = readFileSync(new URL(`../vectors/strimzi-bridge-0.33.1/${file}`, import.meta.url), 'utf8')
  return text
    .replaceAll('\r', '')
    .split(/^\$ /m)
    .slice(1)
    .map((block) => {
      const [command = '', ...answer] = block.split('\n')
      const blank = answer.findIndex((line) => line.trim() === '')
      const head = answer.slice(0, blank)
      return {
        request: requestOf(command),
        status: Number(head[0]?.split(' ')[1]),
        type: head.find((line) => line.startsWith('content-type: '))?.slice('content-type: '.length) ?? null,
        body: answer
          .slice(blank + 1)
          .join('\n')
          .trim(),
      }
    })
}

function requestOf(command: string): Request {
  const [before = '', body] = command.split(/ -d (.*)$/s)
  const url = /http:\/\/\S+/.exec(before)?.[0] ?? ''
  const method = /-X (\w+)/.exec(before)?.[1] ?? 'GET'
  const headers = [...before.matchAll(/-H (\S+): (.*?)(?= -H |$)/g)].map(
    ([, name, value]) => [name, value] as [string, string],
  )
  return new Request(url, { method, headers, ...(body !== undefined && { body }) })
}

/** What a client sees of a body: names and types, and every text that is no time and no offset of this run. */
function shapeOf(json: unknown): unknown {
  if (Array.isArray(json))
    return json.length === 0 ? [] : [...new Set(json.map((item) => JSON.stringify(shapeOf(item))))].sort()
  if (typeof json !== 'object' || json === null) return typeof json
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, shapeOf(value)]))
}

/**
 * Polls of the recording that a log in memory answers otherwise: its partition 1 held records of 2023 and 2026, so two segments,
 * which the broker gives one after the other and of which it deletes the older.
 */
const OF_SEGMENTS = ['/c1/records?timeout=300', '/c1/records?timeout=1000']

describe('the Strimzi emulator answers as the recorded bridge did', () => {
  test('every request of the recordings, by status, content type and body', async () => {
    const log = new MemoryLog()
    for (const topic of ['t1', 'tb', 'tt']) await log.create(topic, 4)
    const { handler } = strimziEmulator(log)
    const exchanges = [...recorded('bridge-produce.txt'), ...recorded('bridge-consume.txt')]
    expect(exchanges.length).toBeGreaterThan(40)
    let compared = 0
    for (const { request, status, type, body } of exchanges) {
      const { pathname } = new URL(request.url)
      // Not emulated: the list of topics.
      if (pathname === '/topics') continue
      const what = `${request.method} ${request.url}`
      const answer = await handler(request)
      if (OF_SEGMENTS.some((end) => request.url.endsWith(end))) continue
      expect(`${what} ${answer.status}`).toBe(`${what} ${status}`)
      expect(`${what} ${answer.headers.get('content-type')}`).toBe(`${what} ${type}`)
      compareBodies(what, await answer.text(), body)
      compared++
    }
    expect(compared).toBeGreaterThan(40)
  })
})

function compareBodies(what: string, got: string, wanted: string): void {
  if (wanted === '') {
    expect(got, what).toBe('')
    return
  }
  const [mine, theirs] = [JSON.parse(got), JSON.parse(wanted)]
  if (theirs.error_code !== undefined && String(theirs.message).startsWith('Failed to decode:')) {
    expect(mine.error_code, what).toBe(theirs.error_code)
    expect(mine.message, what).toMatch(/^Failed to decode:/)
  } else if (theirs.error_code !== undefined || theirs.offsets !== undefined || theirs.end_offset !== undefined) {
    // Errors word for word; and the emulator's partitions and offsets are those of the real one.
    expect(mine, what).toEqual(theirs)
  } else if (Array.isArray(theirs) && theirs[0]?.offset !== undefined) {
    compareRecords(what, mine, theirs)
  } else if (theirs.configs !== undefined) {
    expect({ ...mine, configs: {} }, what).toEqual({ ...theirs, configs: {} })
  } else {
    expect(shapeOf(mine), what).toEqual(shapeOf(theirs))
  }
}

/**
 * Records of a poll: the real consumer spreads several partitions over polls as their fetches arrive, the emulator gives all
 * it has. What both give at an offset must be the same but for the time.
 */
function compareRecords(what: string, mine: RecordOnWire[], theirs: RecordOnWire[]): void {
  for (const record of theirs) {
    const same = mine.find(
      ({ topic, partition, offset }) =>
        `${topic}/${partition}/${offset}` === `${record.topic}/${record.partition}/${record.offset}`,
    )
    if (mine.length > 0) expect(same && { ...same, timestamp: 0 }, what).toEqual({ ...record, timestamp: 0 })
  }
}

interface RecordOnWire {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}
