import { definitions } from '../../features/index.ts'
import { type Flight, type FlightEvent, toEvent } from '../../scripts/flights.ts'
import { encodeKey } from '../../src/contract/index.ts'
import type { FieldType } from '../../src/engine/index.ts'
import { Plan, type Region, shardCount, shardOf } from '../../src/plan/index.ts'
import { markOf, type OracleEvent, type OracleValue, oracleValue } from '../oracle/oracle.ts'

/** After every flight of 2001, so that a mark is an event's time. */
const AVAILABLE_AT = Date.UTC(2026, 0, 1)

/** The keys that a row of the service `delay_risk` has. */
export interface Row {
  readonly airport: string
  readonly origin: string
  readonly destination: string
}

/** What a vector must be, from every flight that was acknowledged, in the order in which it was sent. */
export class FlightTruth {
  private readonly region: Region
  private readonly seqs = new Map<string, number>()
  /** By `view/key`. */
  private readonly events = new Map<string, OracleEvent[]>()
  /** By `entity/key`. */
  private readonly marks = new Map<string, number>()
  private readonly types: ReadonlyMap<string, FieldType>
  private readonly plan = new Plan(definitions.spec)

  constructor(region: Region) {
    this.region = region
    const [source] = definitions.spec.sources
    if (source === undefined) throw new Error('the example has no source')
    this.types = new Map(source.fields.map(({ name, type }) => [name, type]))
  }

  /** Takes in the next flight that the Workers accepted: each shard that it goes to gives it that shard's next number. */
  add(flight: Flight): void {
    const event = toEvent(flight)
    const fields = { ...event, scheduled: flight.scheduledMs, departed: flight.departedMs }
    const numbered = new Map<string, number>()
    for (const view of definitions.spec.views) {
      const key = this.keyOf(view.entity, (name) => String(event[view.key[name] as keyof FlightEvent]))
      const shard = shardOf(key, shardCount(this.region, view.entity))
      const place = `${view.entity}/${shard}`
      const seq = numbered.get(place) ?? (this.seqs.get(place) ?? 0) + 1
      numbered.set(place, seq)
      this.seqs.set(place, seq)
      const { id: region, epoch } = this.region
      const accepted = { time: flight.departedMs, availableAt: AVAILABLE_AT, region, epoch, shard, seq, fields }
      const list = this.events.get(`${view.name}/${key}`) ?? []
      list.push(accepted)
      this.events.set(`${view.name}/${key}`, list)
      const entity = `${view.entity}/${key}`
      this.marks.set(entity, Math.max(this.marks.get(entity) ?? 0, markOf([accepted])))
    }
  }

  private keyOf(entity: string, partOf: (key: string) => string): string {
    const keys = this.plan.entities.get(entity)?.spec.keys ?? []
    return encodeKey(
      keys.map(({ name }) => partOf(name)),
      keys.map(({ type }) => type),
    )
  }

  /** `view.feature`, in the order of the service's vector. */
  features(): readonly string[] {
    return definitions.spec.services[0]?.features ?? []
  }

  /** One entry a feature of the service, in the order of its vector. */
  vector(row: Row, t: number): (Omit<OracleValue, 'status'> & { readonly status: string })[] {
    return this.features().map((name) => {
      const view = definitions.spec.views.find((candidate) => name.startsWith(`${candidate.name}.`))
      const feature = view?.features.find((candidate) => name === `${view.name}.${candidate.name}`)
      if (view === undefined || feature === undefined) throw new Error(`no feature ${name}`)
      const key = this.keyOf(view.entity, (part) => row[part as keyof Row])
      const mark = this.marks.get(`${view.entity}/${key}`)
      const events = this.events.get(`${view.name}/${key}`) ?? []
      const value = oracleValue(view, feature, events, mark ?? 0, t, Number.NEGATIVE_INFINITY, this.types)
      return mark === undefined ? { ...value, status: 'missing' } : value
    })
  }

  /** The commits that an answer names, as the truth has them. */
  commits(named: readonly string[]): string[] {
    const { name, epoch } = this.region
    return named.map((commit) => {
      const [, entity, , shard] = commit.split('/')
      return `${name}/${entity}/${epoch}/${shard}/${this.seqs.get(`${entity}/${shard}`)}`
    })
  }
}
