import * as z from 'zod'
import {
  batchSource,
  entity,
  featureService,
  int64,
  type KeysOf,
  type VectorOf,
  vector,
} from '../../src/define/index.ts'

/** What the compiler knows of a batch source; compiled, never run. */

const user = entity('user', { user_id: z.string() })
const shop = entity('shop', { shop_id: int64() })
const values = z.object({
  user_id: z.string(),
  lifetime_value: z.number(),
  taste: vector(3).optional(),
  as_of: z.iso.datetime({ offset: true }),
})
const ltv = batchSource('ltv', { entity: user, values, time: 'as_of', ttl: '2d' })
const next = batchSource('ltv', { entity: user, values, time: 'as_of', version: 2 })
const mapped = batchSource('sales', {
  entity: shop,
  values: z.object({ shop: int64(), sold: z.int(), at: z.iso.datetime({ offset: true }) }),
  time: 'at',
  key: { shop_id: 'shop' },
})
const service = featureService('s', [ltv, mapped.sold])

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const isTrue = <T extends true>(): T | undefined => undefined

isTrue<
  Same<
    VectorOf<typeof service>,
    { readonly lifetime_value: number | null; readonly taste: Float32Array | null; readonly sold: number | null }
  >
>()
isTrue<Same<KeysOf<typeof service>, { readonly user_id: string; readonly shop_id: bigint }>>()
isTrue<Same<NonNullable<(typeof next)['~view']>['view'], 'ltv_v2'>>()

// @ts-expect-error a key is no value
ltv.user_id
// @ts-expect-error neither is the time
ltv.as_of
// @ts-expect-error a typo
ltv.lifetime_valeu
// @ts-expect-error a number is no time
batchSource('x', { entity: user, values, time: 'lifetime_value' })
// @ts-expect-error a number feeds no key of text
batchSource('x', { entity: user, values, time: 'as_of', key: { user_id: 'lifetime_value' } })
