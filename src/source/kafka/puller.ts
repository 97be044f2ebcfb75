import { type Decoder, isRefusal, type Refusal } from '../../contract/index.ts'
import { letterOrigin, replayId } from '../../dead-letters/index.ts'
import type { KafkaIntake } from '../../engine/index.ts'
import type { Receipt, Undelivered } from '../deliver.ts'
import type { EventBatch } from '../route.ts'
import { type DecodedPage, decodePage, oversizedBatch, type PageContext, type PageStop } from './decode-page.ts'
import type { KafkaFailure, KafkaHttp, KafkaRecord } from './kafka-http.ts'
import { judgeRange } from './out-of-range.ts'
import { PageReader } from './page-reader.ts'
import {
  type Barrier,
  type Halt,
  hasBegun,
  openedState,
  type PullerState,
  type Pulls,
  type ReadElsewhere,
} from './puller-state.ts'

/** Records that go to the shards in one piece: what fails together is tried again together. */
const PIECE_RECORDS = 5_000
/** How often a partition that is never empty asks where it ends. */
const LAG_EVERY_MS = 5_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
const LONGEST_RETRY_AFTER_MS = 5 * 60_000
/** A single record that shards fail at for so long and so often, while they take others, is poison. */
const POISON_TRIES = 12
const POISON_AFTER_MS = 60_000
const MOST_NOTES = 20
const FENCED_STEP = 1_000
/** Offsets without a record that are passed over in one go, behind one that is too large. */
const MOST_STEPS = 100
/** A shorter pause is slept through; a longer one ends the run. */
const SLEPT_MS = 1_000
/** How often it is saved how far it is: shards know that better, so what is read again is only passed over. */
const SAVE_EVERY_MS = 1_000

/** What came of asking for a writer schema. */
export type Learned =
  /**
   * The decoder knows it now, or knows that the registry has none of that number and refuses its records. `notes`: how it
   * differs from the contract without harm.
   */
  | { readonly kind: 'known'; readonly notes: readonly string[] }
  /** It does not fit the contract: nothing written by it is taken. */
  | { readonly kind: 'unfit'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string }

export interface PullerOptions {
  readonly intake: KafkaIntake
  readonly partition: number
  readonly kafka: KafkaHttp
  readonly decoder: Decoder
  /** Gets a writer schema from its registry and checks it against the contract. */
  readonly learn: (registry: string, id: number) => Promise<Learned>
  /** Has the shards take a batch in; resolves when all of it is durable. */
  readonly hand: (batch: EventBatch) => Promise<Receipt | Refusal | Undelivered>
  /** Whether every shard that a batch goes to would take another: asked when one fails for long. */
  readonly areWell: (batch: EventBatch) => Promise<boolean>
  /** Saves durably before it returns. */
  readonly save: (state: PullerState) => void
  readonly saved: PullerState | undefined
  /** Whether this region pulls the partition, by the routing of its source. */
  readonly pulls: Pulls
  /** Whether another region has read it: asked once, before its first record. Never throws. */
  readonly elsewhere: () => Promise<ReadElsewhere>
  /** ms since the epoch. */
  readonly now: () => number
  /** At least 0, less than 1. */
  readonly random: () => number
  readonly sleep: (ms: number) => Promise<void>
}

/** How a halted puller goes on. */
export interface ResumeOptions {
  readonly skip?: boolean
  readonly offset?: number
}

/**
 * Pulls one partition of a topic and hands its records over in their order, never past a failure. How far it is, it saves
 * now and then, when every shard has taken everything before; the shards know better than it what they have, so whatever is
 * read twice counts once.
 */
export class Puller {
  private readonly options: PullerOptions
  private state: PullerState
  private readonly reader: PageReader
  /** Records that were read and not yet taken. */
  private waiting: readonly KafkaRecord[] = []
  private waitingNext = -1
  /** Smaller after a failure, so that one record cannot hold up the rest for ever. */
  private pieceRecords = PIECE_RECORDS
  private failingSince = 0
  private isNew = true
  private running: Promise<number | null> | null = null
  /** It is to stop: no page is begun. */
  private leaving = false
  private lagAskedMs = 0
  private savedMs = 0
  private isUnsaved = false
  /** The next record that cannot be taken is parked, whatever the source says. */
  private skipping = false
  /** A person knows of the gap ahead. */
  private passesGap = false

  constructor(options: PullerOptions) {
    this.options = options
    this.reader = new PageReader(options)
    this.state = openedState(options.saved, options.pulls)
  }

  get status(): PullerState {
    return this.state
  }

  /** `topic/partition`, as shards and dead letters name it. */
  private get sequence(): string {
    return `${this.options.intake.topic}/${this.options.partition}`
  }

  /**
   * Pulls until a time, or until there is nothing to do.
   *
   * @returns how long to pause before the next run, ms; null when only a person can make it go on
   */
  async run(untilMs: number): Promise<number | null> {
    if (this.running !== null) return 0
    this.running = this.pull(untilMs)
    try {
      return await this.running
    } finally {
      this.running = null
    }
  }

  private async pull(untilMs: number): Promise<number | null> {
    if (this.state.phase !== 'running') return null
    let pause = this.isNew ? await this.begin() : 0
    if (this.state.phase !== 'running') return null
    while (pause < SLEPT_MS && this.options.now() < untilMs && !this.leaving) {
      if (pause > 0) await this.options.sleep(pause)
      pause = this.isNew ? await this.begin() : await this.turn()
      if (this.state.phase !== 'running') return null
    }
    if (this.isUnsaved) this.save()
    return pause
  }

  /** The partition was added after others were read: whatever is in it is new, wherever the source begins. */
  addedLater(): void {
    if (this.state.offset >= 0 || this.state.isLater) return
    this.update({ isLater: true })
    this.save()
  }

  /**
   * Lets a halted puller go on.
   *
   * @param skip passes over the record that it stands at, which is kept as a dead letter where it was read
   * @param offset where to go on, instead of where it stands
   */
  resume({ skip = false, offset }: ResumeOptions = {}): PullerState {
    if (this.state.phase !== 'halted') return this.state
    const reason = this.state.halt?.reason
    this.update({ phase: 'running', halt: null, failures: 0, problem: null })
    // Past whoever has taken over since: a person has said who pulls.
    if (reason === 'fenced') this.update({ generation: this.state.generation + FENCED_STEP })
    if (offset !== undefined) {
      // Behind what shards have of this topic they would pass over it all: it counts as another one.
      if (reason === 'beyond_end') this.update({ incarnation: this.state.incarnation + 1 })
      this.update({ offset })
    }
    this.skipping = skip
    this.passesGap = reason === 'gap'
    this.isNew = true
    this.save()
    return this.state
  }

  /** Ends the run under way with its page. */
  async settle(): Promise<void> {
    this.leaving = true
    // A run that fails is over, too.
    await this.running?.catch(() => null)
    this.leaving = false
  }

  /** Stops here for good, at the end of the page under way, and tells where another region can go on. */
  async handOver(): Promise<Barrier> {
    await this.settle()
    // A partition that was handed over before its first record has been read was handed over all the same.
    const generation = Math.max(1, this.state.generation)
    const { topicId, incarnation, offset } = this.state
    this.waiting = []
    this.reader.forget()
    this.update({ phase: 'away', halt: null, failures: 0, problem: null, generation })
    this.save()
    return { topicId, incarnation, offset, generation }
  }

  /** Takes the partition over where another region left it. */
  takeOver({ topicId, incarnation, offset, generation }: Barrier): PullerState {
    this.update({
      phase: 'running',
      halt: null,
      failures: 0,
      problem: null,
      topicId,
      incarnation,
      offset,
      // Whoever takes over asks nobody whether it may.
      generation: Math.max(1, generation, this.state.generation),
    })
    this.isNew = true
    this.save()
    return this.state
  }

  /** A reader of its own number, at a place to begin. */
  private async begin(): Promise<number> {
    const { kafka, intake, partition } = this.options
    if (!hasBegun(this.state)) {
      const elsewhere = await this.options.elsewhere()
      if (elsewhere.kind === 'failed') return this.failed(elsewhere)
      if (elsewhere.kind === 'read') return this.wait(elsewhere)
    }
    const topic = await kafka.topic(intake.topic)
    if (topic.kind === 'failed') return this.failed(topic)
    this.update({ generation: this.state.generation + 1 })
    if (this.state.topicId === null) this.update({ topicId: topic.id })
    else if (topic.id !== null && topic.id !== this.state.topicId) this.nextTopic(topic.id)
    if (this.state.offset < 0) {
      const range = await kafka.offsets({ topic: intake.topic, partition })
      if (range.kind === 'failed') return this.failed(range)
      const isFromEnd = intake.start === 'latest' && !this.state.isLater
      this.update({ offset: isFromEnd ? range.end : range.begin, end: range.end, firstPartitions: topic.partitions })
    }
    this.save()
    this.isNew = false
    return 0
  }

  /** One page: read it, hand it over, save how far that is. Gives the pause that should follow. */
  private async turn(): Promise<number> {
    if (this.waiting.length === 0) {
      const pause = await this.fill()
      if (pause !== null) return pause
    }
    const { decoder, now } = this.options
    const { onPoison } = this
    const piece = this.waiting.slice(0, this.skipping ? 1 : this.pieceRecords)
    const context = {
      ...this.context,
      decoder,
      onPoison,
      arrivalMs: now(),
    } as const
    const page = decodePage(piece, context)
    if (page.batch) {
      const answer = await this.options.hand(page.batch)
      if (isRefusal(answer)) return this.failed({ message: answer.message })
      if ('unavailable' in answer) return await this.undelivered(answer, page.batch, piece, context)
      this.count(page, answer)
    } else this.count(page, null)
    this.took(piece, page.taken)
    if (page.stop !== null) return await this.stopped(page.stop, piece[page.taken] as KafkaRecord)
    return 0
  }

  private get onPoison(): 'park' | 'halt' {
    return this.skipping ? 'park' : this.options.intake.onPoison
  }

  private get context(): Pick<PageContext, 'sequence' | 'incarnation' | 'generation'> {
    const { incarnation, generation } = this.state
    return { sequence: this.sequence, incarnation, generation }
  }

  /** Reads the next page. Null when there are records to hand over. */
  private async fill(): Promise<number | null> {
    const { offset, topicId, failures } = this.state
    const result = await this.reader.read(offset, topicId, failures === 0)
    if (result.kind === 'failed') return result.oversized ? await this.oversized(result) : this.failed(result)
    if (result.kind === 'out_of_range') return await this.outOfRange()
    if (result.records.length === 0) return this.empty(result.next)
    this.waiting = result.records
    this.waitingNext = result.next
    this.askLag()
    return null
  }

  /** Everything up to here is durable in every shard that it belongs to. */
  private took(piece: readonly KafkaRecord[], taken: number): void {
    if (taken === 0) return
    const last = piece[taken - 1] as KafkaRecord
    this.skipping = false
    this.waiting = this.waiting.slice(taken)
    const offset = this.waiting.length === 0 ? Math.max(this.waitingNext, last.offset + 1) : last.offset + 1
    this.succeeded()
    this.update({
      offset,
      end: Math.max(this.state.end, offset),
      newestMs: Math.max(this.state.newestMs, last.timestampMs ?? 0),
      seenMs: this.options.now(),
      idle: 0,
    })
    this.isUnsaved = true
    if (this.options.now() - this.savedMs >= SAVE_EVERY_MS) this.save()
  }

  private succeeded(): void {
    this.failingSince = 0
    // Back to large pieces by and by: the record behind the one that failed may be like it.
    this.pieceRecords = Math.min(PIECE_RECORDS, this.pieceRecords * 2)
    if (this.state.failures > 0) this.update({ failures: 0, problem: null })
  }

  private count({ taken, skipped }: DecodedPage, receipt: Receipt | null): void {
    const { counts } = this.state
    this.update({
      counts: {
        ...counts,
        records: counts.records + taken,
        skipped: counts.skipped + skipped,
        accepted: counts.accepted + (receipt?.accepted ?? 0),
        duplicates: counts.duplicates + (receipt?.duplicates ?? 0),
        refused: counts.refused + (receipt?.refused.length ?? 0),
      },
    })
  }

  /** There is nothing behind what was taken; the next look is later the longer that lasts. */
  private empty(next: number): number {
    const { idle, offset } = this.state
    const isAtEnd = next <= offset
    // Only what changes is saved: an idle partition writes nothing.
    this.succeeded()
    this.update({
      idle: idle + 1,
      offset: Math.max(offset, next),
      end: Math.max(offset, next),
      seenMs: this.options.now(),
    })
    if (!isAtEnd) this.save()
    return isAtEnd ? Math.min(this.options.intake.maxIdleMs, FIRST_PAUSE_MS * 2 ** Math.min(idle, 20)) : 0
  }

  /** A partition that is never empty would not notice how far behind it is. */
  private askLag(): void {
    const { kafka, intake, partition, now } = this.options
    if (now() - this.lagAskedMs < LAG_EVERY_MS) return
    this.lagAskedMs = now()
    const asked = kafka.offsets({ topic: intake.topic, partition }).then((range) => {
      if (range.kind === 'offsets') this.update({ end: Math.max(this.state.offset, range.end) })
    })
    // Nothing waits for it, and a failure shows in the reads.
    asked.catch(() => {})
  }

  /** The topic was deleted and made again: everything in it is new. */
  private nextTopic(topicId: string): void {
    const { incarnation } = this.state
    this.reader.forget()
    this.waiting = []
    this.update({ topicId, incarnation: incarnation + 1, offset: 0, end: -1 })
  }

  private async outOfRange(): Promise<number> {
    const { kafka, intake, partition } = this.options
    const topic = await kafka.topic(intake.topic)
    if (topic.kind === 'failed') return this.failed(topic)
    const range = await kafka.offsets({ topic: intake.topic, partition })
    if (range.kind === 'failed') return this.failed(range)
    const onGap = this.passesGap && intake.onGap === 'halt' ? 'earliest' : intake.onGap
    const verdict = judgeRange(this.state, topic, range, onGap, this.sequence)
    if (verdict.kind === 'again') return this.failed({ message: verdict.message })
    if (verdict.kind === 'halt') return this.halt(verdict.reason, verdict.message)
    if (verdict.kind === 'next_topic') this.nextTopic(verdict.id)
    else {
      const { counts } = this.state
      this.passesGap = false
      this.update({ offset: verdict.to, end: range.end, counts: { ...counts, lost: counts.lost + verdict.lost } })
    }
    this.save()
    return 0
  }

  /** Whatever is next is larger than may be held: it is noted and passed over, or halts. */
  private async oversized(failure: KafkaFailure): Promise<number> {
    const { now, decoder, hand } = this.options
    const { onPoison } = this
    const { offset, counts } = this.state
    const alone = await this.reader.readOne(offset, this.state.topicId)
    if (alone.kind === 'records' && alone.records.length > 0) {
      this.waiting = alone.records
      this.waitingNext = alone.next
      return 0
    }
    if (alone.kind !== 'failed' || !alone.oversized) return this.failed(failure)
    const message = `the record at or behind offset ${offset} of ${this.sequence} is larger than can be read`
    if (onPoison === 'halt') return this.halt('poison', `${message}. Resume with skip to go on behind it.`)
    const next = await this.behindOversized(offset)
    const letter = oversizedBatch(offset, next, { ...this.context, decoder, onPoison, arrivalMs: now() })
    const answer = await hand(letter)
    if (isRefusal(answer) || 'unavailable' in answer) return this.failed({ message })
    this.skipping = false
    this.update({ offset: next, counts: { ...counts, records: counts.records + 1, refused: counts.refused + 1 } })
    this.save()
    return 0
  }

  /** The first offset behind it from which something else can be read: gaps before the record are part of the way. */
  private async behindOversized(from: number): Promise<number> {
    let offset = from + 1
    for (let steps = 1; steps < MOST_STEPS; steps++, offset++) {
      const next = await this.reader.readOne(offset, this.state.topicId)
      if (next.kind !== 'failed' || !next.oversized) break
    }
    return offset
  }

  /** Nothing moves on. The piece is halved, so that in the end the record that is to blame stands alone. */
  private async undelivered(
    answer: Undelivered,
    batch: EventBatch,
    piece: readonly KafkaRecord[],
    context: PageContext,
  ): Promise<number> {
    const { now, hand } = this.options
    if (answer.unavailable === 'fenced')
      return this.halt('fenced', `${answer.message}. Resume to pull it from here again.`)
    if (this.failingSince === 0) this.failingSince = now()
    this.pieceRecords = Math.max(1, piece.length >> 1)
    const isStuck =
      piece.length === 1 && this.state.failures >= POISON_TRIES && now() - this.failingSince >= POISON_AFTER_MS
    // Shards that are down fail at everything, and that passes; one that is well and fails at this record will for ever.
    if (!isStuck || !(await this.options.areWell(batch))) return this.failed({ message: answer.message })
    const record = piece[0] as KafkaRecord
    const message = `the record at offset ${record.offset} of ${this.sequence} fails each time: ${answer.message}`
    if (this.onPoison === 'halt') return this.halt('poison', `${message}. Resume with skip to go on behind it.`)
    const why: Refusal = { reason: 'poison', message }
    const { beside } = this.options.decoder
    // Shards that have it already note it by the id that a replay of the letter will come by.
    const ids = [replayId({ letter: '', ...letterOrigin(batch, 0) }, false)]
    await hand({ ...batch, ids })
    const parked = decodePage([record], {
      ...context,
      decoder: { decode: () => ({ kind: 'refused', why }), beside },
      onPoison: 'park',
    })
    const kept = parked.batch ? await hand(parked.batch) : null
    if (kept === null || isRefusal(kept) || 'unavailable' in kept) return this.failed({ message })
    this.count(parked, kept)
    this.took(piece, 1)
    return 0
  }

  private async stopped(stop: PageStop, { offset }: KafkaRecord): Promise<number> {
    if (stop.kind === 'poison') {
      const what = `the record at offset ${offset} of ${this.sequence} cannot be taken: ${stop.why.message}`
      return this.halt('poison', `${what} Resume with skip to keep it as a dead letter and go on.`)
    }
    const learned = await this.options.learn(stop.registry, stop.id)
    if (learned.kind === 'failed') return this.failed({ message: learned.message })
    if (learned.kind === 'unfit') return this.halt('schema', `offset ${offset} of ${this.sequence}: ${learned.message}`)
    const notes = [...new Set([...this.state.notes, ...learned.notes])].slice(-MOST_NOTES)
    this.update({ notes })
    return 0
  }

  /** Waits the longer the more often it fails, by full jitter, so that partitions do not all come back at once. */
  private failed({ message, retryAfterMs, transient }: Partial<KafkaFailure> & { readonly message: string }): number {
    const { failures } = this.state
    if (transient === false) return this.halt('denied', `${message}. Mend it and resume.`)
    this.reader.forget()
    this.update({ failures: failures + 1, problem: message, seenMs: this.options.now() })
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 20))
    const asked = Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS)
    return Math.max(1, asked, Math.ceil(this.options.random() * longest))
  }

  /** What another region has read would be counted here a second time. */
  private wait({ region, next }: { readonly region: string; readonly next: number }): number {
    const problem = `region ${region} has read it${next > 0 ? ` up to offset ${next - 1}` : ''}: move it from there`
    // Without a home there is nowhere that it should go: it stays where it is pulled.
    if (this.options.pulls === 'first') this.update({ phase: 'away', failures: 0, problem: null })
    else this.update({ phase: 'waiting', failures: 0, problem })
    this.save()
    return 0
  }

  private halt(reason: Halt['reason'], message: string): number {
    const { offset } = this.state
    this.reader.forget()
    this.waiting = []
    this.update({ phase: 'halted', halt: { reason, message, offset, sinceMs: this.options.now() } })
    this.save()
    return 0
  }

  private update(changes: Partial<PullerState>): void {
    this.state = { ...this.state, ...changes }
  }

  private save(): void {
    this.savedMs = this.options.now()
    this.isUnsaved = false
    this.options.save(this.state)
  }
}
