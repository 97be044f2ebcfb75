import * as z from 'zod'
import * as mini from 'zod/mini'
import type { KindOf, ValueOf } from '../../src/define/field-types.ts'
import {
  decimal,
  entity,
  epochMs,
  featureView,
  type Handles,
  int64,
  type StreamSource,
  streamSource,
  vector,
  webhook,
} from '../../src/define/index.ts'

// Types only: tsc checks this file, nothing runs it. Each planted mistake must be a compile error where it stands.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

const price = decimal(2)
const embedding = vector(3)
const tags = z.array(z.string())
const kinds = mini.array(mini.enum(['a', 'b']))
yes<Same<[KindOf<typeof price>, ValueOf<typeof price>], ['decimal', string]>>()
yes<Same<[KindOf<typeof embedding>, ValueOf<typeof embedding>], ['vector', Float32Array]>>()
yes<Same<[KindOf<typeof tags>, ValueOf<typeof tags>], ['list', readonly string[]]>>()
yes<Same<[KindOf<typeof kinds>, ValueOf<typeof kinds>], ['list', readonly ('a' | 'b')[]]>>()

const event = z.object({
  price: price.optional(),
  total: decimal(0).nullish(),
  vec: embedding.nullable(),
  tags: tags.max(3).optional(),
  ids: z.array(int64()),
  prices: z.array(price),
  times: z.array(z.iso.datetime({ offset: true })),
  note: z.string(),
  at: epochMs(),
})
yes<Same<ValueOf<typeof event.shape.price>, string>>()
yes<Same<KindOf<typeof event.shape.total>, 'decimal'>>()
yes<Same<ValueOf<typeof event.shape.vec>, Float32Array>>()
yes<Same<ValueOf<typeof event.shape.tags>, readonly string[]>>()
yes<Same<ValueOf<typeof event.shape.ids>, readonly bigint[]>>()
yes<Same<ValueOf<typeof event.shape.prices>, readonly string[]>>()
yes<Same<ValueOf<typeof event.shape.times>, readonly number[]>>()
// Other kinds are what they were.
yes<Same<[KindOf<typeof event.shape.note>, KindOf<typeof event.shape.at>], ['string', 'timestamp']>>()
// What is sent is what zod infers.
yes<Same<z.infer<typeof event>['price'], string | undefined>>()
yes<Same<z.infer<typeof event>['vec'], number[] | null>>()

const source = streamSource('s', { event, time: 'at', from: [webhook()] })
type E = typeof source extends StreamSource<infer S> ? Handles<S> : never

export function comparisons(e: E): void {
  e.price
    .gt('12.30')
    .and(e.price.between(1n, 2.5))
    .and(e.total.in(['1', 2]))
  e.tags.isNull().or(e.vec.notNull())
  // @ts-expect-error a decimal has no prefix
  e.price.startsWith('1')
  // @ts-expect-error a decimal is not compared with a bool
  e.price.eq(true)
  // @ts-expect-error lists are not compared
  e.tags.eq(['a'])
  // @ts-expect-error lists have no order
  e.ids.gt([1n])
  // @ts-expect-error vectors are not compared
  e.vec.eq(new Float32Array(3))
}

// @ts-expect-error a decimal identifies nothing
streamSource('a', { event, id: 'price', time: 'at', from: [webhook()] })
// @ts-expect-error a list is no time
streamSource('b', { event, time: 'times', from: [webhook()] })
const user = entity('user', { user_id: z.string() })
// @ts-expect-error a text key does not come from a decimal
featureView('a', { entity: user, source, key: { user_id: 'price' } }, () => ({}))
// @ts-expect-error a text key does not come from a list
featureView('b', { entity: user, source, key: { user_id: 'tags' } }, () => ({}))
