import { debezium, decimal, enrich, entity, intervalJoin, streamSource, tableSource, webhook } from 'tidemark'
import * as z from 'zod'

export const CATEGORIES = ['books', 'toys', 'garden', 'music', 'shoes', 'coffee'] as const

export const user = entity('user', { user_id: z.string() })
export const product = entity('product', { product_id: z.string() })
export const card = entity('card', { card_id: z.string() })

/** The shop's table of products, by Debezium: prices change, products vanish. */
export const productCatalog = tableSource('product_catalog', {
  row: z.object({
    product_id: z.string(),
    category: z.enum(CATEGORIES),
    price: decimal(2),
    updated_at: z.iso.datetime({ offset: true }),
  }),
  key: 'product_id',
  time: 'updated_at',
  from: [webhook({ format: debezium({ decimals: 'string' }) })],
})

/** Orders as the shop has them now: a total is corrected, an order that is cancelled is gone, also from every feature. */
export const orders = tableSource('orders', {
  row: z.object({
    order_id: z.string(),
    user_id: z.string(),
    product_id: z.string(),
    total: decimal(2),
    placed_at: z.iso.datetime({ offset: true }),
  }),
  key: 'order_id',
  time: 'placed_at',
  from: [webhook({ format: debezium({ decimals: 'string' }) })],
})

/** What users do, with what the product was and cost when it was accepted. */
export const userActivity = streamSource('user_activity', {
  event: z.object({
    id: z.string(),
    user_id: z.string(),
    type: z.enum(['view', 'click', 'purchase']),
    product_id: z.string(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
  enrich: enrich(productCatalog, { on: 'product_id', fields: ['category', 'price'], unknown: 'null' }),
})

export const payments = streamSource('payments', {
  event: z.object({
    id: z.string(),
    card_id: z.string(),
    user_id: z.string(),
    amount: z.number().positive(),
    country: z.string(),
    lat: z.number().min(-90).max(90),
    lon: z.number().min(-180).max(180),
    device: z.string(),
    at: z.iso.datetime({ offset: true }),
  }),
  id: 'id',
  time: 'at',
  from: [webhook()],
})

/** A click, and the order of the same user and product within half an hour after it, if there is one. */
export const clickedOrdered = intervalJoin('clicked_ordered', userActivity, orders, {
  on: ['user_id', 'product_id'],
  within: '30m',
  order: 'left-first',
})
