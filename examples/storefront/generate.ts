/**
 * The shop's traffic, generated: nobody's data. The same options give the same bytes. What is planted: users have a taste (two
 * categories, a price they are used to) and a rhythm; some cards are stolen, and are then paid with in bursts, from elsewhere, on
 * another device, without anybody looking at products. Some of it is hidden: a few thieves are careful, and some people travel.
 */
import { Seeded } from '../lib/random.ts'
import { CATEGORIES } from './app/sources.ts'

export interface TrafficOptions {
  readonly seed: number
  readonly days: number
  readonly users: number
  readonly products: number
}

/** Something that reaches the shop's doors. */
export interface Arrival {
  /** When it comes, ms; later than it happened where a phone was offline. */
  readonly atMs: number
  readonly source: 'user_activity' | 'payments' | 'product_catalog' | 'orders'
  /** As it is sent. */
  readonly body: object
}

/** A moment at which the shop asks a model, and what turned out. */
export interface Question {
  readonly atMs: number
  readonly model: 'recommend' | 'fraud'
  /** Keys and columns of the model. */
  readonly row: Readonly<Record<string, string | number>>
  readonly label: 0 | 1
  /** When the outcome is known. */
  readonly knownMs: number
}

export interface Traffic {
  readonly arrivals: readonly Arrival[]
  readonly questions: readonly Question[]
}

/** A Monday. */
export const START_MS = Date.UTC(2026, 2, 2)
export const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** Somebody who looks at a product and buys it so soon has bought what was recommended. */
const BOUGHT_WITHIN_MS = 2 * HOUR_MS
/** A cardholder complains after half a day. */
const COMPLAINT_MS = 12 * HOUR_MS

const CITIES = [
  { country: 'DE', lat: 52.52, lon: 13.4 },
  { country: 'FR', lat: 48.86, lon: 2.35 },
  { country: 'ES', lat: 40.42, lon: -3.7 },
  { country: 'SE', lat: 59.33, lon: 18.06 },
] as const
const FAR = [
  { country: 'US', lat: 40.71, lon: -74 },
  { country: 'BR', lat: -23.55, lon: -46.63 },
  { country: 'SG', lat: 1.35, lon: 103.82 },
] as const

interface Product {
  readonly id: string
  readonly category: string
  cents: number
  readonly fromMs: number
  untilMs: number
}

interface User {
  readonly id: string
  readonly tastes: readonly string[]
  /** What this user is used to pay, cents. */
  readonly cents: number
  readonly city: (typeof CITIES)[number] | (typeof FAR)[number]
  /** Hours by which the user's evening is earlier or later than most. */
  readonly shift: number
  readonly isTravelling: boolean
}

/** Everything that happens in some days, in the order in which it arrives. */
export function generate(options: TrafficOptions): Traffic {
  const shop = new Shop(options)
  shop.stock()
  shop.live()
  shop.steal()
  const byTime = <T extends { readonly atMs: number }>(of: T[]): T[] => of.sort((a, b) => a.atMs - b.atMs)
  return { arrivals: byTime(shop.arrivals).map(inLogOrder), questions: byTime(shop.questions) }
}

/** The place in the database's log: changes are told in its order. */
function inLogOrder(arrival: Arrival, place: number): Arrival {
  return 'op' in arrival.body ? { ...arrival, body: { ...arrival.body, source: { lsn: place + 1 } } } : arrival
}

class Shop {
  readonly arrivals: Arrival[] = []
  readonly questions: Question[] = []
  private readonly options: TrafficOptions
  private readonly r: Seeded
  private readonly endMs: number
  private readonly products: Product[]
  private readonly users: User[]
  private ids = 0

  constructor(options: TrafficOptions) {
    this.options = options
    const r = new Seeded(options.seed)
    this.r = r
    this.endMs = START_MS + options.days * DAY_MS
    this.products = Array.from({ length: options.products }, (_, i) => ({
      id: `p${i}`,
      category: r.pick(CATEGORIES),
      cents: Math.round(500 * Math.exp(r.between(0, 3))),
      // Some come later, some vanish.
      fromMs: r.chance(0.8) ? START_MS : Math.floor(r.between(START_MS, this.endMs)),
      untilMs: r.chance(0.9) ? Infinity : Math.floor(r.between(START_MS + DAY_MS, this.endMs)),
    }))
    this.users = Array.from({ length: options.users }, (_, i) => ({
      id: `u${i}`,
      tastes: [r.pick(CATEGORIES), r.pick(CATEGORIES)],
      cents: Math.round(500 * Math.exp(r.between(0.3, 2.7))),
      city: r.pick(CITIES),
      shift: r.int(-3, 3),
      isTravelling: r.chance(0.05),
    }))
  }

  /** The catalog: what is there at first, prices that change at night, products that vanish. */
  stock(): void {
    const changes: { readonly atMs: number; readonly product: Product; readonly cents: number | null }[] = []
    for (const product of this.products) {
      changes.push({ atMs: product.fromMs, product, cents: product.cents })
      for (let day = 1; day < this.options.days; day++) {
        const atMs = START_MS + day * DAY_MS + this.r.int(0, 4 * HOUR_MS)
        if (!this.r.chance(0.2) || atMs <= product.fromMs || atMs >= product.untilMs) continue
        changes.push({ atMs, product, cents: Math.round(product.cents * this.r.between(0.7, 1.2)) })
      }
      if (product.untilMs < this.endMs) changes.push({ atMs: product.untilMs, product, cents: null })
    }
    changes.sort((a, b) => a.atMs - b.atMs)
    for (const { atMs, product, cents } of changes) {
      const { id: product_id, category } = product
      const row = cents === null ? null : { product_id, category, price: money(cents), updated_at: iso(atMs) }
      this.change('product_catalog', atMs, row, { product_id })
    }
  }

  /** Sessions of all users: more in the evening, fewer at night, most at the weekend. */
  live(): void {
    for (const user of this.users)
      for (let day = 0; day < this.options.days; day++) {
        const sessions = this.r.chance(day % 7 >= 5 ? 0.9 : 0.6) ? this.r.int(1, 2) : 0
        for (let n = 0; n < sessions; n++) {
          // The sum of three is bell-shaped: around 18:00, seldom at night.
          const hour = 18 + user.shift + 9 * (this.r.next() + this.r.next() + this.r.next() - 1.5)
          this.session(user, START_MS + day * DAY_MS + Math.floor(((hour + 24) % 24) * HOUR_MS))
        }
      }
  }

  private session(user: User, startMs: number): void {
    const { r } = this
    const isOffline = r.chance(0.08)
    const lateMs = isOffline ? r.int(5 * MINUTE_MS, 90 * MINUTE_MS) : 0
    const device = `d-${user.id}`
    let atMs = startMs
    for (let looks = r.int(2, 9); looks > 0 && atMs < this.endMs; looks--, atMs += r.int(10_000, 4 * MINUTE_MS)) {
      const product = this.wanted(user, atMs)
      if (product === undefined) return
      this.act(user, 'view', product, atMs, lateMs)
      const liking =
        (user.tastes.includes(product.category) ? 0.5 : 0.08) * (product.cents < 1.3 * user.cents ? 1 : 0.35)
      let label: 0 | 1 = 0
      if (r.chance(Math.min(1, liking * 1.5))) {
        this.act(user, 'click', product, atMs + r.int(2_000, 50_000), lateMs)
        const buyMs = atMs + r.int(MINUTE_MS, 25 * MINUTE_MS)
        if (r.chance(liking) && buyMs < this.endMs) {
          label = 1
          this.buy(user, product, buyMs, lateMs, device)
        }
      }
      // Who is offline is not recommended anything.
      const row = { user_id: user.id, product_id: product.id }
      if (!isOffline) this.questions.push({ atMs, model: 'recommend', row, label, knownMs: atMs + BOUGHT_WITHIN_MS })
    }
  }

  /** What a user comes upon: one of a few, rather one that is liked. */
  private wanted(user: User, atMs: number): Product | undefined {
    const there = this.products.filter(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
    const seen = [0, 1].map(() => this.r.pick(there))
    return seen.find((product) => product && user.tastes.includes(product.category)) ?? seen[0]
  }

  private buy(user: User, product: Product, atMs: number, lateMs: number, device: string): void {
    const { r } = this
    const count = r.chance(0.15) ? r.int(2, 4) : 1
    const cents = product.cents * count
    this.act(user, 'purchase', product, atMs, lateMs)
    const order = { order_id: `o${this.ids++}`, user_id: user.id, product_id: product.id, placed_at: iso(atMs) }
    this.change('orders', atMs, { ...order, total: money(cents) }, order)
    // The total is put right, or the order is cancelled and gone.
    if (r.chance(0.1))
      this.change('orders', atMs + r.int(MINUTE_MS, DAY_MS), { ...order, total: money(cents - 100) }, order)
    else if (r.chance(0.08)) this.change('orders', atMs + r.int(MINUTE_MS, DAY_MS), null, order)
    const isAway = user.isTravelling && r.chance(0.5)
    this.pay(user, cents, isAway ? r.pick(FAR) : user.city, device, atMs, 0)
  }

  /** A card is stolen now and then, and used by somebody else until it is noticed. */
  steal(): void {
    const { r } = this
    for (const user of this.users) {
      for (let day = 0; day < this.options.days; day++) {
        if (!r.chance(0.015)) continue
        const isCareful = r.chance(0.25)
        const place = isCareful ? user.city : r.pick(FAR)
        const device = isCareful && r.chance(0.5) ? `d-${user.id}` : `d-x${this.ids}`
        let atMs = START_MS + day * DAY_MS + r.int(0, DAY_MS - 3 * HOUR_MS)
        for (let n = r.int(2, 6); n > 0; n--, atMs += r.int(MINUTE_MS, 20 * MINUTE_MS)) {
          // First small ones, to see whether the card works.
          const cents = n > 2 ? r.int(100, 900) : Math.round(user.cents * r.between(1, isCareful ? 3 : 8))
          this.pay(user, cents, place, device, atMs, 1)
        }
      }
    }
  }

  private pay(user: User, cents: number, city: User['city'], device: string, atMs: number, label: 0 | 1): void {
    if (atMs >= this.endMs) return
    const { r } = this
    const place = { lat: near(city.lat, r), lon: near(city.lon, r) }
    const paid = { card_id: `c-${user.id}`, user_id: user.id, amount: cents / 100, ...place, device }
    const event = { id: `x${this.ids++}`, ...paid, country: city.country, at: iso(atMs) }
    this.send('payments', atMs + r.int(100, 3_000), event)
    this.questions.push({ atMs, model: 'fraud', row: paid, label, knownMs: atMs + COMPLAINT_MS })
  }

  private act(user: User, type: string, product: Product, atMs: number, lateMs: number): void {
    if (atMs >= this.endMs) return
    const event = { id: `a${this.ids++}`, user_id: user.id, type, product_id: product.id, at: iso(atMs) }
    this.send('user_activity', atMs + lateMs + this.r.int(100, 5_000), event)
  }

  /** What comes by the network comes now and then twice. */
  private send(source: Arrival['source'], atMs: number, body: object): void {
    if (atMs >= this.endMs) return
    this.arrivals.push({ atMs, source, body })
    if (this.r.chance(0.01)) this.arrivals.push({ atMs: atMs + this.r.int(1_000, HOUR_MS), source, body })
  }

  /** A change of a row, as Debezium tells it. */
  private change(source: 'product_catalog' | 'orders', atMs: number, after: object | null, key: object): void {
    if (atMs >= this.endMs) return
    const op = after === null ? 'd' : 'u'
    const body = { op, before: after === null ? key : null, after, ts_ms: atMs }
    this.arrivals.push({ atMs, source, body })
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
const money = (cents: number): string => (cents / 100).toFixed(2)
const near = (degrees: number, r: Seeded): number => Number((degrees + r.between(-0.2, 0.2)).toFixed(4))
