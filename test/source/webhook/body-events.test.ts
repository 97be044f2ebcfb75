import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isRefusal } from '../../../src/contract/index.ts'
import type { SourceSpec } from '../../../src/engine/index.ts'
import { BodyReader } from '../../../src/source/index.ts'
import { forSeeds } from '../../support/random.ts'
import { ACTIVITY } from '../../support/shards.ts'

const BATCH = { 'content-type': 'application/cloudevents-batch+json; charset=utf-8' }
const STRUCTURED = { 'content-type': 'application/cloudevents+json' }

/** The events of a request: their texts or why not, ids and places. */
function read(text: string, given: Record<string, string> = {}, change: Partial<SourceSpec> = {}) {
  const reader = new BodyReader({ ...ACTIVITY, ...change })
  const headers = new Headers(given)
  const format = reader.formatOf(headers)
  if (format === undefined) return 'unknown type'
  const events = reader.read(format, { headers, text, arrivalMs: 0 })
  if (isRefusal(events)) return events.reason
  const { batch, skipped, places } = events
  const { spans, ids } = batch
  const texts = spans.starts.map((start, i) => spans.broken.get(i)?.reason ?? batch.text.slice(start, spans.ends[i]))
  return { texts, ids, skipped, ...(places && { places }) }
}

const cloudEvent = (id: string, data: string, source = '/shop') =>
  `{"specversion":"1.0","id":${JSON.stringify(id)},"source":${JSON.stringify(source)},"type":"t","data":${data}}`

describe('JSON', () => {
  test('comes as it is, identified by the webhook-id and the place', () => {
    expect(read('[{"a":1},{"a":2}]', { 'webhook-id': 'm' })).toEqual({
      texts: ['{"a":1}', '{"a":2}'],
      ids: ['m:0', 'm:1'],
      skipped: 0,
    })
    expect(read('{"a":1}\n{"a":2}', { 'content-type': 'application/x-ndjson' })).toMatchObject({ ids: undefined })
    expect(read('', {})).toBe('bad_json')
  })

  test('content types that are not understood are said to be so', () => {
    expect(read('a,b', { 'content-type': 'text/csv' })).toBe('unknown type')
    expect(read('<a/>', { 'content-type': 'application/cloudevents+xml' })).toBe('unknown type')
  })
})

describe('CloudEvents', () => {
  const exact = '{"n":9007199254740993,"price":1.10}'

  test('structured: the event is the data as it was written, its id is source and id', () => {
    expect(read(cloudEvent('7', exact), { ...STRUCTURED, 'webhook-id': 'm' })).toEqual({
      texts: [exact],
      ids: ['["/shop","7"]'],
      skipped: 0,
      places: [0],
    })
  })

  test('batch: each by its own, a broken one harms no other', () => {
    const body = `[${cloudEvent('1', exact)}, {"specversion":"1.0","id":"2","data":{}}, ${cloudEvent('3', '[1]')}, 5,\n${cloudEvent('4', '{}')}]`
    expect(read(body, { ...BATCH, 'webhook-id': 'm' })).toMatchObject({
      texts: [exact, 'bad_envelope', expect.stringMatching(/^bad_/), 'bad_json', '{}'],
      ids: ['["/shop","1"]', 'm:1', 'm:2', 'm:3', '["/shop","4"]'],
      places: [0, 1, 2, 3, 4],
    })
    expect(read('[]', BATCH)).toMatchObject({ texts: [] })
    expect(read('{"specversion":', BATCH)).toBe('bad_json')
  })

  test('binary: the event is the body, attributes are headers, percent-encoded', () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '%C3%A9',
      'ce-source': '/shop',
      'content-type': 'application/json',
    }
    expect(read(exact, headers)).toMatchObject({ texts: [exact], ids: ['["/shop","é"]'] })
    const { 'ce-id': _, ...without } = headers
    expect(read(exact, without)).toMatchObject({ texts: ['bad_envelope'] })
    expect(read('not json', { ...headers, 'content-type': 'text/plain' })).toMatchObject({ texts: ['bad_envelope'] })
  })

  test('binary: what was refused is read again with its attributes, and credentials are not kept', () => {
    const reader = new BodyReader(ACTIVITY)
    const headers = new Headers({
      'ce-specversion': '1.0',
      'ce-id': 'x',
      'ce-source': '/shop',
      'content-type': 'text/plain',
      authorization: 'Bearer secret',
    })
    const events = reader.read(
      { kind: 'record', format: { kind: 'cloudevents' } },
      { headers, text: exact, arrivalMs: 0 },
    )
    if (isRefusal(events)) throw new Error(events.message)
    const { text, spans } = events.batch
    const kept = text.slice(spans.starts[0], spans.ends[0])
    expect(kept).toContain('["ce-id","x"]')
    expect(kept).not.toContain('secret')
    expect(reader.readAgain(kept)).toEqual(spans.broken.get(0))
    expect(reader.readAgain(kept.replace('text/plain', 'application/json'))).toMatchObject({
      id: '["/shop","x"]',
      text: exact,
    })
  })

  test('headers of a request say nothing of the events of a batch', () => {
    const headers = { ...BATCH, 'ce-specversion': '1.0', 'ce-id': 'x', 'ce-source': 'y' }
    expect(read(`[${cloudEvent('1', '{}')}]`, headers)).toMatchObject({ ids: ['["/shop","1"]'] })
  })

  test('declared as the format, they come as plain JSON too', () => {
    const from = [{ kind: 'webhook' as const, format: { kind: 'cloudevents' as const } }]
    expect(read(cloudEvent('1', '{}'), { 'content-type': 'application/json' }, { from })).toMatchObject({
      ids: ['["/shop","1"]'],
    })
  })

  test('whatever the texts of source and id are, two pairs are two ids', () => {
    const seen = new Map<string, string>()
    forSeeds(300, (r) => {
      const part = () => r.pick(['a', '/', '"', '\\', ',', '","', 'é', '\u2028', ':0']).repeat(r.int(1, 3))
      const [source, id] = [part(), part()]
      const found = read(cloudEvent(id, '{}', source), STRUCTURED)
      if (typeof found === 'string') throw new Error(found)
      const pair = JSON.stringify({ source, id })
      const own = String(found.ids?.[0])
      expect(seen.get(own) ?? pair).toBe(pair)
      seen.set(own, pair)
    })
    expect(seen.size).toBeGreaterThan(100)
  })
})

describe('Debezium, as its HTTP sink was recorded', () => {
  const file = new URL('../../vectors/debezium-server-3.6.0/sink7.jsonl', import.meta.url)
  const bodies = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly body: string }).body)
  const name = (name: string, type: 'int' | 'string') => ({ name, type, nullable: false, optional: false })
  const change: Partial<SourceSpec> = {
    fields: [name('id', 'int'), name('user_id', 'string')],
    from: [
      {
        kind: 'webhook',
        format: { kind: 'debezium', only: 'inserts', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' },
      },
    ],
  }

  test('a batch is its rows', () => {
    const found = read(bodies[0] ?? '', {}, change)
    if (typeof found === 'string') throw new Error(found)
    expect(found.texts.length).toBeGreaterThan(10)
    expect(found.texts.map((text) => JSON.parse(text))).toMatchObject(
      (JSON.parse(bodies[0] ?? '') as { after: { id: number; user_id: string } }[]).map(
        ({ after: { id, user_id } }) => ({ id, user_id }),
      ),
    )
  })

  test('what is no insert is passed over, what is no envelope is refused, and the rest keep their places', () => {
    const [first, second, third] = JSON.parse(bodies[0] ?? '') as [object, object, object]
    const body = JSON.stringify([{ ...first, op: 'u' }, second, { op: 'c' }, third])
    expect(read(body, { 'webhook-id': 'm' }, change)).toMatchObject({
      skipped: 1,
      places: [1, 2, 3],
      ids: ['m:1', 'm:2', 'm:3'],
      texts: [expect.stringContaining('"id":46'), 'bad_envelope', expect.stringContaining('"id":47')],
    })
  })
})
