/** From a vector to the numbers that a model takes: pure, and the same code for training and for serving. */
import { groupsOf, type ModelInputs, numberOf } from '../../lib/model-inputs.ts'
import { CATEGORIES } from './sources.ts'

/** The amount beside what the card pays on average. Such a feature needs the request: on-demand features will hold it. */
export const amountRatio = (amount: number, average: number): number => amount / average

const EARTH_KM = 6371
const HOUR_MS = 3_600_000

/** The way from the card's last payment to this one, along the earth. */
export function distanceKm(lat: number, lon: number, lastLat: number, lastLon: number): number {
  const [a, b, c] = [lat, lastLat, lon - lastLon].map((degrees) => (degrees * Math.PI) / 180) as [
    number,
    number,
    number,
  ]
  const half = Math.sin((a - b) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(c / 2) ** 2
  return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, half)))
}

export const fraud: ModelInputs = {
  service: 'fraud@1',
  keys: ['card_id', 'user_id'],
  columns: ['amount', 'lat', 'lon', 'device'],
  inputs: [
    'amount',
    'amount_to_avg_1h',
    'amount_to_avg_3d',
    'amount_to_max_1d',
    'payments_10m',
    'payments_1h',
    'payments_1d',
    'countries_1h',
    'devices_1d',
    'is_other_device',
    'distance_km',
    'km_an_hour',
    'views_1h',
    'orders_3d',
    'hour',
  ],
  categories: [],
  values: ({ amount, lat, lon, device }, features, atMs) => {
    const of = (name: string) => numberOf(features[name])
    const paid = numberOf(amount)
    const km = distanceKm(numberOf(lat), numberOf(lon), of('last_lat'), of('last_lon'))
    return [
      paid,
      amountRatio(paid, of('amount_avg_1h')),
      amountRatio(paid, of('amount_avg_3d')),
      amountRatio(paid, of('amount_max_1d')),
      of('payments_10m'),
      of('payments_1h'),
      of('payments_1d'),
      of('countries_1h'),
      of('devices_1d'),
      features.last_device === null ? Number.NaN : Number(features.last_device !== device),
      km,
      (km * HOUR_MS) / of('since_payment'),
      of('views_1h'),
      of('orders_3d'),
      Math.floor(atMs / HOUR_MS) % 24,
    ]
  },
}

export const recommend: ModelInputs = {
  service: 'recommend@1',
  keys: ['user_id', 'product_id'],
  columns: [],
  inputs: [
    'category',
    'clicks_in_category',
    'share_of_clicks',
    'price',
    'price_to_clicked',
    'views_10m',
    'views_1h',
    'clicks_1h',
    'orders_3d',
    'spent_3d',
    'product_views_1h',
    'product_views_1d',
    'product_purchases_1d',
    'ordered_share_1d',
    'hour',
  ],
  categories: ['category'],
  values: (_columns, features, atMs) => {
    const of = (name: string) => numberOf(features[name])
    const clicks = groupsOf(features.clicks_by_category)
    const inCategory = clicks[String(features.category)] ?? 0
    const all = Object.values(clicks).reduce((sum, count) => sum + count, 0)
    const category = (CATEGORIES as readonly unknown[]).indexOf(features.category)
    return [
      category < 0 ? Number.NaN : category,
      inCategory,
      inCategory / all,
      of('price'),
      of('price') / of('clicked_price_avg'),
      of('views_10m'),
      of('views_1h'),
      of('clicks_1h'),
      of('orders_3d'),
      of('spent_3d'),
      of('product_views_1h'),
      of('product_views_1d'),
      of('product_purchases_1d'),
      of('ordered_share_1d'),
      Math.floor(atMs / HOUR_MS) % 24,
    ]
  },
}
