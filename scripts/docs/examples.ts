/**
 * The examples of the documentation, computed: a source, the events of one user, and the value that a feature has at noon.
 * What the pages show is what this gives, and a test holds them to it.
 */
import * as z from 'zod'
import * as language from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

const { decimal, definitions, entity, featureService, featureView, streamSource, webhook } = language

const user = entity('user', { uid: z.string() })
const activity = streamSource('activity', {
  event: z.object({
    id: z.string(),
    uid: z.string(),
    type: z.enum(['view', 'click', 'purchase']),
    amount: z.number().nullable(),
    price: decimal(2).nullable(),
    units: z.int().nullable(),
    country: z.string(),
    ok: z.boolean(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

/** When the examples are read. */
export const NOON = '2026-11-21T12:00:00Z'

const view = { amount: null, price: null, units: null, ok: true }
/** Oldest first. */
export const EVENTS = [
  { ...view, at: '2026-11-20T18:30:00Z', type: 'purchase', amount: 40, price: '40.00', units: 3, country: 'DE' },
  { ...view, at: '2026-11-21T09:00:00Z', type: 'view', country: 'DE' },
  { ...view, at: '2026-11-21T11:10:00Z', type: 'click', country: 'DE' },
  { ...view, at: '2026-11-21T11:20:00Z', type: 'purchase', amount: 12.5, price: '12.50', units: 1, country: 'FR' },
  { ...view, at: '2026-11-21T11:50:00Z', type: 'view', country: 'FR' },
  { ...view, at: '2026-11-21T11:58:00Z', type: 'purchase', amount: 7.25, price: '7.25', units: 2, country: 'FR' },
  { ...view, at: '2026-11-21T11:59:00Z', type: 'click', country: 'FR', ok: false },
].map((event, i) => ({ id: `e${i + 1}`, uid: 'u1', ...event }))

/** The value of a feature, written as in a definition, at noon: as JSON text. Throws what the definition language throws. */
export async function exampleValue(feature: string): Promise<string> {
  const names = Object.keys(language)
  const words = Object.values(language)
  // The examples are our own pages' text.
  const build = new Function('e', ...names, `'use strict'; return ${feature}`)
  const stats = featureView(
    'stats',
    { entity: user, source: activity, key: { uid: 'uid' }, since: 'beginning' },
    (e) => ({
      value: build(e, ...words),
    }),
  )
  const service = featureService('examples', [stats])
  const store = localStore(definitions({ services: [service] }), { now: () => Date.parse(NOON) })
  const receipt = await store.send('activity', EVENTS)
  if (receipt.accepted !== EVENTS.length)
    throw new Error(`an example event was refused: ${JSON.stringify(receipt.refused)}`)
  const [row] = await store.read({ service: 'examples', entities: [{ uid: 'u1' }], at: NOON })
  const { value } = (row?.features ?? {}) as { readonly value?: unknown }
  return JSON.stringify(value, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
}

/** The events as the pages show them. */
export function eventTable(): string {
  const lines = EVENTS.map(({ at, type, amount, price, units, country, ok }) => {
    const time = `${at.slice(5, 10)} ${at.slice(11, 16)}`
    return `| ${time} | ${type} | ${amount ?? ''} | ${price ?? ''} | ${units ?? ''} | ${country} | ${ok} |`
  })
  return [
    '| at (UTC) | type | amount | price | units | country | ok |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}
