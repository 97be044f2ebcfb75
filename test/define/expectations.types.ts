import * as z from 'zod'
import {
  debezium,
  decimal,
  enrich,
  expectFresh,
  expectNulls,
  expectOneOf,
  expectRange,
  expectVolume,
  kafka,
  streamSource,
  tableSource,
  webhook,
} from '../../src/define/index.ts'

// Types only: tsc checks this file, nothing runs it. Each planted mistake must be a compile error where it stands.

const from = [kafka('t', { format: debezium() })]
const products = tableSource('products', {
  row: z.object({ pid: z.string(), price: decimal(2) }),
  key: 'pid',
  from,
  expect: [expectRange('price', { min: '0.00', action: 'refuse' }), expectFresh('10m')],
})
const event = z.object({ id: z.string(), amount: z.number().nullable(), at: z.iso.datetime({ offset: true }) })
const base = { event, id: 'id', time: 'at', from: [webhook()] } as const

streamSource('plain', {
  ...base,
  expect: [
    expectRange('amount', { min: 0, max: 10, action: 'count' }),
    expectOneOf('id', ['a'], { action: 'refuse', over: '1d' }),
    expectNulls('amount', { atMost: 0.05, action: 'count' }),
    expectVolume({ atLeast: 100, per: '1h' }),
  ],
})
streamSource('enriched', {
  ...base,
  enrich: enrich(products, { on: 'id', fields: ['price'], unknown: 'null', as: 'p_' }),
  expect: [
    expectNulls('p_price', { atMost: 0.01, action: 'count' }),
    expectRange('amount', { min: 0, action: 'count' }),
  ],
})
streamSource('bad_field', {
  ...base,
  // @ts-expect-error a field that events do not have
  expect: [expectRange('amont', { min: 0, action: 'count' })],
})
tableSource('bad_column', {
  row: z.object({ id: z.int() }),
  key: 'id',
  from,
  // @ts-expect-error a column that rows do not have
  expect: [expectRange('amount', { min: 0, action: 'count' })],
})
// @ts-expect-error what follows must be said
expectRange('amount', { min: 0 })
// @ts-expect-error no such action
expectRange('amount', { min: 0, action: 'drop' })
// @ts-expect-error a share is a number
expectNulls('amount', { atMost: '5%', action: 'count' })
// @ts-expect-error a volume has its time
expectVolume({ atLeast: 5 })
