import { describe, expect, it } from 'vitest'
import { isRefusal, splitEvents } from '../../src/contract/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { rowsOf } from '../../src/source/forward/row.ts'
import { Homes, pick } from '../../src/source/homes.ts'
import {
  type EventBatch,
  ForwardQueue,
  importBatch,
  importText,
  knownAtMs,
  parseKnownAt,
} from '../../src/source/index.ts'
import { CrashingStorage } from '../support/crashing-storage.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../support/shards.ts'

const { id: _, ...noId } = ACTIVITY
const KNOWN = Date.UTC(2026, 0, 1)

function batch(of: object = ACTIVITY): EventBatch {
  const head = { file: 'h.csv', lines: [2, 5, 9], knownAt: [KNOWN, null, KNOWN + 2] }
  const found = importBatch(importText(head, ['{"uid":"a"}', '{"uid":"b"}', '{"uid":"a"}']), of as typeof ACTIVITY, 7)
  if (isRefusal(found)) throw new Error(found.message)
  return found
}

describe('the body of an import', () => {
  it('names each event by file and line where nothing else does: the id field, or its content, tell it from others', () => {
    expect(batch().ids).toBeUndefined()
    expect(batch({ ...noId, idempotency: 'content' }).ids).toBeUndefined()
    for (const source of [noId, { ...noId, idempotency: 'none' }])
      expect(batch(source).ids).toEqual(['import/h.csv/2', 'import/h.csv/5', 'import/h.csv/9'])
    expect(batch()).toMatchObject({
      arrivalMs: 7,
      places: ['h.csv:2', 'h.csv:5', 'h.csv:9'],
      imported: [KNOWN, null, KNOWN + 2],
    })
  })

  it('takes the ids that it is given where no field is one, also where content tells events', () => {
    const head = { file: 'h.csv', lines: [2], knownAt: null, ids: ['activity/orders/0/1/7'] }
    for (const source of [noId, { ...noId, idempotency: 'content' as const }])
      expect(importBatch(importText(head, ['{"uid":"a"}']), source, 7)).toMatchObject({ ids: head.ids })
    expect(importBatch(importText(head, ['{"uid":"a"}']), ACTIVITY, 7)).not.toHaveProperty('ids')
  })

  it('is refused when rows were known in seconds, with the line', () => {
    const head = { file: 'h.csv', lines: [2, 5], knownAt: [KNOWN, KNOWN / 1_000] }
    const said = importBatch(importText(head, ['{"uid":"a"}', '{"uid":"b"}']), ACTIVITY, 7)
    expect(said).toMatchObject({
      message: expect.stringMatching(/line 5 was known at 1767225600; .*Are these seconds/),
    })
  })

  it('keeps the rule and place of each event when some of them go to another region, and in its queue', () => {
    const [runtime] = new Plan(definitionsOf([lifetimeView])).sources.values()
    const routing = { by: 'uid', homes: { b: 'far' }, otherwise: 'here' }
    const homes = Homes.of(runtime as SourceRuntime, routing, 'here')
    const { own, elsewhere } = homes?.split(batch(noId)) ?? { own: [], elsewhere: new Map<string, number[]>() }
    expect([own, [...elsewhere]]).toEqual([[0, 2], [['far', [1]]]])
    expect(pick(batch(noId), own)).toMatchObject({ imported: [KNOWN, KNOWN + 2], places: ['h.csv:2', 'h.csv:9'] })
    const rows = rowsOf(pick(batch(noId), elsewhere.get('far') ?? []))
    expect(rows).toMatchObject([{ count: 1, imported: [null], places: ['h.csv:5'], ids: ['import/h.csv/5'] }])
  })
})

describe('a queue for another region', () => {
  const queueOf = () =>
    new ForwardQueue({ storage: new CrashingStorage(), from: 'a', home: 'b', now: () => 1, maxBytes: 1e6 })

  it('says that there is history in what it sends, so that a home of before does not take it', () => {
    const queue = queueOf()
    queue.add(rowsOf(batch()))
    expect(queue.take()).toMatchObject({ rows: 1, hasImported: true })
  })

  it('is not misled by texts that look like it', () => {
    const queue = queueOf()
    const events = '[{"imported":[1]}]'
    const spans = splitEvents(events)
    if (isRefusal(spans)) throw new Error(spans.message)
    queue.add(rowsOf({ text: events, spans, arrivalMs: 1, ids: ['"imported":[1]'] }))
    expect(queue.take()).toMatchObject({ rows: 1, hasImported: false })
  })
})

describe('the rule of an import', () => {
  it.each([
    ['none', { kind: 'none' }],
    ['column:loaded at', { kind: 'column', column: 'loaded at' }],
    ['event-time', { kind: 'event-time', plusMs: 0 }],
    ['event-time+0s', { kind: 'event-time', plusMs: 0 }],
    ['event-time+5m', { kind: 'event-time', plusMs: 300_000 }],
  ])('%s is read', (text, rule) => {
    expect(parseKnownAt(text)).toEqual(rule)
  })

  it.each(['', 'column:', 'event-time-5m', 'event-time+', 'event-time+5', 'event-time+-5m', 'now', 'NONE'])(
    '"%s" is none',
    (text) => {
      expect(parseKnownAt(text)).toMatchObject({ error: expect.stringMatching(/is no (rule|duration)|not above zero/) })
    },
  )

  it('says when a row was known, that it was never said, or that the row lacks its time', () => {
    expect(knownAtMs({ kind: 'none' }, 5, 6)).toBeNull()
    expect(knownAtMs({ kind: 'event-time', plusMs: 10 }, KNOWN, null)).toBe(KNOWN + 10)
    expect(knownAtMs({ kind: 'event-time', plusMs: 10 }, null, null)).toBeNull()
    // In seconds: the contract refuses the event, and it alone.
    expect(knownAtMs({ kind: 'event-time', plusMs: 10 }, KNOWN / 1_000, null)).toBeNull()
    expect(knownAtMs({ kind: 'column', column: 'c' }, 5, 6)).toBe(6)
    expect(knownAtMs({ kind: 'column', column: 'c' }, 5, null)).toBeUndefined()
  })
})
