import {
  CHANGE,
  type EventSpans,
  encodeKey,
  type FieldScan,
  fieldScanner,
  isRefusal,
  parseEvents,
  type Refusal,
  refusal,
} from '../contract/index.ts'
import { type LetterOrigin, letterOrigin } from '../dead-letters/index.ts'
import { type EntityRuntime, type Route, type SourceRuntime, sliceOf, sliceShard, spreadOf } from '../plan/index.ts'
import { type ApplyMessage, IMPORT_VERSION, MESSAGE_VERSION, type MessagePosition } from '../shard/index.ts'
import { MAX_EVENT_UNITS } from '../util/limits.ts'
import { Slicer } from './slices.ts'
import { type BatchStamps, StampsWriter } from './stamps.ts'

/** More than this many events, or about this much text, go to a shard in several messages: a journal row holds 2 MB. */
const MESSAGE_EVENTS = 8_192
/** Events of one request: five megabytes of the smallest that make sense. */
export const MOST_EVENTS = 50_000
const MESSAGE_UNITS = MAX_EVENT_UNITS
/** What quotes and a comma add to an id. */
const ID_UNITS = 3
/** An event's digit of the fan-out ends here. With more shards than this, the dead letters list an event that one of them took. */
const MOST_FANOUT = 35

/** Events for one shard: what to send, and where each stands in the request. */
export interface ShardBatch {
  readonly entity: EntityRuntime
  readonly shard: number
  readonly message: ApplyMessage
  /** Place in the request of each event of the message. */
  readonly indexes: readonly number[]
}

/** Events as they came in: one text, and where each of them is in it. */
export interface EventBatch {
  readonly text: string
  readonly spans: EventSpans
  readonly arrivalMs: number
  /** What identifies each event where the source has no field for it; undefined for one that has nothing. */
  readonly ids?: readonly (string | undefined)[]
  /** Where the events stand in their source. */
  readonly position?: MessagePosition
  /** Where the events stand in the queue that another region forwarded them by. */
  readonly forward?: MessagePosition
  /** The dead letter that each event was. */
  readonly replays?: readonly string[]
  /**
   * Where each event first stood, undefined where that is not known: of a replayed one `topic/incarnation/partition/offset`, of an
   * imported one `FILE:LINE`.
   */
  readonly places?: readonly (string | undefined)[]
  /** They are imported history: for each from when on it could be known, ms; null where its import named no rule. */
  readonly imported?: readonly (number | null)[]
  /** What is broken was refused by the format of its source, and is here as it came. */
  readonly undecoded?: true
  /** What the events are enriched with. */
  readonly stamps?: BatchStamps
}

export interface RoutedBatch {
  /** Events in the batch. */
  readonly count: number
  readonly batches: readonly ShardBatch[]
  /** Events that no shard can be found for, with their text. */
  readonly refused: readonly UnroutedEvent[]
}

export interface UnroutedEvent {
  readonly index: number
  readonly why: Refusal
  readonly text: string
  readonly origin: LetterOrigin
}

interface Bucket {
  readonly entity: EntityRuntime
  readonly shard: number
  readonly events: string[]
  units: number
  indexes: number[]
  fanout: string
  slices: string
  readonly stamps: StampsWriter | undefined
}

function unrouted(batch: EventBatch, ids: EventBatch['ids'], index: number, why: Refusal): UnroutedEvent {
  const { text, spans, undecoded } = batch
  const isUndecoded = undecoded && spans.broken.has(index)
  const origin = {
    ...letterOrigin({ ...batch, ids: ids ?? [] }, index),
    ...(isUndecoded && { undecoded: true as const }),
  }
  return { index, why, text: text.slice(spans.starts[index], spans.ends[index]), origin }
}

/** Cuts a request into one message a shard, by scanning each event's text for its keys: the shard is the only one to parse. */
export class Router {
  private readonly source: SourceRuntime
  private readonly plan: string
  /** Of a table: the one route to the shard of a row. */
  private readonly routes: readonly Route[]
  readonly isTable: boolean
  private readonly scanOf: (text: string) => FieldScan
  /** For each route, the places of its key fields in what the scan finds. */
  private readonly scanned: readonly (readonly number[])[]
  /** For each route, the number of its entity's first bucket. */
  private readonly firstBucket: readonly number[]
  private readonly buckets: readonly { readonly entity: EntityRuntime; readonly shard: number }[]
  private readonly shards: readonly number[]
  /** Of a source that feeds an entity that is spread; null for every other. */
  private readonly slicer: Slicer | null
  /** The fields that are scanned for: those of keys, and where it is asked for that of the id. */
  private readonly fields: readonly number[]

  /** `shardsOf`: how many shards an entity has here; of a table's source, how many the table has. */
  constructor(plan: string, source: SourceRuntime, shardsOf: (entity: string) => number) {
    this.plan = plan
    this.source = source
    this.isTable = source.table !== null
    this.routes = source.table === null ? source.routes : [source.table]
    const { routes } = this
    this.slicer = Slicer.of(source, routes)
    const idField = this.slicer?.idField ?? -1
    const fields = [...new Set([...routes.flatMap((route) => route.keyFields), ...(idField < 0 ? [] : [idField])])]
    this.fields = fields
    this.scanOf = fieldScanner(fields.map((field) => source.spec.fields[field]?.name ?? ''))
    this.scanned = routes.map((route) => route.keyFields.map((field) => fields.indexOf(field)))
    this.shards = routes.map((route) => shardsOf(route.entity.spec.name))
    const buckets: { entity: EntityRuntime; shard: number }[] = []
    const first = new Map<EntityRuntime, number>()
    routes.forEach(({ entity }, r) => {
      if (first.has(entity)) return
      first.set(entity, buckets.length)
      for (let shard = 0; shard < (this.shards[r] as number); shard++) buckets.push({ entity, shard })
    })
    this.firstBucket = routes.map((route) => first.get(route.entity) as number)
    this.buckets = buckets
  }

  route(batch: EventBatch): RoutedBatch | Refusal {
    const { text, spans, stamps } = batch
    if (spans.count > MOST_EVENTS) {
      return refusal(
        'too_large',
        `${spans.count} events in one request; at most ${MOST_EVENTS} are taken. Send several.`,
      )
    }
    const ids = this.source.spec.id === undefined ? batch.ids : undefined
    const open = this.buckets.map(() => null as Bucket | null)
    const batches: ShardBatch[] = []
    const refused: UnroutedEvent[] = []
    const close = (bucket: Bucket) => batches.push(this.message(bucket, batch, ids))
    const scan = this.scanOf(text)
    const targets: number[] = []
    const keys: (string | undefined)[] = []
    for (let index = 0; index < spans.count; index++) {
      const start = spans.starts[index] as number
      const end = spans.ends[index] as number
      const why =
        spans.broken.get(index) ??
        tooLarge(end - start, stamps && new StampsWriter(stamps).unitsOf(index)) ??
        this.findTargets(scan, batch, index, keys, targets)
      if (why !== undefined) {
        refused.push(unrouted(batch, ids, index, why))
        continue
      }
      const event = text.slice(start, end)
      const units = event.length + 1 + (ids === undefined ? 0 : (ids[index]?.length ?? 0) + ID_UNITS)
      for (const target of targets) {
        let bucket = open[target] ?? null
        const more = units + (bucket?.stamps?.unitsOf(index) ?? 0)
        if (bucket && (bucket.indexes.length >= MESSAGE_EVENTS || bucket.units + more > MESSAGE_UNITS)) {
          close(bucket)
          bucket = null
        }
        bucket ??= this.openBucket(target, stamps)
        open[target] = bucket
        bucket.events.push(event)
        bucket.units += units + (bucket.stamps?.add(index) ?? 0)
        bucket.indexes.push(index)
        bucket.fanout += Math.min(targets.length, MOST_FANOUT).toString(36)
        if (this.slicer && !this.isTable) bucket.slices += this.sliceAt(batch, index, keys, bucket.entity)
      }
    }
    for (const bucket of open) if (bucket) close(bucket)
    return { count: spans.count, batches, refused }
  }

  /**
   * What is wrong with the events of a batch that another region keeps, by what can be seen without its shards: the whole
   * contract of a stream, the key of a table. What only the home can see is refused there.
   */
  refusals(batch: EventBatch): UnroutedEvent[] {
    const { text, spans, arrivalMs } = batch
    const ids = this.source.spec.id === undefined ? batch.ids : undefined
    const scan = this.scanOf(text)
    const refused: UnroutedEvent[] = []
    for (let index = 0; index < spans.count; index++) {
      const start = spans.starts[index] as number
      const end = spans.ends[index] as number
      const why =
        spans.broken.get(index) ??
        tooLarge(end - start) ??
        (this.isTable
          ? this.findTargets(scan, batch, index, [], [])
          : this.parseWhole(text.slice(start, end), arrivalMs, ids?.[index]))
      if (why) refused.push(unrouted(batch, ids, index, why))
    }
    return refused
  }

  private parseWhole(text: string, arrivalMs: number, id: string | undefined): Refusal | undefined {
    const { contract, spec } = this.source
    if (this.routes.length === 0) return refusal('missing_key', `No feature view reads source ${spec.name}.`)
    const parsed = parseEvents(text, contract.exactNumbers)
    if (isRefusal(parsed)) return parsed
    const event = parsed.broken.get(0) ?? contract.check(parsed.raws[0], arrivalMs, id)
    return isRefusal(event) ? event : undefined
  }

  /** A change may hold no more of its row than the key, or be of all rows: then it goes to every shard of the table. */
  private parseRowKey(text: string, keys: (string | undefined)[]): Refusal | 'everywhere' | undefined {
    const { contract, spec } = this.source
    const parsed = parseEvents(text, contract.exactNumbers)
    if (isRefusal(parsed)) return parsed
    const broken = parsed.broken.get(0)
    if (broken) return broken
    const change = parsed.raws[0] as Readonly<Record<string, unknown>> | null
    if (change?.[CHANGE.op] === 't') return 'everywhere'
    for (const [i, field] of (this.routes[0] as Route).keyFields.entries()) {
      const value = contract.checkField(field, change?.[spec.fields[field]?.name ?? ''])
      if (typeof value === 'object' && value !== null && isRefusal(value)) return value
      keys[i] = String(value)
    }
    return undefined
  }

  private openBucket(target: number, stamps: BatchStamps | undefined): Bucket {
    const { entity, shard } = this.buckets[target] as { entity: EntityRuntime; shard: number }
    return {
      entity,
      shard,
      events: [],
      units: 0,
      indexes: [],
      fanout: '',
      slices: '',
      stamps: stamps && new StampsWriter(stamps),
    }
  }

  /** Fills `targets` with the buckets of an event's entities, each once; or says why it has none. */
  private findTargets(
    scan: FieldScan,
    batch: EventBatch,
    index: number,
    keys: (string | undefined)[],
    targets: number[],
  ): Refusal | undefined {
    targets.length = 0
    const { text, spans, arrivalMs } = batch
    const start = spans.starts[index] as number
    const end = spans.ends[index] as number
    if (this.routes.length === 0)
      return refusal('missing_key', `No feature view reads source ${this.source.spec.name}.`)
    if (!scan(start, end, keys) || keys.includes(undefined)) {
      const event = text.slice(start, end)
      const why = this.isTable ? this.parseRowKey(event, keys) : this.parseKeys(event, arrivalMs, keys)
      if (why === 'everywhere') targets.push(...this.buckets.keys())
      if (why) return why === 'everywhere' ? undefined : why
    }
    const id = this.idOf(batch, index, keys)
    for (let r = 0; r < this.routes.length; r++) {
      const route = this.routes[r] as Route
      const parts = (this.scanned[r] as readonly number[]).map((place) => keys[place] as string)
      const slice = id === undefined ? 0 : (this.slicer?.sliceOf(r, id) ?? 0)
      const key = encodeKey(parts, route.keyTypes)
      const target = (this.firstBucket[r] as number) + sliceShard(key, slice, this.shards[r] as number)
      if (!targets.includes(target)) targets.push(target)
    }
    return undefined
  }

  /** What identifies an event, where an entity that it feeds is spread. */
  private idOf(batch: EventBatch, index: number, keys: readonly (string | undefined)[]): string | undefined {
    const { slicer } = this
    return slicer?.idOf(batch, index, keys[this.fields.indexOf(slicer.idField)])
  }

  /** The digit of an event's slice in a message to a shard of this entity. */
  private sliceAt(
    batch: EventBatch,
    index: number,
    keys: readonly (string | undefined)[],
    entity: EntityRuntime,
  ): string {
    const spread = spreadOf(entity)
    const id = spread === 1 ? undefined : this.idOf(batch, index, keys)
    return id === undefined ? '0' : sliceOf(id, spread).toString(36)
  }

  /** The rare way: the text is parsed here, because a key is escaped, missing or not what it should be. */
  private parseKeys(text: string, arrivalMs: number, keys: (string | undefined)[]): Refusal | undefined {
    const { contract } = this.source
    const parsed = parseEvents(text, contract.exactNumbers)
    if (isRefusal(parsed)) return parsed
    // The id is the shard's business: any stands in for it here.
    const event = parsed.broken.get(0) ?? contract.check(parsed.raws[0], arrivalMs, 'any')
    if (isRefusal(event)) return event
    this.fields.forEach((field, i) => {
      keys[i] = String(event.values[field])
    })
    return undefined
  }

  private message(
    bucket: Bucket,
    { arrivalMs, position, forward, replays, places, imported }: EventBatch,
    ids: EventBatch['ids'],
  ): ShardBatch {
    const { entity, shard, events, indexes, fanout, slices, stamps } = bucket
    const message: ApplyMessage = {
      version: imported ? IMPORT_VERSION : MESSAGE_VERSION,
      plan: this.plan,
      source: this.source.spec.name,
      arrivalMs,
      events: `[${events.join(',')}]`,
      fanout,
      ...(spreadOf(entity) > 1 && !this.isTable && { slices }),
      ...(stamps && { stamps: stamps.text }),
      ...(ids && { ids: indexes.map((index) => ids[index]) }),
      ...(replays && { replays: indexes.map((index) => replays[index] as string) }),
      ...(places && (this.isTable || imported) && { places: indexes.map((index) => places[index]) }),
      ...(imported && { imported: indexes.map((index) => imported[index] ?? null) }),
      ...(position && { position: positionOf(position, indexes) }),
      // A table knows a change that comes again by its place in the log of its database.
      ...(forward && !this.isTable && { forward: positionOf(forward, indexes) }),
    }
    return { entity, shard, message, indexes }
  }
}

const positionOf = (position: MessagePosition, indexes: readonly number[]): MessagePosition => ({
  ...position,
  offsets: indexes.map((index) => position.offsets[index] as number),
})

/** An event fits one message: taken in, it would be a journal row that the storage refuses, whenever it is sent. */
function tooLarge(units: number, stampUnits = 0): Refusal | undefined {
  if (units + stampUnits <= MESSAGE_UNITS) return undefined
  const enriched = stampUnits === 0 ? '' : `, and ${stampUnits} that it is enriched with`
  return refusal(
    'too_large',
    `The event has ${units} characters${enriched}; at most ${MESSAGE_UNITS} are taken. Send what features read.`,
  )
}
