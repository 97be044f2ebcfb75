import { expect, test } from 'vitest'
import { isRefusal, parseEvents } from '../../src/contract/index.ts'
import { Plan, type SourceRuntime } from '../../src/plan/index.ts'
import { Router, requestBatch } from '../../src/source/index.ts'
import type { RoutedBatch } from '../../src/source/route.ts'
import { forSeeds, type Random } from '../support/random.ts'
import { ACTIVITY, definitionsOf, lifetimeView } from '../support/shards.ts'
import { ARRIVAL_MS, eventText, plan, shardsOf, shardsOfEvent, source } from './nasty-source.ts'

function route(router: Router, text: string, deliveryId?: string): RoutedBatch {
  const batch = requestBatch(text, ARRIVAL_MS, deliveryId)
  const routed = isRefusal(batch) ? batch : router.route(batch)
  if (isRefusal(routed)) throw new Error(routed.message)
  return routed
}

/** Where each event went: its shards, and the digit and the text that each of them was given. */
function placesOf({ count, batches }: RoutedBatch) {
  const places = Array.from({ length: count }, () => ({ shards: [] as string[], digits: '', raws: [] as unknown[] }))
  for (const { entity, shard, indexes, message } of batches) {
    const parsed = parseEvents(message.events)
    if (isRefusal(parsed)) throw new Error(parsed.message)
    expect([parsed.raws.length, message.fanout.length]).toEqual([indexes.length, indexes.length])
    indexes.forEach((index, i) => {
      const place = places[index]
      place?.shards.push(`${entity.spec.name}/${shard}`)
      place?.raws.push(parsed.broken.has(i) ? 'broken' : parsed.raws[i])
      if (place) place.digits += message.fanout[i]
    })
  }
  return places
}

/** A body of events as a list or as lines, with elements that are no JSON among them. */
function randomBody(r: Random): string {
  const isLines = r.chance(0.4)
  const texts = Array.from({ length: r.int(1, 12) }, () => {
    if (r.chance(0.05)) return r.pick(['{"uid":bad}', '{"uid":"a"} {"uid":"b"}', '5', 'null', '"uid"', '{"uid":tru}'])
    return eventText(r, isLines)
  })
  return isLines ? texts.join(r.pick(['\n', '\r\n', '\n\n'])) : `[${texts.join(r.pick([',', ' ,\n']))}]`
}

test('an event goes to exactly the shards of its parsed keys, once to each, with their number as its digit', () => {
  const router = new Router(plan.hash, source, shardsOf)
  const seen = { good: 0, refused: 0 }
  forSeeds(2_000, (r) => {
    const body = randomBody(r)
    if (body.startsWith('"') || body.startsWith('5') || body.startsWith('null')) return
    const batch = requestBatch(body, ARRIVAL_MS)
    const routed = isRefusal(batch) ? batch : router.route(batch)
    const parsed = parseEvents(body)
    if (isRefusal(routed) || isRefusal(parsed)) return expect(isRefusal(routed)).toBe(isRefusal(parsed))
    const places = placesOf(routed)
    expect(places).toHaveLength(parsed.raws.length)
    const refused = new Set(routed.refused.map(({ index }) => index))
    parsed.raws.forEach((raw, index) => {
      const place = places[index]
      const checked = parsed.broken.get(index) ?? source.contract.check(raw, ARRIVAL_MS)
      if (isRefusal(checked)) {
        // Refused at the door, or by whatever shards its text seems to name: never lost, never both.
        expect((place?.shards.length ?? 0) > 0).toBe(!refused.has(index))
        seen.refused++
        return
      }
      expect(place?.shards.sort(), body).toEqual(shardsOfEvent(checked))
      expect(place?.digits).toBe(String(place?.shards.length).repeat(place?.shards.length ?? 0))
      for (const sent of place?.raws ?? []) expect(sent).toEqual(raw)
      seen.good++
    })
  })
  expect(seen.good).toBeGreaterThan(5_000)
  expect(seen.refused).toBeGreaterThan(1_000)
})

test('pretty-printed JSON over many lines is one event', () => {
  const text = JSON.stringify(JSON.parse(eventText(always, true)), null, 2)
  const places = placesOf(route(new Router(plan.hash, source, shardsOf), text))
  expect(places).toHaveLength(1)
  expect(places[0]?.shards.length).toBeGreaterThan(2)
})

/** No luck: the first of everything, and nothing wrong. */
const always: Random = {
  seed: 0,
  next: () => 0.5,
  int: (low) => low,
  chance: () => false,
  pick: (of) => of[0] as never,
}

const activity = new Plan(definitionsOf([lifetimeView]))
const oneShard = (spec = activity) => new Router(spec.hash, spec.sources.get('activity') as SourceRuntime, () => 1)
const small = (i: number, pad = '') =>
  `{"id":"${i}","uid":"u","friend":"f","at":${ARRIVAL_MS}${pad && `,"pad":"${pad}"`}}`

test('a shard gets at most 8,192 events and 524,288 characters a message, all of them once and in order', () => {
  for (const [count, pad] of [
    [20_000, ''],
    [300, 'x'.repeat(10_000)],
    [8_192, ''],
    [8_193, ''],
    [3, 'x'.repeat(300_000)],
  ] as const) {
    const body = `[${Array.from({ length: count }, (_, i) => small(i, pad)).join()}]`
    const { batches, refused } = route(oneShard(), body)
    expect(refused).toEqual([])
    for (const { message, indexes } of batches) {
      expect(indexes.length).toBeLessThanOrEqual(8_192)
      expect(message.events.length).toBeLessThanOrEqual(524_288 + 2)
    }
    expect(batches.flatMap(({ indexes }) => indexes)).toEqual(Array.from({ length: count }, (_, i) => i))
  }
})

test('an event larger than a message is refused, and harms no other', () => {
  const body = `[${small(0)},${small(1, 'x'.repeat(600_000))},${small(2)}]`
  const { batches, refused } = route(oneShard(), body)
  expect(refused).toMatchObject([{ index: 1, why: { reason: 'too_large' } }])
  expect(batches.flatMap(({ indexes }) => indexes)).toEqual([0, 2])
})

test('without an id field events are identified by the id of the delivery and their place in it', () => {
  const { id: _, ...withoutId } = ACTIVITY
  const plain = new Plan(definitionsOf([lifetimeView], withoutId))
  const { batches } = route(oneShard(plain), `[${small(0)},5,${small(2)}]`, 'delivery')
  expect(batches[0]?.message.ids).toEqual(['delivery:0', 'delivery:2'])
  expect(route(oneShard(plain), small(0)).batches[0]?.message.ids).toBeUndefined()
  expect(route(oneShard(), small(0), 'delivery').batches[0]?.message.ids).toBeUndefined()
  // Long ids count: 8,192 of 256 characters are as much as four messages.
  const many = route(oneShard(plain), `[${Array.from({ length: 8_192 }, (_, i) => small(i)).join()}]`, 'd'.repeat(256))
  for (const { message } of many.batches) {
    expect(message.events.length + JSON.stringify(message.ids).length).toBeLessThanOrEqual(524_288 + 100)
  }
})

test('a fan-out beyond one digit is still one digit an event', () => {
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  const wide = {
    ...ACTIVITY,
    fields: [
      ...ACTIVITY.fields,
      ...keys.map((name) => ({ name, type: 'string' as const, nullable: false, optional: false })),
    ],
  }
  const views = keys.map((name) => ({ ...lifetimeView, name, key: { user_id: name } }))
  const spec = new Plan(definitionsOf(views, wide))
  const router = new Router(spec.hash, spec.sources.get('activity') as SourceRuntime, () => 4_096)
  const event = { id: 'e', uid: 'u', friend: 'f', at: ARRIVAL_MS, ...Object.fromEntries(keys.map((key) => [key, key])) }
  const routed = route(router, JSON.stringify([event]))
  expect(routed.batches.length).toBeGreaterThan(36)
  for (const { message } of routed.batches) expect(message.fanout).toBe('z')
})
