import { encodeKey, isRefusal, parseEvents } from '../contract/index.ts'
import type { Part, Value } from '../engine/index.ts'
import { hashKey, type Plan, type Route, type SourceRuntime, sliceOf, spreadOf } from '../plan/index.ts'
import { type ApplyMessage, type Contracts, MESSAGE_VERSION, tableSequence } from '../shard/index.ts'
import type { TableStorage } from './storage.ts'
import type { LiveRow } from './stored-row.ts'

/** How many shards an entity has: with a row's keys, where its contributions go. */
export interface Destinations {
  shardsOf(entity: string): number
}

/**
 * A contribution in the outbox: its own number, the sign, the number that its row was put in by, where it goes, the row, its
 * contract, and the part that put it in where that is another one. Where it goes is `entity#hash`: how many shards the entity has
 * is asked when it leaves, for that may change while it waits.
 */
type Contribution = readonly [
  seq: number,
  sign: '+' | '-',
  row: number,
  places: readonly string[],
  text: string,
  contract: number,
  ...part: readonly Part[],
]

interface OutboxRow {
  readonly arrivalMs: number
  readonly contributions: readonly Contribution[]
}

/** A message for one shard of an entity. */
export interface Sending {
  readonly entity: string
  readonly shard: number
  readonly message: ApplyMessage
}

/** About how much text a row of the outbox holds: at three bytes a character it stays below the 2 MB of a row. */
const ROW_UNITS = 400 * 1024

/**
 * What a table's shard tells the shards of entities: rows put in and taken out, each under a number that rises by one. They
 * leave in that order, so that a shard knows by the last number what it has.
 */
export class Contributor {
  private readonly source: SourceRuntime
  private readonly contracts: Contracts
  private readonly part: Part
  private readonly storage: TableStorage
  private readonly destinations: Destinations
  private last: number
  /** The number as the storage has it. */
  private written: number
  private pending: Contribution[] = []
  private nextRow: number

  constructor(
    source: SourceRuntime,
    contracts: Contracts,
    part: Part,
    storage: TableStorage,
    destinations: Destinations,
  ) {
    this.source = source
    this.contracts = contracts
    this.part = part
    this.storage = storage
    this.destinations = destinations
    this.last = Number(storage.readMeta('seq') ?? '0')
    this.written = this.last
    this.nextRow = storage.contributions.lastOutboxId() + 1
  }

  /** The number of the newest contribution. */
  get seq(): number {
    return this.last
  }

  get isEmpty(): boolean {
    return this.storage.contributions.readOutbox(1).length === 0
  }

  /** Puts a row in, and gives the number that it can be taken out by. */
  putIn(text: string, values: readonly Value[]): number {
    const seq = ++this.last
    this.say([seq, '+', seq, this.placesOf(values), text, this.contracts.nameOf(this.source)])
    return seq
  }

  /** Takes a row out, wherever it is. */
  takeOut({ text, seq: row, contract, part }: LiveRow): void {
    // By the contract that it came in by: what is taken out is what was put in, whatever the contract of now takes.
    const then = this.contracts.find(contract, this.source)
    const parsed = parseEvents(text, then.exactNumbers)
    const event = isRefusal(parsed) ? undefined : then.reread(parsed.raws[0])
    // A row without a time, by a contract that has changed since, is in no view of now.
    if (event) this.say([++this.last, '-', row, this.placesOf(event.values), text, contract, ...(part ? [part] : [])])
  }

  /** A table that events are enriched from may feed no view: then there is nobody to tell. */
  private say(contribution: Contribution): void {
    if (contribution[3].length > 0) this.pending.push(contribution)
  }

  /** Where the entities are that a row feeds. Of one that is spread a row is in the slice of its primary key, whatever it changes. */
  private placesOf(values: readonly Value[]): string[] {
    const places = this.source.routes.flatMap(({ entity, keyFields, keyTypes }) => {
      const parts = keyFields.map((field) => values[field] ?? null)
      if (parts.includes(null)) return []
      const spread = spreadOf(entity)
      const slice = spread === 1 ? 0 : sliceOf(this.primaryKey(values), spread)
      return [`${entity.spec.name}#${hashKey(encodeKey(parts, keyTypes)) + slice}`]
    })
    return [...new Set(places)]
  }

  private primaryKey(values: readonly Value[]): string {
    const { keyFields, keyTypes } = this.source.table as Route
    return encodeKey(
      keyFields.map((field) => values[field] ?? null),
      keyTypes,
    )
  }

  /** Writes what a batch has to say. Inside its transaction. */
  write(arrivalMs: number): void {
    if (this.last === this.written) return
    let row: Contribution[] = []
    let units = 0
    const close = () => {
      const body: OutboxRow = { arrivalMs, contributions: row }
      if (row.length > 0) this.storage.contributions.writeOutbox(this.nextRow++, JSON.stringify(body))
      row = []
      units = 0
    }
    for (const contribution of this.pending) {
      if (units + contribution[4].length > ROW_UNITS) close()
      row.push(contribution)
      units += contribution[4].length
    }
    close()
    this.pending = []
    this.written = this.last
    this.storage.writeMeta('seq', String(this.last))
  }

  /**
   * The oldest rows of the outbox as messages, one a shard; `delivered` once all of them were taken. Until then they are sent
   * again: a shard knows what it has.
   */
  take(plan: Plan, rows: number): { readonly sendings: Sending[]; readonly delivered: () => void } {
    const found = this.storage.contributions.readOutbox(rows)
    const byShard = new Map<string, { arrivalMs: number; contributions: Contribution[] }>()
    for (const { body } of found) {
      const { arrivalMs, contributions } = JSON.parse(body) as OutboxRow
      for (const contribution of contributions) {
        // An entity that a deploy has taken away since has nobody to tell.
        for (const shard of this.shardsOf(plan, contribution[3])) {
          const known = byShard.get(shard) ?? { arrivalMs, contributions: [] }
          known.contributions.push(contribution)
          byShard.set(shard, known)
        }
      }
    }
    const last = found.at(-1)?.id
    return {
      sendings: [...byShard].map(([shard, what]) => this.sending(plan, shard, what)),
      delivered: () => {
        const { contributions } = this.storage
        if (last !== undefined) contributions.transaction(() => contributions.deleteOutbox(last))
      },
    }
  }

  /** The shards of some places, each once. */
  private shardsOf(plan: Plan, places: readonly string[]): ReadonlySet<string> {
    const shards = places.flatMap((place) => {
      const [entity = '', hash] = place.split('#')
      return plan.entities.has(entity) ? [`${entity}/${Number(hash) % this.destinations.shardsOf(entity)}`] : []
    })
    return new Set(shards)
  }

  private sending(
    { hash }: Plan,
    place: string,
    { arrivalMs, contributions }: { readonly arrivalMs: number; readonly contributions: readonly Contribution[] },
  ): Sending {
    const [entity = '', shard] = place.split('/')
    const { part } = this
    const message: ApplyMessage = {
      version: MESSAGE_VERSION,
      plan: hash,
      source: this.source.spec.name,
      arrivalMs,
      events: `[${contributions.map(([, , , , text]) => text).join()}]`,
      fanout: '1'.repeat(contributions.length),
      position: {
        sequence: tableSequence(part),
        incarnation: part.epoch,
        generation: 0,
        offsets: contributions.map(([seq]) => seq),
      },
      contributions: {
        part,
        ...(contributions.some(([, , , , , , by]) => by) && {
          parts: contributions.map(([, , , , , , by]) => by ?? null),
        }),
        signs: contributions.map(([, sign]) => sign).join(''),
        seqs: contributions.map(([, , row]) => row),
        contracts: contributions.map(([, , , , , contract]) => contract),
      },
    }
    return { entity, shard: Number(shard), message }
  }
}
