import { type FieldScan, fieldScanner, isRefusal, parseEvents } from '../contract/index.ts'
import type { SourceRouting, SourceRuntime } from '../plan/index.ts'
import { MAX_EVENT_UNITS } from '../util/limits.ts'
import type { EventBatch } from './route.ts'

/** The events of a batch by the region that keeps each: their places. */
export interface HomesOfBatch {
  /** Kept here, and those that no region can be found for: here they are refused. */
  readonly own: readonly number[]
  readonly elsewhere: ReadonlyMap<string, readonly number[]>
}

/** Which region keeps each event of a source, as one region sees it. */
export class Homes {
  private readonly source: SourceRuntime
  private readonly own: string
  private readonly routing: Exclude<SourceRouting, 'local'>
  private readonly scanOf: (text: string) => FieldScan
  /** Place of the field that chooses. */
  private readonly field: number

  private constructor(source: SourceRuntime, routing: Homes['routing'], own: string) {
    this.source = source
    this.routing = routing
    this.own = own
    const by = 'by' in routing ? routing.by : ''
    this.scanOf = fieldScanner([by])
    this.field = source.spec.fields.findIndex(({ name }) => name === by)
  }

  /** Undefined where every event is kept by the region that gets it. */
  static of(source: SourceRuntime, routing: SourceRouting, own: string): Homes | undefined {
    return routing === 'local' || ('home' in routing && routing.home === own)
      ? undefined
      : new Homes(source, routing, own)
  }

  split(batch: EventBatch): HomesOfBatch {
    const { routing } = this
    const all = Array.from({ length: batch.spans.count }, (_, index) => index)
    if ('home' in routing) return { own: [], elsewhere: new Map([[routing.home, all]]) }
    const scan = this.scanOf(batch.text)
    const byHome = Map.groupBy(all, (index) => this.homeOf(scan, batch, index))
    const own = byHome.get(this.own) ?? []
    byHome.delete(this.own)
    return { own, elsewhere: byHome }
  }

  private homeOf(scan: FieldScan, { text, spans }: EventBatch, index: number): string {
    const { routing } = this
    const start = spans.starts[index] as number
    const end = spans.ends[index] as number
    if ('home' in routing || spans.broken.has(index) || end - start > MAX_EVENT_UNITS) return this.own
    const found: (string | undefined)[] = []
    const value = scan(start, end, found) && found[0] !== undefined ? found[0] : this.parseField(text.slice(start, end))
    if (value === undefined) return this.own
    const { homes, otherwise } = routing
    // Own keys only: a field may say "constructor".
    return value !== null && Object.hasOwn(homes, value) ? (homes[value] ?? otherwise) : otherwise
  }

  /** The rare way: the text is parsed, because the field is escaped, null or absent. Undefined for what the contract refuses. */
  private parseField(text: string): string | null | undefined {
    const { contract, spec } = this.source
    const parsed = parseEvents(text, contract.exactNumbers)
    const raw = isRefusal(parsed) ? undefined : parsed.raws[0]
    if (typeof raw !== 'object' || raw === null) return undefined
    const name = spec.fields[this.field]?.name ?? ''
    const value = contract.checkField(this.field, (raw as Readonly<Record<string, unknown>>)[name])
    return value === null || typeof value === 'string' ? value : undefined
  }
}

/** Some events of a batch as a batch of their own, over the same text. */
export function pick(batch: EventBatch, indexes: readonly number[]): EventBatch {
  const { spans, ids, replays, places, imported, ...rest } = batch
  if (indexes.length === spans.count) return batch
  const of = <T>(list: readonly T[]): T[] => indexes.map((index) => list[index] as T)
  const broken = new Map(
    indexes.flatMap((index, place) => {
      const why = spans.broken.get(index)
      return why === undefined ? [] : [[place, why] as const]
    }),
  )
  return {
    ...rest,
    spans: { count: indexes.length, starts: of(spans.starts), ends: of(spans.ends), broken },
    ...(ids && { ids: of(ids) }),
    ...(replays && { replays: of(replays) }),
    ...(places && { places: of(places) }),
    ...(imported && { imported: of(imported) }),
  }
}
