/** What was sent to several regions, what they have acknowledged, and what a read may therefore say. */
import { expect } from 'vitest'
import { parseCommit, sliceOf, sliceShard } from '../../../src/plan/index.ts'

export type StreamName = 'clicks' | 'orders' | 'carts'

export interface SentEvent {
  readonly source: StreamName
  readonly id: string
  readonly uid: string
  readonly campaign: string
  readonly amount: number
  /** The region that it was sent to, and the one that keeps it. */
  readonly region: string
  readonly home: string
  /** When it was first sent, and when an answer came that it is accepted; Infinity before that. By the clock of this process. */
  readonly sentMs: number
  ackMs: number
}

/** One row of a lookup's answer. */
export interface Row {
  readonly values: readonly unknown[]
  readonly status: readonly string[]
  readonly commits: readonly string[]
  readonly parts: readonly { readonly region: string; readonly ageMs: number | null; readonly tier?: string }[]
}

/** Which entity, and when the read began and ended. */
export interface ReadOf {
  readonly entity: 'user' | 'campaign' | 'buyer'
  readonly key: string
  readonly fromMs: number
  readonly toMs: number
}

/** What is read of each entity: of each view the count and the sum of all its events. */
export const VIEWS = {
  user: ['click_stats', 'order_stats', 'cart_stats'],
  campaign: ['campaign_stats'],
  buyer: ['buyer_stats'],
} as const
const SOURCES: Readonly<Record<string, StreamName>> = {
  click_stats: 'clicks',
  campaign_stats: 'clicks',
  order_stats: 'orders',
  buyer_stats: 'orders',
  cart_stats: 'carts',
}
/** Slices of the entity campaign, and shards of each entity. */
const SPREAD = { user: 1, campaign: 2, buyer: 1 } as const
const SHARDS = 2
/** Both ends of what is compared are cut to whole milliseconds. */
const SLACK_MS = 2

export const featuresOf = (entity: ReadOf['entity']): string[] =>
  VIEWS[entity].flatMap((view) => [`${view}.count`, `${view}.amount`])

/** Up to which event of a region's lane everything is in what a shard says it is at. */
interface Boundary {
  readonly seq: number
  readonly events: number
}

/** At least and at most so much: the two are the same where exactly that must be there. */
interface Bounds {
  low: [count: number, amount: number]
  high: [count: number, amount: number]
}

export class Truth {
  /** Of this truth alone, so that others before it in the same regions are no matter. */
  readonly users: readonly string[]
  readonly campaigns: readonly string[]
  readonly firstRow: number
  private readonly regions: readonly string[]
  /** By source and region, in the order of sending. Of one source and region one request is under way at a time. */
  private readonly lanes = new Map<string, SentEvent[]>()
  /** By `REGION/ENTITY/SHARD`, of clicks only: all of a lane are kept where they are sent to. */
  private readonly boundaries = new Map<string, Boundary[]>()
  /** What reads have said, by entity, key and commits. */
  private readonly said = new Map<string, string>()
  /** By id, its owner and balance; what was deleted is not there. */
  readonly accounts = new Map<number, { readonly uid: string; readonly cents: number }>()
  /** Of the last change of a row: more than of any before it. */
  lsn = Date.now() * 1_000
  events = 0

  constructor(regions: readonly string[], number = 0) {
    this.regions = regions
    this.users = Array.from({ length: 30 }, (_, i) => `${number}u${i}`)
    this.campaigns = [`${number}spring`, `${number}hot`]
    this.firstRow = 1_000 * (number % 1_000_000)
  }

  /** To be called before they are sent. */
  sent(events: readonly SentEvent[]): void {
    for (const event of events) this.lane(event.source, event.region).push(event)
    this.events += events.length
  }

  /** `commits`: of the answer. */
  acknowledged(events: readonly SentEvent[], commits: readonly string[], nowMs: number): void {
    for (const event of events) event.ackMs = nowMs
    const [first] = events
    if (first?.source !== 'clicks') return
    for (const text of commits) {
      const commit = parseCommit(text)
      if (commit === undefined) throw new Error(`a receipt says ${text}`)
      const place = `${commit.region}/${commit.entity}/${commit.shard}`
      const known = this.boundaries.get(place) ?? []
      known.push({ seq: commit.seq, events: this.lane('clicks', first.region).length })
      this.boundaries.set(place, known)
    }
  }

  private lane(source: StreamName, region: string): SentEvent[] {
    const name = `${source}/${region}`
    const lane = this.lanes.get(name) ?? []
    this.lanes.set(name, lane)
    return lane
  }

  /** Count and sum of everything that was accepted of one entity; of those that one region keeps. */
  total(view: string, key: string, home?: string): [count: number, amount: number | null] {
    const source = SOURCES[view] as StreamName
    const all = this.regions.flatMap((region) => this.lane(source, region))
    const own = all.filter((event) => keyIn(view, event) === key && (home === undefined || event.home === home))
    if (own.some(({ ackMs }) => ackMs === Number.POSITIVE_INFINITY)) throw new Error('not all has been acknowledged')
    return [own.length, own.length === 0 ? null : own.reduce((sum, { amount }) => sum + amount, 0)]
  }

  /** Number and balance of a user's rows. */
  owned(uid: string): [count: number, balance: string | null] {
    const own = [...this.accounts.values()].filter((account) => account.uid === uid)
    if (own.length === 0) return [0, null]
    const cents = own.reduce((sum, account) => sum + account.cents, 0)
    return [own.length, `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`]
  }

  /** Whether a row may be the answer to a read: throws when it may not. */
  check(read: ReadOf, row: Row): void {
    const where = `${JSON.stringify(read)} ${JSON.stringify(row)}`
    const isAbsent = row.parts.some(({ ageMs }) => ageMs === null)
    if (isAbsent) expect([...new Set(row.status)], where).toEqual(['partial'])
    VIEWS[read.entity].forEach((view, i) => {
      const source = SOURCES[view] as StreamName
      const { low, high } = source === 'clicks' ? this.kept(read, row) : this.moved(view, source, read, row)
      const [count, amount] = [Number(row.values[2 * i]), Number(row.values[2 * i + 1])]
      expect(count, `${view} has not all that it must have: ${where}`).toBeGreaterThanOrEqual(low[0])
      expect(count, `${view} has more than there is: ${where}`).toBeLessThanOrEqual(high[0])
      expect(amount, `${view} has not all that it must have: ${where}`).toBeGreaterThanOrEqual(low[1])
      expect(amount, `${view} has more than there is: ${where}`).toBeLessThanOrEqual(high[1])
    })
    // The same commits are the same events, whoever says it and from wherever it was read.
    const name = JSON.stringify([read.entity, read.key, [...row.commits].sort()])
    const said = JSON.stringify(row.values)
    const before = this.said.get(name) ?? said
    this.said.set(name, before)
    expect(said, `another read of the same commits: ${where}`).toBe(before)
  }

  /** Of what is kept where it is sent to: the truth of the commits that the row names, and of its ages. */
  private kept({ entity, key, fromMs, toMs }: ReadOf, row: Row): Bounds {
    const bounds: Bounds = { low: [0, 0], high: [0, 0] }
    const seen = new Map<string, number>(
      row.commits.flatMap((text) => {
        const commit = parseCommit(text)
        return commit === undefined ? [] : [[`${commit.region}/${commit.entity}/${commit.shard}`, commit.seq] as const]
      }),
    )
    for (const region of this.regions) {
      const age = ageOf(row, region)
      const lane = this.lane('clicks', region)
      lane.forEach((event, i) => {
        if ((entity === 'campaign' ? event.campaign : event.uid) !== key) return
        const shard = sliceShard(key, sliceOf(event.id, SPREAD[entity]), SHARDS)
        const place = `${region}/${entity}/${shard}`
        const seq = seen.get(place)
        // A part that is not named adds nothing.
        const known = seq === undefined ? [] : (this.boundaries.get(place) ?? [])
        const least = known.findLast((boundary) => boundary.seq <= (seq ?? 0))?.events ?? 0
        const most = seq === undefined ? 0 : (known.find((boundary) => boundary.seq >= seq)?.events ?? lane.length)
        const isOld = age !== null && event.ackMs < fromMs - age - SLACK_MS
        add(bounds, event, i < least || isOld, i < most && event.sentMs <= toMs)
      })
    }
    return bounds
  }

  /** Of what may be kept elsewhere than it was sent to: when it came there is not known. */
  private moved(view: string, source: StreamName, { key, fromMs, toMs }: ReadOf, row: Row): Bounds {
    const bounds: Bounds = { low: [0, 0], high: [0, 0] }
    for (const region of this.regions) {
      for (const event of this.lane(source, region)) {
        if (keyIn(view, event) !== key) continue
        const age = ageOf(row, event.home)
        const isDirect = event.home === region
        add(bounds, event, isDirect && age !== null && event.ackMs < fromMs - age - SLACK_MS, event.sentMs <= toMs)
      }
    }
    return bounds
  }
}

const keyIn = (view: string, event: SentEvent): string => (view === 'campaign_stats' ? event.campaign : event.uid)

const ageOf = ({ parts }: Row, region: string): number | null =>
  parts.find((part) => part.region === region)?.ageMs ?? null

function add({ low, high }: Bounds, { amount }: SentEvent, isCertain: boolean, isPossible: boolean): void {
  if (isCertain) {
    low[0]++
    low[1] += amount
  }
  if (isPossible) {
    high[0]++
    high[1] += amount
  }
}
