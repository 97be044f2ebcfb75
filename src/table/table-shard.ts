import { CHANGE, contentId, encodeKey, isRefusal, parseEvents, type Refusal, refusal } from '../contract/index.ts'
import { type FieldSpec, jsonText, type Part, type Value } from '../engine/index.ts'
import { hashKey, type Plan, type Route, type SourceRuntime } from '../plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  type BatchQuality,
  Contracts,
  type ExpectationCount,
  judgeBatch,
  MESSAGE_VERSION,
  Outbox,
  Positions,
  type RowsAnswer,
  type RowsMessage,
  type ShardRefusal,
  type ShardUnavailable,
  SourceQuality,
  type StoredQuality,
} from '../shard/index.ts'
import { murmur32 } from '../util/murmur3.ts'
import { type Change, readChange } from './change.ts'
import { Contributor, type Destinations } from './contributor.ts'
import { TableHandOver } from './hand-over.ts'
import type { TableStorage } from './storage.ts'
import { formatRow, type LiveRow, parseRow, type StoredRow } from './stored-row.ts'
import { compareVersions, isNewer, type RowVersion } from './version.ts'

/** Rows that a truncate takes out in one transaction. */
const TRUNCATED_ROWS = 500
/** About how much text of rows one answer has: RPC takes 32 MB. */
const ANSWER_UNITS = 2 * 1024 * 1024

export interface TableShardOptions {
  readonly plan: Plan
  readonly source: SourceRuntime
  readonly part: Part
  readonly storage: TableStorage
  /** Where rows go. */
  readonly destinations: Destinations
  /** The clock, ms: read once a call. */
  readonly now: () => number
}

/**
 * One shard of a table: the last row of each of its keys. A change of a row takes the old one out of every entity that it
 * fed and puts the new one in; both leave by the outbox that is written in the transaction of the change, in its order. So
 * no before-image is needed, and what came twice or too late changes nothing.
 */
export class TableShard {
  private readonly options: TableShardOptions
  private readonly table: Route
  private readonly positions: Positions
  private readonly letters: Outbox
  private readonly contracts: Contracts
  private readonly contributor: Contributor
  /** Rows older than it are gone, also those that are still to be taken out. */
  private truncated: RowVersion | null
  /** The key behind which rows are still to be looked at for it; null when that is done. */
  private truncating: string | null
  private truncatedAt: number
  private unknownDeletes = 0
  private readonly quality: SourceQuality
  /** For the shards of the next epoch. */
  readonly handOver: TableHandOver

  constructor(options: TableShardOptions) {
    const { plan, source, storage, part, destinations } = options
    if (source.table === null) throw new Error(`${source.spec.name} is no table`)
    this.options = options
    this.table = source.table
    this.positions = new Positions(storage)
    this.letters = new Outbox(storage.letters)
    this.contracts = new Contracts(plan, storage)
    this.contributor = new Contributor(source, this.contracts, tablePart(source.spec.name, part), storage, destinations)
    const truncate = storage.readMeta('truncate')
    const parsed = truncate === undefined ? null : (JSON.parse(truncate) as StoredTruncate)
    this.truncated = parsed === null ? null : parseRow(parsed.version).version
    this.truncating = parsed?.after ?? null
    this.truncatedAt = parsed?.at ?? 0
    this.unknownDeletes = Number(storage.readMeta('unknown deletes') ?? '0')
    const quality = source.spec.expect && storage.readMeta('quality')
    this.quality = new SourceQuality(source, quality === undefined ? undefined : (JSON.parse(quality) as StoredQuality))
    this.handOver = new TableHandOver({
      storage,
      part,
      positions: this.positions,
      isDrained: () => this.contributor.isEmpty && this.truncating === null,
    })
  }

  /** Refusals that wait for the dead letters. */
  get refusals(): Outbox {
    return this.letters
  }

  /** Rows on their way to the entities. */
  get outbox(): Contributor {
    return this.contributor
  }

  /** Deletes of keys that were never there: they changed nothing. */
  get stats() {
    return { unknownDeletes: this.unknownDeletes, seq: this.contributor.seq, truncating: this.truncating !== null }
  }

  /** What was counted here for each expectation of the table, in declared order. */
  expectations(): ExpectationCount[] {
    return this.quality.counts(this.options.now())
  }

  private get name(): string {
    const { source, part } = this.options
    return `table ${source.spec.name}/${part.epoch}/${part.shard}`
  }

  private mismatch({ version, plan }: ApplyMessage | RowsMessage): ShardUnavailable | undefined {
    const own = this.options.plan.hash
    const { sealed } = this.handOver
    if (sealed !== null)
      return { unavailable: 'sealed', message: `${this.name} has been taken over by epoch ${sealed}` }
    if (version !== MESSAGE_VERSION) return { unavailable: 'unknown_version', message: `message version ${version}` }
    return plan === own ? undefined : { unavailable: 'unknown_plan', message: `plan ${plan}, this table runs ${own}` }
  }

  /**
   * Takes in changes. What is in the answer is durable; the entities have it once the outbox is empty. Throws only when the
   * storage does: then the shard must be opened anew.
   */
  apply(message: ApplyMessage): ApplyAnswer | ShardUnavailable {
    const { source, storage, now } = this.options
    const { name } = source.spec
    const { position } = message
    const mismatch = this.mismatch(message)
    if (mismatch) return mismatch
    if (position && this.positions.fences(name, position)) {
      return { unavailable: 'fenced', message: `a newer reader of ${position.sequence} has taken over` }
    }
    const next = position ? this.positions.next(name, position) : 0
    const refused: ShardRefusal[] = []
    let verdicts = ''
    storage.transaction(() => {
      const parsed = parseEvents(message.events, source.contract.exactNumbers)
      if (isRefusal(parsed)) throw new Error(`a door sent what is no list of changes: ${parsed.message}`)
      const judge = judgeBatch(source, parsed.raws, message.replays !== undefined)
      parsed.raws.forEach((raw, index) => {
        const isKnown = position !== undefined && (position.offsets[index] as number) < next
        const outcome = isKnown ? 'd' : (parsed.broken.get(index) ?? this.take(raw, message, index, judge))
        if (typeof outcome === 'string') verdicts += outcome
        else {
          verdicts += 'r'
          refused.push({ index, ...outcome })
        }
      })
      if (refused.length > 0) this.letters.write(this.name, message, refused)
      if (judge?.isEmpty === false) {
        this.quality.add(judge, now())
        storage.writeMeta('quality', JSON.stringify(this.quality.stored))
      }
      this.positions.advance(message)
      this.contributor.write(message.arrivalMs)
    })
    return { verdicts, refused, seq: this.contributor.seq }
  }

  private take(raw: unknown, message: ApplyMessage, index: number, judge?: BatchQuality): 'a' | 'd' | Refusal {
    const change = readChange(raw, message, index)
    if (isRefusal(change)) return change
    if (change.op === 't') return this.truncate(change.version)
    if (this.truncated !== null && !isNewer(change.version, this.truncated)) return 'd'
    const key = this.keyOf(change)
    if (typeof key !== 'string') return key
    const text = this.options.storage.readRow(key)
    const known = text === undefined ? null : parseRow(text)
    if (known !== null && !isNewer(change.version, known.version)) return 'd'
    if (change.op !== 'd') {
      const outcome = this.put(key, known, change, message.arrivalMs, judge)
      if (typeof outcome !== 'string' && known?.row) this.doubt(key, known, change.version)
      return outcome
    }
    const verdict = this.remove(key, known, change.version)
    if (verdict === 'a') judge?.accept(changedMs(change, message.arrivalMs))
    return verdict
  }

  /** The row stays as it was, but what a later change leaves out is no longer known: the refused one may have changed it. */
  private doubt(key: string, known: StoredRow, refused: RowVersion): void {
    if (known.doubt && !isNewer(refused, known.doubt)) return
    this.write(key, { ...known, doubt: refused })
  }

  /** Not so for a row that a truncate has yet to take out. */
  private isThere({ row, version }: StoredRow): boolean {
    if (row === null || this.truncated === null) return row !== null
    const order = compareVersions(version, this.truncated)
    // Where the source cannot tell, what was there when the truncate came is gone.
    return order === 'newer' || (order === 'unknown' && row.seq > this.truncatedAt)
  }

  private keyOf({ fields }: Change): string | Refusal {
    const { contract, spec } = this.options.source
    const parts: Value[] = []
    for (const field of this.table.keyFields) {
      const value = contract.checkField(field, fields[spec.fields[field]?.name ?? ''])
      if (typeof value === 'object' && value !== null && isRefusal(value)) return value
      parts.push(value)
    }
    return encodeKey(parts, this.table.keyTypes)
  }

  private remove(key: string, old: StoredRow | null, version: RowVersion): 'a' | 'd' {
    const { storage } = this.options
    // What is deleted is remembered: an older version of it may still come.
    this.write(key, { version, row: null })
    if (old?.row) {
      this.takeOut(old.row)
      return 'a'
    }
    this.unknownDeletes++
    storage.writeMeta('unknown deletes', String(this.unknownDeletes))
    return 'd'
  }

  private put(
    key: string,
    old: StoredRow | null,
    change: Change,
    arrivalMs: number,
    judge: BatchQuality | undefined,
  ): 'a' | 'd' | Refusal {
    const { source } = this.options
    const { contract, spec } = source
    const fields = this.complete(change, old)
    if (isRefusal(fields)) return fields
    const event = contract.check(fields, arrivalMs, null)
    if (isRefusal(event)) return event
    const content = this.contentOf(event.values)
    if (old?.row && this.isThere(old) && old.row.content === content) {
      // A snapshot that is read again, an update of nothing: the row stays where it is, also in time.
      this.write(key, { version: change.version, row: old.row, ...doubtAfter(old, change) })
      return 'd'
    }
    const unexpected = judge?.judge(event.values, changedMs(change, arrivalMs), true, true)
    if (unexpected) return unexpected
    if (old?.row) this.takeOut(old.row)
    const text = `{${spec.fields
      .map((field, i) => `${JSON.stringify(field.name)}:${valueText(field, event.values[i] as Value)}`)
      .join()}}`
    const seq = this.contributor.putIn(text, event.values)
    const row = { text, seq, content, contract: this.contracts.nameOf(source) }
    this.write(key, { version: change.version, row, ...doubtAfter(old, change) })
    return 'a'
  }

  /** The row's fields, with those that were not sent because they did not change. */
  private complete(change: Change, old: StoredRow | null): Readonly<Record<string, unknown>> | Refusal {
    if (change.unchanged.length === 0) return change.fields
    const isInDoubt = old?.doubt !== undefined && compareVersions(change.version, old.doubt) === 'newer'
    const before =
      old?.row && this.isThere(old) && !isInDoubt
        ? parseEvents(old.row.text, this.options.source.contract.exactNumbers)
        : null
    if (before === null || isRefusal(before)) {
      const field = change.unchanged[0] as string
      const why = `"${field}" was not sent because it did not change, and`
      const problem = isInDoubt
        ? 'the change before was refused: replay that dead letter first, then this one.'
        : 'this row was never seen before: have the connector take a snapshot of the table.'
      return refusal('unknown_row', `${why} ${problem}`, field)
    }
    const row = before.raws[0] as Readonly<Record<string, unknown>>
    const kept = change.unchanged.map((name) => [name, row[name]])
    return { ...change.fields, ...Object.fromEntries(kept) }
  }

  /** Under the name of the shard that put it in, which may be one of the epoch before. */
  private takeOut(row: LiveRow): void {
    const { part, ...rest } = row
    this.contributor.takeOut(part ? { ...rest, part: tablePart(this.options.source.spec.name, part) } : row)
  }

  private write(key: string, row: StoredRow): void {
    this.options.storage.writeRow(key, formatRow(row), this.handOver.round)
  }

  /** Tells rows of different content apart. When it was committed is no content: a snapshot says that anew. */
  private contentOf(values: readonly Value[]): string {
    const { fields } = this.options.source.spec
    return contentId(values.filter((_, i) => fields[i]?.name !== CHANGE.time))
  }

  private truncate(version: RowVersion): 'a' | 'd' {
    if (this.truncated !== null && !isNewer(version, this.truncated)) return 'd'
    this.truncated = version
    this.truncatedAt = this.contributor.seq
    this.truncating = ''
    this.saveTruncate()
    return 'a'
  }

  private saveTruncate(): void {
    if (this.truncated === null) return
    const stored: StoredTruncate = {
      version: formatRow({ version: this.truncated, row: null }),
      after: this.truncating,
      at: this.truncatedAt,
    }
    this.options.storage.writeMeta('truncate', JSON.stringify(stored))
  }

  /** Takes out some of what a truncate has left. Says whether there was anything to do: call it until there is not. */
  work(): boolean {
    const { storage, now } = this.options
    if (this.truncated === null || this.truncating === null) return false
    const rows = storage.scanRows(this.truncating === '' ? null : this.truncating, TRUNCATED_ROWS)
    storage.transaction(() => {
      for (const { key, body } of rows) {
        const known = parseRow(body)
        if (known.row === null || this.isThere(known)) continue
        this.takeOut(known.row)
        // Whoever has copied it must learn that it is gone.
        if (this.handOver.round > 0) this.write(key, { version: known.version, row: null })
        else storage.deleteRow(key)
      }
      this.truncating = rows.length < TRUNCATED_ROWS ? null : (rows.at(-1)?.key ?? null)
      this.saveTruncate()
      this.contributor.write(now())
    })
    return true
  }

  /** The rows of some keys, as they are now; of the first keys alone when an answer cannot hold them all. */
  rows(message: RowsMessage): RowsAnswer | ShardUnavailable {
    const mismatch = this.mismatch(message)
    if (mismatch) return mismatch
    const { storage, source } = this.options
    const fields = message.columns.map((column) => source.spec.fields.findIndex(({ name }) => name === column))
    const rows: (string | null)[] = []
    let units = 0
    for (const key of message.keys) {
      if (units > ANSWER_UNITS) break
      const body = storage.readRow(key)
      const known = body === undefined ? null : parseRow(body)
      const text = known?.row && this.isThere(known) ? this.columnsOf(known.row, fields) : null
      units += text?.length ?? 0
      rows.push(text)
    }
    return { rows }
  }

  /** What the contract of before took and that of now does not is null. */
  private columnsOf({ text, seq, part: before }: LiveRow, fields: readonly number[]): string {
    const { source, part: own } = this.options
    const part = before ?? own
    const { contract, spec } = source
    const parsed = parseEvents(text, contract.exactNumbers)
    const row = isRefusal(parsed) ? {} : (parsed.raws[0] as Readonly<Record<string, unknown>>)
    const columns = fields.map((at) => {
      const field = spec.fields[at]
      const value = field === undefined ? null : contract.checkField(at, row[field.name])
      const isUnfit = field === undefined || (typeof value === 'object' && value !== null && isRefusal(value))
      return isUnfit ? 'null' : valueText(field, value as Value)
    })
    return `[${[`"${part.epoch}/${part.shard}/${seq}"`, ...columns].join()}]`
  }
}

/** A doubt ends with a change that is as new as what was refused. */
function doubtAfter(old: StoredRow | null, { version }: Change): Pick<StoredRow, 'doubt'> {
  const doubt = old?.doubt
  return doubt !== undefined && compareVersions(doubt, version) === 'newer' ? { doubt } : {}
}

/** When a change was committed, as it says itself; else when it came. */
function changedMs({ fields }: Change, arrivalMs: number): number {
  const time = fields[CHANGE.time]
  return typeof time === 'number' ? time : arrivalMs
}

interface StoredTruncate {
  readonly version: string
  /** The newest contribution when it came. */
  readonly at: number
  readonly after: string | null
}

/** A time is written as its field's format wants it. */
function valueText({ type, format }: FieldSpec, value: Value): string {
  const isTime = type === 'timestamp' && format === 'iso' && typeof value === 'number'
  return isTime ? JSON.stringify(new Date(value).toISOString()) : jsonText(value, type)
}

/** Parts of tables lie beyond those of entities' shards, and each table's apart from every other's. */
function tablePart(source: string, { region, epoch, shard }: Part): Part {
  return { region, epoch, shard: (1 + murmur32(source)) * MOST_SHARDS + shard }
}
const MOST_SHARDS = 65_536

/** The shard of a row, as doors find it. */
export const tableShardOf = (key: string, shards: number): number => hashKey(key) % shards
