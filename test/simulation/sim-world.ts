import { expect } from 'vitest'
import type { FeatureSpec, ViewSpec } from '../../src/engine/index.ts'
import { jsonText } from '../../src/engine/index.ts'
import { Plan, parseCommit, sliceShard } from '../../src/plan/index.ts'
import {
  alone,
  Breaker,
  lookup,
  type NearStore,
  PartCache,
  parseFeaturesRequest,
  type Reach,
  typedRows,
} from '../../src/serve/index.ts'
import { LETTER_OF } from '../../src/shard/index.ts'
import { ESTIMATES } from '../oracle/agreement.ts'
import { markOf, type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { Crash } from '../support/crashing-storage.ts'
import type { Random } from '../support/random.ts'
import { eventText, lifetimeView, message, randomDefinitions, type SentEvent } from '../support/shards.ts'
import { FIELDS, randomFields, shuffled } from '../support/streams.ts'
import { type Late, LinkStore } from './link-store.ts'
import { SimRegion, type SimShard } from './sim-region.ts'

export const KEYS = ['', 'a', 'b', 'ü,"\\', 'busy', 'busy', 'busy']
const NAMES = ['east', 'west', 'south']
const START = Date.UTC(2026, 0, 1)

interface Accepted {
  readonly event: SentEvent
  readonly seq: number
  readonly availableAt: number
}

/** What a shard must have accepted, with its order keys. */
interface Model {
  readonly accepted: Map<string, Accepted>
  availableAt: number
  durableAt: number
}

/** Regions, the links between them, clients and readers, and beside them the truth. Everything happens in the order of one seed. */
export class SimWorld {
  readonly r: Random
  readonly plan: Plan
  /** Those that are deployed; another one may be added later. */
  regions: readonly SimRegion[]
  private readonly planned: SimRegion[]
  clock = START
  readonly counts = {
    reads: 0,
    cutReads: 0,
    partial: 0,
    crashes: 0,
    late: 0,
    added: 0,
    wiped: 0,
    tiers: { isolate: 0, store: 0, shard: 0 },
  }
  private readonly models = new Map<SimShard, Model>()
  private readonly cuts = new Set<string>()
  private readonly lates: Late[] = []
  private readonly reaches = new Map<SimRegion, Reach>()
  private readonly backups = new Map<string, ReadonlyMap<string, string>>()
  private events = 0
  /** When a link was last cut or healed. */
  private changedMs = Number.NEGATIVE_INFINITY

  constructor(r: Random) {
    this.r = r
    const spec = randomDefinitions(r)
    const spread = r.chance(0.3) ? 2 : 1
    const entities = spread === 1 ? spec.entities : spec.entities.map((entity) => ({ ...entity, spread }))
    // Some features that are complete from their beginning only, as most are.
    const unending = { ...lifetimeView, name: 'ever_friends', key: { user_id: 'friend' } }
    const declared = [...spec.views, unending]
    const views = r.chance(0.5) ? declared : declared.map(({ since: _, ...view }) => view)
    this.plan = new Plan({ ...spec, entities, views })
    const count = r.pick([2, 3, 3])
    const all = NAMES.slice(0, count).map((name, i) => {
      const region: SimRegion = new SimRegion({
        name,
        id: i + 1,
        shards: r.pick([2, 3]),
        plan: this.plan,
        stores: () => this.storesFrom(region),
        now: () => this.clock,
      })
      return region
    })
    const first = r.chance(0.3) ? count - 1 : count
    this.regions = all.slice(0, first)
    this.planned = all.slice(first)
  }

  private link(from: SimRegion, to: SimRegion): string {
    return `${from.name}>${to.name}`
  }

  isCut(from: SimRegion, to: SimRegion): boolean {
    return this.cuts.has(this.link(from, to))
  }

  get hasCuts(): boolean {
    return this.cuts.size > 0
  }

  private storesFrom(from: SimRegion) {
    return this.regions.map((to) => ({
      name: `${to.name}/redis`,
      store: new LinkStore(
        to.store,
        this.r,
        () => this.isCut(from, to),
        (work) => this.lates.push(work),
      ),
    }))
  }

  /** One thing happens. */
  async step(): Promise<void> {
    const { r } = this
    this.clock += r.chance(0.2) ? r.int(0, 20_000) : r.int(0, 300)
    const what = r.next()
    if (what < 0.4) this.send()
    else if (what < 0.65) await this.publish()
    else if (what < 0.85) await this.read(r.pick(this.regions))
    else if (what < 0.9) this.crash()
    else if (what < 0.94) this.cutOrHeal()
    else if (what < 0.98) await this.arrive()
    else if (what < 0.985) this.addRegion()
    else await this.loseOrPublishAll()
  }

  private send(): void {
    const { r } = this
    const region = r.pick(this.regions)
    const fresh = Array.from({ length: r.int(1, 6) }, (): SentEvent => {
      const at = this.clock - (r.chance(0.2) ? r.int(0, 100_000) : r.int(0, 500)) + (r.chance(0.05) ? 200_000 : 0)
      return { id: `e${this.events++}`, uid: r.pick(KEYS), friend: r.pick(KEYS), at, fields: randomFields(r) }
    })
    // Sent again to the same region, as a client does that had no answer.
    this.deliver(region, fresh)
    if (r.chance(0.2)) this.deliver(region, fresh)
  }

  /** To each shard of the region what feeds an entity there: what a door does. */
  private deliver(region: SimRegion, events: readonly SentEvent[]): void {
    const byShard = new Map<number, SentEvent[]>()
    for (const event of events) {
      for (const number of new Set([event.uid, event.friend].map((key) => this.shardOf(region, key, event.id)))) {
        byShard.set(number, [...(byShard.get(number) ?? []), event])
      }
    }
    for (const [number, own] of byShard) this.apply(region.shard(number), own)
  }

  private shardOf(region: SimRegion, key: string, id: string): number {
    return sliceShard(key, this.sliceOf(id), region.options.shards)
  }

  private get spread(): number {
    return this.plan.entities.get('user')?.spec.spread ?? 1
  }

  private sliceOf(id: string): number {
    return id.length % this.spread
  }

  /** Until it is acknowledged; the process may end on the way. */
  private apply(at: SimShard, events: readonly SentEvent[]): void {
    const { r } = this
    for (;;) {
      const next = r.chance(0.1) ? r.pick(['lose', 'keep'] as const) : null
      at.storage.next = next
      const model = this.modelOf(at)
      try {
        const slices = events.map(({ id }) => this.sliceOf(id)).join('')
        const answer = at.shard.apply({ ...message(this.plan, events.map(eventText), this.clock), slices })
        if ('unavailable' in answer) throw new Error(answer.message)
        expect(answer.verdicts).toBe(this.accept(model, events))
        return
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        if (next === 'keep') this.accept(model, events)
        this.restart(at)
      }
    }
  }

  private modelOf(at: SimShard): Model {
    const known = this.models.get(at)
    if (known) return known
    const made = { accepted: new Map(), availableAt: 0, durableAt: 0 }
    this.models.set(at, made)
    return made
  }

  private accept(model: Model, events: readonly SentEvent[]): string {
    model.availableAt = Math.max(model.availableAt, this.clock)
    return events
      .map((event) => {
        if (model.accepted.has(event.id)) return 'd'
        model.durableAt = model.availableAt
        model.accepted.set(event.id, { event, seq: model.accepted.size + 1, availableAt: model.availableAt })
        return 'a'
      })
      .join('')
  }

  private restart(at: SimShard): void {
    this.counts.crashes++
    at.storage.next = null
    at.reopen()
    const model = this.modelOf(at)
    model.availableAt = model.durableAt
  }

  private get allShards(): SimShard[] {
    return this.regions.flatMap((region) => [...region.opened.values()])
  }

  private crash(): void {
    const { allShards, r } = this
    if (allShards.length > 0) this.restart(r.pick(allShards))
  }

  /** Every region is deployed again, now with one more: the shards find its store, and tell it of everything. */
  private addRegion(): void {
    const added = this.planned.shift()
    if (added === undefined) return
    this.counts.added++
    this.regions = [...this.regions, added]
    this.reaches.clear()
    for (const shard of this.allShards) this.restart(shard)
  }

  /** A store has lost all that it had, and nobody tells the shards; or somebody has everything published anew. */
  private async loseOrPublishAll(): Promise<void> {
    const { r } = this
    const region = r.pick(this.regions)
    this.counts.wiped++
    if (r.chance(0.3)) {
      this.backups.set(region.name, new Map(region.store.texts))
      return
    }
    if (r.chance(0.5)) {
      // Requests end within minutes; a head that arrives in an empty store would be a lie that nobody could see.
      for (const late of this.lates.splice(0)) await late()
      const { texts } = region.store
      const backup = this.backups.get(region.name)
      texts.clear()
      // From a backup, or with nothing.
      if (backup && r.chance(0.5)) for (const [address, text] of backup) texts.set(address, text)
      return
    }
    for (const shard of this.allShards) {
      for (const store of shard.stores.stores) if (store.name === `${region.name}/redis`) store.publishAll()
    }
  }

  private async publish(): Promise<void> {
    for (const shard of this.allShards) if (this.r.chance(0.5)) await shard.publish(this.clock)
  }

  private cutOrHeal(): void {
    const { r } = this
    const link = this.link(r.pick(this.regions), r.pick(this.regions))
    if (!this.cuts.delete(link)) this.cuts.add(link)
    this.changedMs = this.clock
  }

  /** Something arrives that was given up long ago. */
  private async arrive(): Promise<void> {
    const [late] = this.lates.splice(this.r.int(0, Math.max(0, this.lates.length - 1)), 1)
    if (late === undefined) return
    this.counts.late++
    await late()
  }

  private reachOf(region: SimRegion): Reach {
    const known = this.reaches.get(region)
    if (known) return known
    const others = this.regions.filter((other) => other !== region)
    const order = [region, ...others].map((to) => to.reads(() => to !== region && this.isCut(region, to)))
    const near = (to: SimRegion): NearStore => ({
      name: `${to.name}/redis`,
      store: new LinkStore(
        to.store,
        this.r,
        () => this.isCut(region, to),
        () => {},
      ),
      breaker: new Breaker(() => this.clock, 1_000),
    })
    const reach: Reach = {
      ...alone(order[0] as Reach['regions'][number]),
      regions: order,
      holders: () => order,
      nearStores: [near(region)],
      farStores: others.map(near),
      ...this.r.pick([{}, { cache: new PartCache(2_000) }, { cache: new PartCache() }]),
      breakers: new Map(others.map(({ name }) => [name, new Breaker(() => this.clock, 1_000)])),
      now: () => this.clock,
      report: (problem) => {
        throw new Error(problem)
      },
    }
    this.reaches.set(region, reach)
    return reach
  }

  /** A read, checked against the truth of exactly the commits that it says it has seen. */
  async read(region: SimRegion, maxStalenessMs = this.r.pick([0, 0, 1_000, 5_000, 60_000, 3_600_000])): Promise<void> {
    const { r, plan } = this
    const keys = [...new Set(Array.from({ length: r.int(1, 4) }, () => r.pick(KEYS)))]
    const t = this.clock + r.pick([0, 0, 0, 60_000])
    const body = { features: plan.featureNames, entities: keys.map((user_id) => ({ user_id })), at: t, maxStalenessMs }
    const request = parseFeaturesRequest(plan, body, this.clock)
    if ('status' in request) throw new Error(request.detail)
    const rows = await lookup(plan, this.reachOf(region), request)
    // What has failed is left alone for some seconds.
    const isCutOff = this.hasCuts || this.clock < this.changedMs + 15_000
    if ('failure' in rows) throw new Error(`a read in ${region.name} failed: ${JSON.stringify(rows)}`)
    this.counts.reads++
    if (isCutOff) this.counts.cutReads++
    rows.forEach((row, i) => {
      const key = keys[i] as string
      for (const { tier } of row.parts) if (tier) this.counts.tiers[tier]++
      this.checkAges(key, row.parts, row.commits)
      const lacksPart = row.parts.some(({ ageMs }) => ageMs === null)
      // A copy whose head has not arrived yet: from when on it is complete is not known.
      const isUnsure = isCutOff && /^[sxo]+$/.test(row.texts[0]?.statuses ?? '')
      const isPartial = lacksPart || isUnsure
      if (lacksPart) {
        this.counts.partial++
        expect(isCutOff).toBe(true)
      }
      this.checkValues(key, t, row, isPartial)
      if (!isPartial && maxStalenessMs === 0 && !isCutOff)
        expect(row.parts.every(({ ageMs }) => ageMs === 0)).toBe(true)
    })
    typedRows(request.vector, rows, true)
  }

  /** Everything that was accepted longer ago than a part says it is old must be in the commits that it says it has seen. */
  private checkAges(
    key: string,
    parts: readonly { readonly region: string; readonly ageMs: number | null }[],
    commits: readonly string[],
  ): void {
    for (const { region, ageMs } of parts) {
      if (ageMs === null) continue
      const seen = seenIn(commits, region)
      for (const { shard, accepted } of this.acceptedFor(key, region)) {
        for (const { seq, availableAt } of accepted) {
          if (availableAt < this.clock - ageMs)
            expect(seq, `${region}/${shard} is ${ageMs} ms old`).toBeLessThanOrEqual(seen.get(shard) ?? -1)
        }
      }
    }
  }

  /** What each shard of a region has accepted of one entity. */
  private acceptedFor(key: string, region: string): { readonly shard: number; readonly accepted: Accepted[] }[] {
    const own = this.regions.find(({ name }) => name === region) as SimRegion
    return [...own.opened.values()].map((at) => ({
      shard: at.number,
      accepted: [...this.modelOf(at).accepted.values()].filter(({ event }) =>
        [event.uid, event.friend].some((one) => one === key && this.shardOf(own, one, event.id) === at.number),
      ),
    }))
  }

  private checkValues(
    key: string,
    t: number,
    row: {
      readonly texts: readonly { values: string; statuses: string; exact: string }[]
      readonly commits: readonly string[]
    },
    isPartial: boolean,
  ): void {
    const own: { readonly field: 'uid' | 'friend'; readonly event: OracleEvent }[] = []
    const born: number[] = []
    for (const region of this.regions) {
      const seen = seenIn(row.commits, region.name)
      for (const shard of seen.keys()) born.push(region.shard(shard).bornMs)
      for (const { shard, accepted } of this.acceptedFor(key, region.name)) {
        for (const { event, seq, availableAt } of accepted) {
          if (seq > (seen.get(shard) ?? -1)) continue
          const order = { region: region.options.id, epoch: 0, shard, seq }
          for (const field of ['uid', 'friend'] as const) {
            if (event[field] !== key || this.shardOf(region, key, event.id) !== shard) continue
            own.push({ field, event: { time: event.at, availableAt, ...order, fields: event.fields } })
          }
        }
      }
    }
    const mark = markOf(own.map(({ event }) => event))
    const features = this.plan.spec.views.flatMap((view) => view.features.map((feature) => ({ view, feature })))
    const text = row.texts[0]
    if (text === undefined || row.texts.length > 1) throw new Error('one run of features')
    const got = JSON.parse(`[${text.values}]`) as unknown[]
    const since = (view: ViewSpec) => (view.since === 'beginning' ? Number.NEGATIVE_INFINITY : Math.min(...born))
    features.forEach(({ view, feature }, i) => {
      const events = own.filter(({ field }) => view.key.user_id === field).map(({ event }) => event)
      const want = oracleValue(view, feature, events, mark, t, since(view), FIELDS)
      const where = `${view.name}.${feature.name} of ${JSON.stringify(key)} at ${t}, by ${row.commits.join(' ')}`
      const status = own.length === 0 ? 'missing' : want.status
      // Of several the first holds: what is expired is so before it is partial.
      const letter = isPartial && status !== 'error' && status !== 'expired' ? LETTER_OF.partial : LETTER_OF[status]
      expect(text.statuses[i], where).toBe(letter)
      if (own.length === 0 || ESTIMATES.includes(feature.aggregate)) return
      expect(JSON.stringify(got[i]), where).toBe(JSON.stringify(this.written(view, feature, want.value)))
      expect(text.exact[i], where).toBe(want.exact ? '1' : '0')
    })
  }

  private written(view: ViewSpec, feature: FeatureSpec, value: Parameters<typeof jsonText>[0]): unknown {
    const plan = this.plan.entities.get('user')?.plan.find(({ spec }) => spec.name === view.name)
    const type = plan?.features.find(({ spec }) => spec.name === feature.name)?.resultType
    return JSON.parse(jsonText(value, type ?? 'int')) as unknown
  }

  /** All links are well, what was on its way has arrived, everything that waits has left. */
  async heal(): Promise<void> {
    this.cuts.clear()
    for (const late of shuffled(this.r, this.lates.splice(0))) await late()
    for (let i = 0; i < 20; i++) {
      this.clock += 15_000
      for (const shard of this.allShards) await shard.publish(this.clock)
      for (const late of this.lates.splice(0)) await late()
    }
  }

  /** Every region answers for every entity with everything that was accepted anywhere, from its store and from the shards. */
  async checkAll(): Promise<void> {
    for (const region of this.regions) {
      for (const maxStalenessMs of [0, 60_000]) {
        const entities = [...new Set(KEYS)].map((user_id) => ({ user_id }))
        const body = { features: this.plan.featureNames, entities, at: this.clock, maxStalenessMs }
        const request = parseFeaturesRequest(this.plan, body, this.clock)
        if ('status' in request) throw new Error(request.detail)
        // Nothing that this isolate has read before may stand in for what is there now.
        const { cache: _, ...reach } = this.reachOf(region)
        const rows = await lookup(this.plan, reach, request)
        if ('failure' in rows) throw new Error(JSON.stringify(rows))
        rows.forEach((row, i) => {
          const key = entities[i]?.user_id as string
          expect(
            row.parts.every(({ ageMs }) => ageMs !== null && ageMs <= maxStalenessMs),
            JSON.stringify(row.parts) + maxStalenessMs,
          ).toBe(true)
          for (const { name } of this.regions) {
            for (const { shard, accepted } of this.acceptedFor(key, name)) {
              const last = Math.max(0, ...accepted.map(({ seq }) => seq))
              expect(seenIn(row.commits, name).get(shard) ?? 0).toBeGreaterThanOrEqual(last)
            }
          }
          this.checkValues(key, this.clock, row, false)
        })
      }
    }
  }
}

/** By shard of one region, the commit that was seen. */
function seenIn(commits: readonly string[], region: string): Map<number, number> {
  const seen = new Map<number, number>()
  for (const text of commits) {
    const commit = parseCommit(text)
    if (commit?.region === region) seen.set(commit.shard, commit.seq)
  }
  return seen
}
