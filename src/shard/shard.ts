import { type CheckedEvent, isRefusal, type Refusal, refusal } from '../contract/index.ts'
import { type Explanation, oldestReadable, type Part, type ViewPlan } from '../engine/index.ts'
import {
  type EntityRuntime,
  type FeatureRef,
  hashKey,
  type Plan,
  type Route,
  type SourceRuntime,
  sliceIn,
  spreadOf,
} from '../plan/index.ts'
import { murmur128 } from '../util/murmur3.ts'
import { type Backfill, type BackfillPiece, Backfills, type NoBackfill } from './backfills.ts'
import type { RowKey } from './cell.ts'
import { ChangeList } from './changes.ts'
import { Contracts } from './contracts.ts'
import type { CopiesAnswer, CopiesMessage, History } from './copies.ts'
import { HandOver } from './hand-over.ts'
import { IdIndex } from './id-index.ts'
import { Journal, type JournalEntry } from './journal.ts'
import { Layouts } from './layouts.ts'
import { LogFeed } from './log-feed.ts'
import { eventsOf, forEachEvent, idOf, rowKey, sliceAt, stampsOf, tableSequence } from './message-events.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type Contributions,
  IMPORT_VERSION,
  MESSAGE_VERSION,
  type ReadAnswer,
  type ReadMessage,
  type ShardRefusal,
  type ShardUnavailable,
} from './messages.ts'
import { OpenCells } from './open-cells.ts'
import { Outbox } from './outbox.ts'
import { DEFAULT_MEMORY_BYTES, Pages } from './pages.ts'
import { Positions } from './positions.ts'
import { type BatchQuality, type ExpectationCount, judgeBatch, Quality } from './quality.ts'
import { type CopiedEntity, Reads } from './reads.ts'
import { Since } from './since.ts'
import { type StampedRows, stampedRows } from './stamped-rows.ts'
import type { ShardStorage } from './storage.ts'
import { type Target, Targets } from './targets.ts'
import { ViewCame } from './view-came.ts'
import { ViewStarts } from './view-starts.ts'

/**
 * All dirty pages are saved once within this many events: a page then leaves with many changes, which is what its write
 * costs are shared by, and a restart does at most this much again (about 100 ms).
 */
const EVENTS_PER_ROUND = 24_000
/** How often a batch looks whether memory is over its budget. */
const EVENTS_PER_RELIEF = 64

export interface ShardOptions {
  readonly plan: Plan
  readonly entity: EntityRuntime
  readonly part: Part
  /** How many shards this epoch of the entity has. */
  readonly shards: number
  readonly storage: ShardStorage
  /** The clock, ms: read once a call, never by what is below. */
  readonly now: () => number
  readonly memoryBytes?: number
  /** Others keep copies of all its entities: online stores, which have what every view has. Default: only feature topics. */
  readonly isCopied?: boolean
  /** What is accepted goes to a log: journal rows are kept until it has had them. */
  readonly isLogged?: boolean
  /** Tells a person what is wrong with what is stored. */
  readonly report?: (problem: string) => void
}

/**
 * One shard of one entity: takes in batches exactly once, and reads. Synchronous throughout: a batch is one transaction of
 * dedupe, rows, journal and outbox, and nothing can come between. Rules are in docs/guarantees.md, bytes in
 * docs/storage-schema.md.
 */
export class Shard {
  private readonly options: ShardOptions
  private readonly layouts: Layouts
  private readonly pages: Pages
  private readonly ids: IdIndex
  private readonly journal: Journal
  private readonly outbox: Outbox
  /** What others keep copies of; null where nobody does. */
  readonly changes: ChangeList | null
  /** What the log is written from; null where there is none. */
  readonly log: LogFeed | null
  private readonly targets: Targets
  private readonly contracts: Contracts
  private readonly positions: Positions
  private readonly viewStarts: ViewStarts
  private readonly viewCame: ViewCame
  private readonly backfills: Backfills
  private readonly since: Since
  private readonly open = new OpenCells()
  private readonly reads: Reads
  private readonly quality: Quality
  /** Why nothing is taken in or read: the entity is spread otherwise than when it was counted. */
  private readonly misfit: ShardUnavailable | undefined
  /** For the shards of the next epoch. */
  readonly handOver: HandOver
  private seq = 0
  private availableAt = 0
  /** The greatest mark of any entity here. */
  private mark = 0
  /** Pages to save, a fraction at a time. */
  private pagesDue = 0
  /** Accepted events that could not be read again from the journal: 0, or a bug. */
  private unreadable = 0
  private readonly idWords = new Uint32Array(4)

  /** Opens the shard: reads its meta rows and does again what the journal has and the pages have not. */
  constructor(options: ShardOptions) {
    this.options = options
    const { storage, plan } = options
    this.layouts = new Layouts(options.entity, storage)
    this.pages = new Pages(storage, options.memoryBytes ?? DEFAULT_MEMORY_BYTES)
    const horizonMs = Math.max(0, ...[...plan.sources.values()].map((source) => source.spec.redeliveryHorizonMs))
    this.ids = new IdIndex(storage, horizonMs)
    this.outbox = new Outbox(storage)
    const copied = copiedViews(options)
    this.changes = copied.size === 0 ? null : new ChangeList(copied, options.entity, storage.changes)
    this.journal = new Journal(storage)
    this.contracts = new Contracts(plan, storage)
    this.positions = new Positions(storage)
    this.viewStarts = new ViewStarts(options.entity.plan, storage, this.positions)
    const { layouts } = this
    const views = options.entity.plan
    this.viewCame = new ViewCame(views, storage, layouts, this.journal.lastSeq)
    const [came, starts] = [this.viewCame, this.viewStarts]
    const { part, shards, entity } = options
    const isOwn = (key: string) => sliceIn(part.shard, hashKey(key), shards) < spreadOf(entity)
    this.backfills = new Backfills({ plan: views, storage, layouts, came, starts, isOwn })
    const since = new Since(views, storage, options.now())
    this.since = since
    this.reads = new Reads({ ...options, layouts: this.layouts, pages: this.pages, open: this.open, since })
    this.targets = new Targets(options.entity, options.part.shard, options.shards)
    this.quality = new Quality(plan, options.entity, this.journal.quality)
    const { journal, contracts, targets } = this
    this.log = options.isLogged ? new LogFeed({ plan, storage, journal, contracts, targets }) : null
    const saved = this.journal.saved
    for (const entry of this.journal.unsaved()) {
      this.redo(entry, saved)
      this.pages.shrink()
    }
    this.pages.opened(this.seq)
    this.misfit = this.checkSpread()
    const { pages, ids, positions } = this
    this.handOver = new HandOver({
      ...options,
      ...{ pages, ids, layouts, positions },
      report: options.report ?? (() => {}),
      counters: () => ({ seq: this.seq, availableAt: this.availableAt, mark: this.mark }),
      quality: () => this.quality.stored ?? null,
    })
  }

  /** As dead letters name it. */
  private get name(): string {
    const { entity, part } = this.options
    return `${entity.spec.name}/${part.epoch}/${part.shard}`
  }

  /** What an operator wants to know; all of it is in memory. */
  get stats() {
    const { pages, ids } = this
    return {
      seq: this.seq,
      pages: pages.count,
      dirtyPages: pages.dirtyCount,
      memoryBytes: pages.bytesInMemory,
      ids: ids.size,
      unreadable: this.unreadable,
    }
  }

  /** An event that comes again would go to another slice, and be counted there a second time: the number is for good. */
  private checkSpread(): ShardUnavailable | undefined {
    const { storage, entity } = this.options
    const spread = spreadOf(entity)
    const stored = storage.readMeta('spread')
    const before = stored === undefined ? (this.seq > 0 ? 1 : spread) : Number(stored)
    if (stored === undefined && spread > 1 && before === spread)
      storage.transaction(() => storage.writeMeta('spread', String(spread)))
    if (before === spread) return undefined
    const { name } = entity.spec
    const message =
      `entity ${name} is spread over ${spread} shards now and was over ${before}: what was counted cannot be moved. ` +
      `Set spread back to ${before}, or declare an entity of another name`
    return { unavailable: 'spread', message }
  }

  /** About how many entities it has. */
  get roughEntities(): number {
    return this.pages.roughCells
  }

  /** What was counted here for each expectation of a source, in declared order; empty when its events are counted elsewhere. */
  expectations(source: string): ExpectationCount[] {
    return this.quality.counts(source, Math.max(this.availableAt, this.options.now()))
  }

  /** Refusals that wait for the dead letters. */
  get letters(): Outbox {
    return this.outbox
  }

  /**
   * Doors and shards of different deploys do not understand each other, and a door of an older epoch does not know who has taken
   * over: it tries again.
   */
  private mismatch({
    version,
    plan,
    imported,
  }: {
    readonly version: number
    readonly plan: string
    readonly imported?: ApplyMessage['imported']
  }): ShardUnavailable | undefined {
    const own = this.options.plan.hash
    const { sealed } = this.handOver
    if (this.misfit) return this.misfit
    if (sealed !== null)
      return { unavailable: 'sealed', message: `shard ${this.name} has been taken over by epoch ${sealed}` }
    if (version !== (imported ? IMPORT_VERSION : MESSAGE_VERSION))
      return { unavailable: 'unknown_version', message: `message version ${version}` }
    return plan === own ? undefined : { unavailable: 'unknown_plan', message: `plan ${plan}, this shard runs ${own}` }
  }

  /**
   * Takes in a batch. Everything accepted is durable when the transaction's write is; call it again with the same events
   * and they are duplicates. Throws only when the storage does: then memory is ahead of it and the shard must be opened anew.
   */
  apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
    const { plan, now, storage } = this.options
    const source = plan.sources.get(message.source)
    const mismatch = this.mismatch(message)
    if (mismatch) return mismatch
    if (source === undefined) return { unavailable: 'unknown_plan', message: `no source ${message.source}` }
    const { position } = message
    if (position && this.positions.fences(source.spec.name, position)) {
      return { unavailable: 'fenced', message: `a newer reader of ${position.sequence} has taken over` }
    }
    const { forward } = message
    if (forward && this.positions.fences(source.spec.name, forward)) {
      // Said, not passed over: its numbers are none that are known here, so nobody can tell what of it has been counted.
      return { unavailable: 'fenced', message: `a newer queue has followed that of ${forward.sequence}` }
    }
    const stamps = stampsOf(message, source)
    if (stamps && 'unavailable' in stamps) return stamps
    const stands = position ?? forward
    const next = stands ? this.positions.next(source.spec.name, stands) : 0
    const row = this.journal.nextRow
    const seqBefore = this.seq
    this.availableAt = Math.max(this.availableAt, now())
    const refused: ShardRefusal[] = []
    const { contributions } = message
    let verdicts = ''
    storage.transaction(() => {
      const events = eventsOf(source.contract.exactNumbers, message)
      // Nobody sent it just now: a share of it says nothing of how the source does.
      const isPicked = message.replays !== undefined || message.imported !== undefined
      const judge = contributions ? undefined : judgeBatch(source, events.raws, isPicked)
      const batch: Batch = { source, message, row, stamps, judge }
      const take = contributions
        ? (raw: unknown, index: number) => this.takeRow(source, raw, message, contributions, index, row)
        : (raw: unknown, index: number) => this.take(batch, raw, index)
      forEachEvent(events, (raw, broken, index) => {
        const isKnown = stands !== undefined && (stands.offsets[index] as number) < next
        if (isKnown && position && !contributions) this.noteKnown(source, raw, message, index, row)
        const outcome = isKnown ? 'd' : (broken ?? take(raw, index))
        if (typeof outcome === 'string') verdicts += outcome
        else {
          verdicts += 'r'
          refused.push({ index, ...outcome })
        }
        // A batch may touch more pages than memory holds: then some are saved before its end, in its transaction.
        if (index % EVENTS_PER_RELIEF === 0) this.pages.relieve(this.seq)
      })
      const saved = { pages: this.pages.oldestDirty ?? row, ids: this.ids.oldestUnsaved ?? row }
      const contract = this.contracts.nameOf(source)
      const { availableAt, mark } = this
      if (judge) this.quality.add(source, judge, availableAt)
      if (this.seq > seqBefore || judge?.isEmpty === false) {
        const quality = this.quality.stored
        const entry = { row, seqBefore, availableAt, mark, verdicts, saved, contract, message }
        this.journal.write(quality ? { ...entry, quality } : entry)
      }
      if (refused.length > 0) this.outbox.write(this.name, message, refused)
      this.changes?.write(availableAt, seqBefore, this.seq)
      this.positions.advance(message)
      this.checkpoint(this.seq - seqBefore)
    })
    this.pages.shrink()
    return { verdicts, refused, seq: this.seq }
  }

  /** Judges one event and, when it is new and right, takes it in. */
  private take({ source, message, row, stamps, judge }: Batch, raw: unknown, index: number): 'a' | 'd' | Refusal {
    const { contract } = source
    let event = contract.check(raw, message.arrivalMs, idOf(message, index))
    if (isRefusal(event)) return event
    const payload = contract.payloadHash(event.values)
    if (event.id !== null) {
      this.hashId(source, event.id)
      const known = this.ids.check(this.idWords, payload)
      if (known === 'duplicate') return 'd'
      if (known === 'conflict') return conflict(event.id)
    }
    if (stamps && contract.enrichment) {
      const rows = stamps(index)
      const unknown = contract.enrichment.refuse(event.values, rows)
      if (unknown) return unknown
      event = { ...event, values: contract.enrichment.fill(event.values, rows) }
    }
    const here = this.targets.find(source, event.values, sliceAt(message, index))
    const unread = this.judgeReach(source, here, event.timeMs, message.imported !== undefined)
    if (unread) return unread
    if (judge) {
      const isCounted = message.imported === undefined && here[0]?.route === source.routes[0]
      const unexpected = judge.judge(event.values, event.timeMs, isCounted, message.fanout[index] === '1')
      if (unexpected) return unexpected
    }
    if (event.id !== null) this.ids.add(this.idWords, payload, this.availableAt, row)
    this.seq++
    this.mark = Math.max(this.mark, Math.min(event.timeMs, this.availableAt))
    this.fold(here, event, this.availableAt, this.seq, row)
    this.changes?.note(here)
    return 'a'
  }

  /** Puts a row of a table in, or takes it out. The table's shard has judged it, so here nothing is refused. */
  private takeRow(
    source: SourceRuntime,
    raw: unknown,
    message: ApplyMessage,
    contributions: Contributions,
    index: number,
    row: number,
  ): 'a' | 'd' {
    const event = this.contracts.find(contributions.contracts[index] as number, source).reread(raw)
    if (event === undefined) return 'd'
    this.seq++
    this.mark = Math.max(this.mark, Math.min(event.timeMs, this.availableAt))
    const here = this.targetsOf(source, event, message, index)
    this.fold(here, event, this.availableAt, this.seq, row, rowKey(contributions, index))
    this.changes?.note(here)
    return 'a'
  }

  /** The entities here that an event feeds; of a table's row only in views that were there when it was put in. */
  private targetsOf(
    source: SourceRuntime,
    { values }: CheckedEvent,
    message: ApplyMessage,
    index: number,
  ): readonly Target[] {
    const { contributions, position } = message
    const here = this.targets.find(source, values, sliceAt(message, index))
    if (contributions === undefined || position === undefined) return here
    const { plan } = this.options.entity
    const row = contributions.seqs[index] as number
    const first = position.offsets[0] ?? 0
    // What was put in before the table was handed over is numbered as it was then.
    const before = contributions.parts?.[index]
    const sequence = before ? tableSequence(before) : position.sequence
    const has = (view: number) => this.viewStarts.has(plan[view] as ViewPlan, source.spec.name, sequence, row, first)
    return here.map((target) => {
      const views = target.route.views.filter(({ view }) => has(view))
      return views.length === target.route.views.length ? target : { ...target, route: { ...target.route, views } }
    })
  }

  /**
   * A record that is sent again under an id, because another shard fails at it, gets that id here: parked and replayed, it
   * comes by it. One that was refused is none that was counted.
   */
  private noteKnown(source: SourceRuntime, raw: unknown, message: ApplyMessage, index: number, row: number): void {
    const id = message.ids?.[index]
    if (typeof id !== 'string') return
    const event = source.contract.check(raw, message.arrivalMs, id)
    if (isRefusal(event) || event.id === null) return
    const payload = source.contract.payloadHash(event.values)
    this.hashId(source, event.id)
    if (this.ids.check(this.idWords, payload) !== 'new') return
    this.ids.add(this.idWords, payload, this.availableAt, row)
    // No journal row holds it.
    this.ids.save(this.availableAt)
  }

  /** Ids are scoped by source. */
  private hashId(source: SourceRuntime, id: string): void {
    murmur128(`${source.spec.name}\n${id}`, this.idWords)
  }

  /**
   * Refuses an event that belongs elsewhere, or that no view of an entity here would read, however early a read was. What is
   * imported is recorded all the same: it is history, and never too late.
   */
  private judgeReach(
    source: SourceRuntime,
    here: readonly Target[],
    timeMs: number,
    isImported: boolean,
  ): Refusal | undefined {
    const entity = this.options.entity.spec.name
    if (here.length === 0) {
      return refusal(
        'missing_key',
        `No ${entity} of this event lives in shard ${this.name}: the door routed it wrongly.`,
      )
    }
    if (isImported) return undefined
    // Nearly every event is readable at the greatest mark of the shard, and so for its own entity: no cell is looked up.
    const isRead =
      here.some(({ route }) => isReadAt(route, timeMs, this.mark)) ||
      here.some(({ route, key, hash }) => isReadAt(route, timeMs, this.pages.find(key, hash)?.mark ?? 0))
    if (isRead) return undefined
    const time = new Date(timeMs).toISOString()
    const why = `${time} is before everything that a view of ${entity} still reads, so it would count nowhere.`
    return refusal('too_late', why, source.spec.time)
  }

  /** Of what is done again, views that came after the commit have no part. */
  private thatCame(target: Target): Target {
    const { plan } = this.options.entity
    const views = target.route.views.filter(({ view }) => this.viewCame.has(plan[view] as ViewPlan, this.seq))
    return views.length === target.route.views.length ? target : { ...target, route: { ...target.route, views } }
  }

  /** Gives an event's row to each view of each entity that it feeds here. */
  private fold(
    here: readonly Target[],
    { timeMs, values }: CheckedEvent,
    availableAt: number,
    seq: number,
    row: number,
    rowKey?: RowKey,
  ): void {
    const { layouts } = this
    const { part } = this.options
    for (const { route, key, hash } of here) {
      this.pages.change(key, hash, seq, row, (cell) => {
        for (const { view, rowOf } of route.views) {
          const kept = rowOf(values)
          if (cell.append(layouts, part, view, timeMs, availableAt, seq, kept, rowKey)) this.open.hold(cell)
        }
      })
    }
  }

  /** Saves a few pages, so that the journal stays short; never all, so that no batch waits long. */
  private checkpoint(events: number): void {
    const { pages, ids, journal } = this
    this.pagesDue += (pages.dirtyCount * events) / EVENTS_PER_ROUND
    for (; this.pagesDue >= 1 && pages.oldestDirty !== undefined; this.pagesDue--) pages.saveOldest(this.seq)
    while ((pages.oldestDirty ?? journal.nextRow) < journal.oldestKept) pages.saveOldest(this.seq)
    pages.relieve(this.seq)
    if (ids.isFull || (ids.oldestUnsaved ?? journal.nextRow) < journal.oldestKept) ids.save(this.availableAt)
    else ids.step(this.availableAt)
  }

  /** Takes in again what the journal says was accepted, where pages and id runs do not have it yet. */
  private redo(
    { row, seqBefore, availableAt, mark, verdicts, contract, message }: JournalEntry,
    saved: JournalEntry['saved'],
  ): void {
    this.availableAt = Math.max(this.availableAt, availableAt)
    this.mark = Math.max(this.mark, mark)
    this.seq = seqBefore
    const source = this.options.plan.sources.get(message.source)
    // Everything accepted has its commit number for ever, also where a change of plan took its source away.
    if (source === undefined) {
      this.seq += verdicts.split('a').length - 1
      return
    }
    const then = this.contracts.find(contract, source)
    const stamps = message.stamps && stampedRows(message.stamps, then.enrichments, then.exactNumbers)
    forEachEvent(eventsOf(then.exactNumbers, message), (raw, _broken, index) => {
      if (verdicts[index] !== 'a') return
      this.seq++
      const { contributions } = message
      const event = contributions
        ? this.contracts.find(contributions.contracts[index] as number, source).reread(raw)
        : then.readAgain(raw, idOf(message, index), stamps?.(index) ?? [])
      if (event === undefined) {
        // Never seen: code that checks one contract in two ways. Not a reason to lose the shard.
        this.unreadable++
        return
      }
      if (event.id !== null && row >= saved.ids) {
        this.hashId(source, event.id)
        const payload = source.contract.payloadHash(event.values)
        if (this.ids.check(this.idWords, payload) === 'new') this.ids.add(this.idWords, payload, availableAt, row)
      }
      if (row < saved.pages) return
      const key = contributions && rowKey(contributions, index)
      const here = this.targetsOf(source, event, message, index).map((target) => this.thatCame(target))
      this.fold(here, event, availableAt, this.seq, row, key)
    })
  }

  /** Begins to fill a view with the history from before it came, or says how that stands. */
  beginBackfill(view: string): Backfill | NoBackfill {
    return this.backfills.begin(view, this.seq)
  }

  /** Takes in one piece of a backfill: a commit of its own, so that copies elsewhere are replaced. One that was there before changes nothing. */
  takeBackfill(piece: BackfillPiece): Backfill | NoBackfill {
    const { storage, now } = this.options
    const judged = this.backfills.judge(piece)
    if (judged !== 'taken' && 'refused' in judged) return judged
    if (judged !== 'taken') {
      const states = this.backfills.statesOf(piece)
      if ('refused' in states) return states
      storage.transaction(() => {
        this.commitWithout(now(), (seq, row) => {
          for (const { key, hash, state } of states)
            this.pages.change(key, hash, seq, row, (cell) => cell.absorb(this.layouts, this.options.part, state, seq))
          this.changes?.list(this.availableAt, seq, { views: [piece.view], keys: states.map(({ key }) => key) })
        })
        this.backfills.note(piece.view, piece.cells.at(-1)?.key ?? null)
      })
      this.pages.shrink()
    }
    return this.backfills.find(piece.view) as Backfill
  }

  /** All pieces are in: the view's history is complete from a time on, ms. */
  endBackfill(view: string, sinceMs: number): Backfill | NoBackfill {
    const known = this.backfills.find(view)
    const plan = this.backfills.viewOf(view)
    // A view that was there from the beginning lacks nothing of its shard; its history may have come in as events.
    const isWhole = plan !== undefined && this.viewCame.of(plan) === 0
    if (plan === undefined || (known === undefined && !isWhole))
      return { refused: 'not_begun', message: `no backfill of ${view} has begun here` }
    this.options.storage.transaction(() => {
      this.since.reach(plan, sinceMs)
      if (known) this.backfills.note(view, null)
    })
    this.reads.forgetReaders()
    return this.backfills.find(view) ?? { view, cut: 0, takenOutUpTo: 0, upTo: null, isDone: true }
  }

  /**
   * Forgets entities: all their rows, here, in the journal and in what waits for the log. A commit of its own, so that copies
   * elsewhere are replaced; of an entity that was never seen nothing changes. Also of a shard that has handed over.
   *
   * @returns the commit, and how many of the entities were here
   */
  erase(keys: readonly string[]): { readonly seq: number; readonly found: number } {
    const { storage, now, entity } = this.options
    const here = keys.filter((key) => this.pages.find(key, hashKey(key)) !== undefined)
    storage.transaction(() => {
      this.commitWithout(now(), (seq, row) => {
        for (const key of here) this.pages.change(key, hashKey(key), seq, row, (cell) => cell.erase(this.layouts, seq))
        const views = entity.plan.map(({ spec }) => spec.name).sort()
        this.changes?.list(this.availableAt, seq, { views, keys: here })
        this.log?.erase(keys, seq)
        this.backfills.erase(keys)
      })
      this.pages.saveAll(this.seq)
      this.ids.save(this.availableAt)
      this.journal.turn((row) => this.emptyEntry(row, this.seq, ''))
    })
    this.pages.shrink()
    return { seq: this.seq, found: here.length }
  }

  /**
   * A commit that no event made. Its journal row has nothing to do again, so what it changes is saved with it. Inside a transaction.
   */
  private commitWithout(nowMs: number, change: (seq: number, row: number) => void): void {
    const row = this.journal.nextRow
    const seqBefore = this.seq
    this.availableAt = Math.max(this.availableAt, nowMs)
    this.seq++
    change(this.seq, row)
    this.pages.saveChangedBy(this.seq)
    this.journal.write(this.emptyEntry(row, seqBefore, 'a'))
    this.checkpoint(0)
  }

  /** A journal row without an event. */
  private emptyEntry(row: number, seqBefore: number, verdicts: '' | 'a'): JournalEntry {
    const saved = { pages: this.pages.oldestDirty ?? row, ids: this.ids.oldestUnsaved ?? row }
    const { availableAt, mark } = this
    const quality = this.quality.stored
    const message = { version: MESSAGE_VERSION, plan: '', source: '', arrivalMs: availableAt, events: '[]', fanout: '' }
    const entry = { row, seqBefore, availableAt, mark, verdicts, saved, contract: 0, message }
    return quality ? { ...entry, quality } : entry
  }

  /** Reads entities at a request time. */
  read(message: ReadMessage): ReadAnswer | ShardUnavailable {
    return this.mismatch(message) ?? this.partial() ?? this.reads.read(message, this.seq)
  }

  /** One slice must not pass for the entity: `copies` gives it, for whoever has all of them. */
  private partial(): ShardUnavailable | undefined {
    const { entity } = this.options
    const spread = spreadOf(entity)
    if (spread === 1) return undefined
    const message = `shard ${this.name} has one of the ${spread} slices that each ${entity.spec.name} is spread over: ask for copies`
    return { unavailable: 'spread', message }
  }

  /** What to copy of an entity; undefined for one that was never seen. Its state is the shard's own: not kept, not changed. */
  copy<T>(key: string, make: (entity: CopiedEntity) => T): T | undefined {
    return this.reads.copy(key, make)
  }

  /** What orders the copies of an entity whose state cannot be read; undefined for one that was never seen. */
  orderOf(key: string): { readonly mark: number; readonly seq: number } | undefined {
    return this.reads.orderOf(key)
  }

  /** Entities as they are, for whoever merges them with other parts. */
  copies(message: CopiesMessage): CopiesAnswer | ShardUnavailable {
    const { after } = message
    const mismatch = this.mismatch(message)
    if (mismatch) return mismatch
    if (after !== undefined && after > this.seq) return { notYet: { seq: this.seq } }
    return { seq: this.seq, atMs: this.options.now(), ...this.history, entities: this.reads.copies(message.keys) }
  }

  /** From when on what is counted here is complete. */
  get history(): History {
    return this.reads.history
  }

  /** From when on the history of a feature is complete, ms. */
  get sinceOf(): Since['of'] {
    return this.reads.sinceOf
  }

  /** The keys of one page of entities, for a full walk in the order of pages; undefined behind the last. */
  keysOfPage(page: number): readonly string[] | undefined {
    return this.pages.keysOf(page)
  }

  /** Why a feature of an entity has its value at t; null for an entity that was never seen. */
  explain(feature: FeatureRef, key: string, t: number): Explanation | null {
    return this.reads.explain(feature, key, t)
  }

  /** The canonical bytes of every entity, sorted by key: what two shards of the same events agree on. */
  canonical(): [string, Uint8Array][] {
    const { part } = this.options
    const all = [...this.pages.cells()].map((cell): [string, Uint8Array] => [
      cell.key,
      cell.canonical(this.layouts, part),
    ])
    return all.sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

/** What the events of one batch have in common. */
interface Batch {
  readonly source: SourceRuntime
  readonly message: ApplyMessage
  /** Of the journal. */
  readonly row: number
  readonly stamps: StampedRows | undefined
  readonly judge: BatchQuality | undefined
}

/** Whether some view of a route would read an event of this time, of an entity with this mark. */
function isReadAt({ entity, views }: Route, timeMs: number, mark: number): boolean {
  if (timeMs >= mark) return true
  for (const { view } of views) if (timeMs >= oldestReadable(entity.plan[view] as ViewPlan, mark)) return true
  return false
}

/** The views of an entity that somebody keeps copies of. */
function copiedViews({ plan, entity, isCopied }: ShardOptions): ReadonlySet<string> {
  if (isCopied) return new Set(entity.plan.map(({ spec }) => spec.name))
  const topics = plan.spec.topics?.filter((topic) => topic.entity === entity.spec.name) ?? []
  return new Set(topics.flatMap(({ views }) => views))
}

function conflict(id: string): Refusal {
  const shown = JSON.stringify(id.slice(0, 64))
  return refusal(
    'conflict',
    `Id ${shown} was accepted with another payload; a correction is an event with an id of its own.`,
  )
}
