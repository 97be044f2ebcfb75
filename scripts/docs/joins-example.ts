/**
 * The example of docs/joins.md, computed: impressions and clicks of one user, and what features over their join and their union
 * are at noon. A test holds the page to it; run it to see the same: `node scripts/setup.mjs --then scripts/docs/joins-example.ts`
 */
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import * as language from '../../src/define/index.ts'
import { localStore } from '../../src/testing/index.ts'

const { definitions, entity, featureService, featureView, intervalJoin, streamSource, union, webhook } = language

const NOON = '2026-11-21T12:00:00Z'
const user = entity('user', { user_id: z.string() })
const fields = { id: z.string(), impression_id: z.string().nullable(), at: z.iso.datetime({ offset: true }) }
const impressions = streamSource('impressions', {
  event: z.object({ ...fields, uid: z.string(), ad: z.string() }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const clicks = streamSource('clicks', {
  event: z.object({ ...fields, user: z.string() }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})
const shown = intervalJoin('shown_clicked', impressions, clicks, { on: 'impression_id', within: '30m' })
const both = union({ impressions, clicks })

const at = (time: string) => `2026-11-21T${time}:00Z`
/** Clicks first: what matches depends on no order of arrival. */
const CLICKS = [
  { id: 'c1', impression_id: 'i1', user: 'u1', at: at('09:02') },
  { id: 'c2', impression_id: 'i1', user: 'u1', at: at('09:12') },
  { id: 'c3', impression_id: 'i2', user: 'u1', at: at('11:15') },
  { id: 'c4', impression_id: null, user: 'u1', at: at('11:40') },
]
const IMPRESSIONS = [
  { id: 'i1', impression_id: 'i1', uid: 'u1', ad: 'shoes', at: at('09:00') },
  { id: 'i2', impression_id: 'i2', uid: 'u1', ad: 'hats', at: at('10:44') },
  { id: 'i3', impression_id: 'i3', uid: 'u1', ad: 'shoes', at: at('11:10') },
  { id: 'i4', impression_id: 'i4', uid: 'u1', ad: 'hats', at: at('11:50') },
]

/** The value at noon of a feature, written as in a definition, over the join or the union: as JSON text. */
export async function joinExample(over: 'join' | 'union', feature: string): Promise<string> {
  // The examples are our own page's text.
  const build = new Function('e', ...Object.keys(language), `'use strict'; return ${feature}`)
  const value = (e: unknown) => ({ value: build(e, ...Object.values(language)) })
  const key = { user_id: { left: 'uid', right: 'user' } } as const
  const view =
    over === 'join'
      ? featureView('stats', { entity: user, source: shown, key, since: 'beginning' }, value)
      : featureView(
          'stats',
          { entity: user, source: both, key: { user_id: { impressions: 'uid', clicks: 'user' } }, since: 'beginning' },
          value,
        )
  const store = localStore(definitions({ services: [featureService('examples', [view])] }), {
    now: () => Date.parse(NOON),
  })
  for (const [source, events] of [
    ['clicks', CLICKS],
    ['impressions', IMPRESSIONS],
  ] as const) {
    const receipt = await store.send(source, events)
    if (receipt.accepted !== events.length)
      throw new Error(`an example was refused: ${JSON.stringify(receipt.refused)}`)
  }
  const [row] = await store.read({ service: 'examples', entities: [{ user_id: 'u1' }], at: NOON })
  return JSON.stringify((row?.features as { readonly value?: unknown } | undefined)?.value)
}

/** What the page shows. */
export const EXAMPLES = {
  join: [
    "count().over('1d')",
    "rate(e.matched.eq(true)).over('1d')",
    "avg(e.delay_ms).over('1d')",
    "count().where(e.matched.eq(false)).over('1d')",
    "count().where(e.matched.eq(true)).by(e.left.ad).over('1d')",
    "latest(e.left.ad).over('6h')",
    "countDistinct(e.left.id).where(e.matched.eq(true)).over('1d')",
  ],
  union: ["count().over('6h')", "rate(e.$source.eq('clicks')).over('1d')", 'latest(e.impression_id)'],
} as const

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const over of ['join', 'union'] as const) {
    console.log(`over the ${over}, at noon`)
    for (const example of EXAMPLES[over]) console.log(`  ${example.padEnd(66)} ${await joinExample(over, example)}`)
  }
}
