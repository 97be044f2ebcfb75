import * as z from 'zod'
import { VIEW } from '../../src/define/feature-view.ts'
import * as t from '../../src/define/index.ts'
import type { FeatureSpec, ViewSpec } from '../../src/engine/index.ts'

// One source with a field of every kind, and short ways to declare over it, right and wrong.

export const shop = t.streamSource('shop', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    type: z.enum(['view', 'click', 'purchase', 'refund']),
    amount: z.number().optional(),
    units: z.int(),
    cents: t.int64(),
    price: t.decimal(2),
    country: z.string().nullable(),
    device: z.uuid(),
    ok: z.boolean(),
    at: z.iso.datetime({ offset: true }),
    tags: z.array(z.string()),
    embedding: t.vector(4),
  }),
  id: 'id',
  time: 'at',
  from: [t.webhook()],
})

/** The same rows as a table: they are changed and deleted. */
export const table = { spec: { ...shop.spec, changes: { key: ['id'] } } } as typeof shop

export const buyer = t.entity('buyer', { buyer_id: z.string() })
export const options = { entity: buyer, source: shop, key: { buyer_id: 'uid' } } as const

export type Fields = typeof shop extends t.StreamSource<infer Shape> ? t.Handles<Shape> : never

/** The data of a view with one feature, `f`. */
export function viewOf(feature: (e: Fields) => t.FeatureBuilder<unknown, unknown>, more: object = {}): ViewSpec {
  return t.featureView('v', { ...options, ...more }, (e) => ({ f: feature(e) }))[VIEW].spec
}

/** The data of one feature. */
export function featureOf(feature: (e: Fields) => t.FeatureBuilder<unknown, unknown>, more?: object): FeatureSpec {
  return viewOf(feature, more).features[0] as FeatureSpec
}

/** The mistake that this declaration is. */
export function mistake(declare: () => unknown): t.DefinitionError {
  try {
    declare()
  } catch (error) {
    if (error instanceof t.DefinitionError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

// biome-ignore lint/suspicious/noExplicitAny: the tests stand in for JavaScript callers, whom no type warns
export const js = t as unknown as { readonly [K in keyof typeof t]: (...args: any[]) => any }
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Untyped = any
