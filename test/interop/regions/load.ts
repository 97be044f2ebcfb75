/** Senders and readers of several regions, as they are in the world: they send again, and they ask all the time. */
import { expect } from 'vitest'
import type { Random } from '../../support/random.ts'
import type { TestRegions } from './regions.ts'
import { featuresOf, type ReadOf, type Row, type SentEvent, type StreamName, type Truth } from './truth.ts'

const COUNTRIES = ['de', 'br', 'fr']
const SEND_MS = 90_000

export const pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms))

interface Receipt {
  readonly refused: readonly object[]
  readonly commits: readonly string[]
}

export interface LoadOptions {
  /** Between two requests of one sender or reader. */
  readonly pauseMs?: number
  /** Beside clicks and the table. */
  readonly sources?: readonly StreamName[]
}

interface Answer {
  readonly status: number
  readonly body: { readonly rows?: readonly Row[]; readonly code?: string; readonly detail?: string }
}

export class Load {
  readonly counts = { reads: 0, cutReads: 0, partial: 0, again: 0, isolate: 0, store: 0, shard: 0 }
  /** How long each read took. */
  readonly tookMs: number[] = []
  isEnding = false
  /** Whether something is cut or away just now: reads of then are counted. */
  isHurt: () => boolean = () => false
  /** Regions whose process is away, or was within this read. */
  readonly downAt = new Map<string, number>()
  private readonly regions: TestRegions
  private readonly truth: Truth
  private readonly r: Random
  /** Before the ids of this load's events. */
  private readonly name: string
  private ids = 0

  constructor(regions: TestRegions, truth: Truth, r: Random, name: string) {
    this.regions = regions
    this.truth = truth
    this.r = r
    this.name = name
  }

  /** Sends and reads in these regions while something is done; throws what went wrong first. */
  async during(
    names: readonly string[],
    work: () => Promise<void>,
    { pauseMs = 20, sources = ['clicks', 'orders', 'carts'] }: LoadOptions = {},
  ): Promise<void> {
    const running = this.run(names, pauseMs, sources)
    const working = work().finally(() => {
      this.isEnding = true
    })
    await Promise.allSettled([running, working])
    await Promise.all([running, working])
  }

  private async run(names: readonly string[], pauseMs: number, sources: readonly StreamName[]): Promise<void> {
    const lanes = names.flatMap((name) => [
      this.lane(pauseMs, () => this.send('clicks', name)),
      this.lane(pauseMs, () => this.read(name)),
    ])
    for (const source of sources) {
      if (source !== 'clicks') lanes.push(this.lane(4 * pauseMs, () => this.send(source, this.r.pick(names))))
    }
    lanes.push(this.lane(4 * pauseMs, () => this.change(this.r.pick(names))))
    await Promise.all(lanes)
  }

  private async lane(pauseMs: number, work: () => Promise<unknown>): Promise<void> {
    try {
      while (!this.isEnding) {
        await work()
        await pause(pauseMs)
      }
    } catch (cause) {
      this.isEnding = true
      throw cause
    }
  }

  /** A batch of new events; now and then all of it once more, as a sender does that had no answer. */
  async send(
    source: StreamName,
    region: string,
    uids: readonly string[] = this.truth.users,
  ): Promise<readonly string[]> {
    const { r, truth } = this
    const batch = Array.from({ length: r.int(1, 12) }, () => {
      const country = r.pick(COUNTRIES)
      const home = source === 'clicks' ? region : source === 'orders' ? 'east' : homeOf(country)
      const id = `${this.name}-${source}-${this.ids++}`
      const own = { source, id, uid: r.pick(uids), campaign: r.pick(truth.campaigns), amount: r.int(0, 100) }
      const event: SentEvent = { ...own, region, home, sentMs: Date.now(), ackMs: Number.POSITIVE_INFINITY }
      return { event, country }
    })
    const events = batch.map(({ event }) => event)
    // Before any read that is under way: a commit that it has seen is then one that it counts.
    const at = new Date(Date.now() - 60_000).toISOString()
    const body = batch.map(({ event: { id, uid, campaign, amount }, country }) => {
      const common = { id, uid, amount, at }
      return source === 'clicks' ? { ...common, campaign } : source === 'carts' ? { ...common, country } : common
    })
    truth.sent(events)
    const receipt = await this.insist(region, source, body)
    truth.acknowledged(events, receipt.commits, Date.now())
    if (r.chance(0.15)) await this.insist(region, source, body)
    return receipt.commits
  }

  /** Changes of rows, in the order of the database. */
  private async change(region: string): Promise<void> {
    const { r, truth } = this
    const envelopes = Array.from({ length: r.int(1, 4) }, () => {
      const id = truth.firstRow + r.int(0, 39)
      const source = { lsn: ++truth.lsn, ts_ms: Date.now() }
      if (truth.accounts.has(id) && r.chance(0.2)) {
        truth.accounts.delete(id)
        return { op: 'd', before: { id }, after: null, source }
      }
      const op = truth.accounts.has(id) ? 'u' : 'c'
      const cents = r.int(0, 10_000)
      const uid = r.pick(truth.users)
      truth.accounts.set(id, { uid, cents })
      const balance = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
      return {
        op,
        before: null,
        after: { id, user_id: uid, balance, changed_at: new Date(Date.now() - 60_000).toISOString() },
        source,
      }
    })
    await this.insist(region, 'accounts', envelopes)
  }

  /** Sends until it is taken: a region that is killed says nothing, and may have taken it. */
  private async insist(region: string, source: string, body: readonly object[]): Promise<Receipt> {
    const deadlineMs = Date.now() + SEND_MS
    for (;;) {
      try {
        const receipt = await this.regions.region(region).call<Receipt>('POST', `/v1/sources/${source}/events`, body)
        expect(receipt.refused).toEqual([])
        return receipt
      } catch (cause) {
        if (Date.now() > deadlineMs || !/: 503 |fetch failed|terminated|other side/.test(String(cause))) throw cause
        this.counts.again++
        await pause(50)
      }
    }
  }

  /** A read of some entities, checked against the truth. A region that runs answers, whatever is cut. */
  async read(name: string, maxStalenessMs = this.r.pick([0, 1_000, 60_000])): Promise<void> {
    const { r, counts, truth } = this
    const entity = r.pick(['user', 'user', 'campaign'] as const)
    const keys =
      entity === 'campaign' ? truth.campaigns : Array.from({ length: r.int(1, 5) }, () => r.pick(truth.users))
    const wasHurt = this.isHurt()
    const fromMs = Date.now()
    let rows: readonly Row[]
    try {
      rows = await this.rows(name, entity, keys, { maxStalenessMs })
    } catch (cause) {
      // Only a process that is not there may say nothing.
      if ((this.downAt.get(name) ?? 0) >= fromMs && /fetch failed|terminated|other side/.test(String(cause))) return
      throw cause
    }
    const toMs = Date.now()
    counts.reads++
    this.tookMs.push(toMs - fromMs)
    if (wasHurt) counts.cutReads++
    rows.forEach((row, i) => {
      truth.check({ entity, key: keys[i] as string, fromMs, toMs }, row)
      if (row.parts.some(({ ageMs }) => ageMs === null)) counts.partial++
      for (const { tier } of row.parts) if (tier) counts[tier as 'isolate' | 'store' | 'shard']++
    })
  }

  /** The answer of a lookup; throws when it is none. */
  async rows(
    name: string,
    entity: ReadOf['entity'],
    keys: readonly string[],
    options: { readonly maxStalenessMs: number; readonly after?: readonly string[] },
    features = featuresOf(entity),
  ): Promise<readonly Row[]> {
    const { status, body } = await this.ask(name, entity, keys, options, features)
    if (status !== 200) throw new Error(`a lookup in ${name} answered ${status} ${body.code}: ${body.detail}`)
    return body.rows ?? []
  }

  async ask(
    name: string,
    entity: ReadOf['entity'],
    keys: readonly string[],
    options: { readonly maxStalenessMs: number; readonly after?: readonly string[] },
    features = featuresOf(entity),
  ): Promise<Answer> {
    const entities = keys.map((key) => ({ [`${entity}_id`]: key }))
    const response = await fetch(`${this.regions.region(name).lookupUrl}/v1/features`, {
      method: 'POST',
      headers: { authorization: 'Bearer interop-token', 'content-type': 'application/json' },
      body: JSON.stringify({ features, entities, ...options }),
      signal: AbortSignal.timeout(30_000),
    })
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }
}

const homeOf = (country: string): string => ({ de: 'west', br: 'south' })[country] ?? 'east'
