import type { LogFeed, LogSpan } from '../../shard/index.ts'
import type { ObjectStore } from '../objects.ts'
import {
  editManifest,
  type LogEdit,
  type LogShard,
  MANIFEST_FORMAT,
  type Manifest,
  manifestKey,
  type Removal,
  readManifest,
  type Segment,
  segmentKey,
  writeManifest,
} from './manifest.ts'
import { SEGMENT_FORMAT, SegmentBuilder } from './segment.ts'

/** About the length of the events of one span, UTF-16 code units: some 16,000 events of 120 characters. */
const SPAN_UNITS = 2 * 1024 * 1024
/** Journal rows that wait make the log due before its time: half of what the ring holds. */
const MANY_ROWS = 1_024
/** How long what was accepted waits for the log, ms. */
export const LOG_FLUSH_MS = 60_000

export interface ShardLogOptions {
  readonly feed: LogFeed
  readonly objects: ObjectStore
  readonly shard: LogShard
  /** When the shard was made, ms: a log of an earlier life of the same name is not written on. */
  readonly bornMs: number
  readonly previous: Manifest['previous']
  /** Names what the shard holds since it was restored; undefined of one that never was. */
  readonly lineage?: string | undefined
  /** From when on each feature of the entity is complete, by `view.feature`; null: always. */
  readonly since: () => Readonly<Record<string, number | null>>
  readonly flushMs?: number
  /** Lets others have their turn: encoding takes a while. */
  readonly pause: () => Promise<void>
  readonly report: (problem: string) => void
}

/** A shard's log and how far it is. */
export interface ShardLogStatus {
  /** The log has every commit up to this one. */
  readonly seq: number
  readonly waitingBatches: number
  /** When the oldest batch that waits was accepted, ms. */
  readonly oldestMs: number | null
  /** Written since the object was opened. */
  readonly segments: number
  readonly rows: number
  readonly bytes: number
}

/**
 * Writes what a shard accepted to its log. A span is chosen and noted in the shard before anything is put, so that a retry puts the very same
 * objects; then the manifest names them; then the shard lets go of the rows. Wherever a process ends in between, the next one does the step again.
 */
export class ShardLog {
  private readonly options: ShardLogOptions
  private going: Promise<void> = Promise.resolve()
  private readonly written = { segments: 0, rows: 0, bytes: 0 }

  constructor(options: ShardLogOptions) {
    this.options = options
  }

  /** When something should leave, ms; null when nothing waits. */
  get dueMs(): number | null {
    const { feed, flushMs = LOG_FLUSH_MS } = this.options
    const { oldestMs } = feed
    if (oldestMs === null) return null
    return feed.waitingRows >= MANY_ROWS ? 0 : oldestMs + flushMs
  }

  get status(): ShardLogStatus {
    const { feed } = this.options
    return { seq: feed.seq, waitingBatches: feed.waitingRows, oldestMs: feed.oldestMs, ...this.written }
  }

  /** Writes one span, once those before it are done with. Throws when the store cannot be reached, or the log is another shard's: the span stays. */
  send(): Promise<void> {
    this.going = this.going.catch(() => {}).then(() => this.sendNext())
    return this.going
  }

  /**
   * Replaces files of the log by others that are there already: compaction, retention, an erasure. Says whether it did; `changed` when one that is to go is
   * not named any more. The files themselves are left.
   */
  edit(change: LogEdit): Promise<'edited' | 'changed' | 'no log'> {
    const edited = this.going
      .catch(() => {})
      .then(async () => {
        const stored = await this.read()
        if (stored === undefined) return 'no log'
        const after = editManifest(stored.manifest, change)
        if (after === undefined) return 'changed'
        await this.replace(after, stored.etag)
        return 'edited'
      })
    this.going = edited.then(() => {})
    return edited
  }

  private async sendNext(): Promise<void> {
    const { feed } = this.options
    const span = feed.next(SPAN_UNITS)
    if (span === undefined) return
    const before = await this.load(span)
    // An answer that was lost, or a shard that was taken back in time: the log has them.
    if (before.manifest.seq < span.toSeq) await this.write(span, before)
    feed.done(span)
  }

  private async write(span: LogSpan, { manifest: before, etag }: Loaded): Promise<void> {
    const built = await this.build(span, before.seq)
    const { objects } = this.options
    for (const { segment, bytes } of built.segments) {
      await objects.put(segment.key, bytes)
      this.written.segments++
      this.written.rows += segment.rows
      this.written.bytes += segment.bytes
    }
    const keys = new Set(built.segments.map(({ segment }) => segment.key))
    const known = new Set(before.contracts.map(({ number }) => number))
    const after: Manifest = {
      ...before,
      seq: Math.max(before.seq, span.toSeq),
      availableAtMs: span.availableAtMs,
      since: this.options.since(),
      contracts: [...before.contracts, ...built.contracts.filter(({ number }) => !known.has(number))],
      segments: [
        ...before.segments.filter(({ key }) => !keys.has(key)),
        ...built.segments.map(({ segment }) => segment),
      ],
    }
    await this.replace(after, etag)
  }

  /** The span as Parquet, one file a source and contract; `upTo`: commits that the log has are passed over. */
  private async build(span: LogSpan, upTo: number) {
    const { feed, shard, pause } = this.options
    const builders = new Map<
      number,
      {
        readonly source: Manifest['contracts'][number]['source']
        readonly builder: SegmentBuilder
        readonly bounds: Bounds
      }
    >()
    for (let journalRow = span.fromRow; journalRow < span.toRow; journalRow++) {
      for (const { contract, source, rows } of feed.rows(journalRow)) {
        const known = builders.get(contract)
        const made = known ?? { source, builder: new SegmentBuilder(source), bounds: new Bounds() }
        if (known === undefined) builders.set(contract, made)
        for (const row of rows) {
          if (row.seq <= upTo) continue
          made.builder.add(row)
          made.bounds.add(row)
        }
      }
      await pause()
    }
    const segments: { readonly segment: Segment; readonly bytes: Uint8Array }[] = []
    for (const [contract, { source, builder, bounds }] of builders) {
      if (builder.rows === 0) continue
      const { entity, region, epoch, shard: number } = shard
      const footer = { format: SEGMENT_FORMAT, source: source.name, entity, region, epoch, shard: number, contract }
      const bytes = await builder.finish(footer, pause)
      const about = { source: source.name, contract, fromSeq: span.fromSeq, toSeq: span.toSeq, ...bounds.all }
      const segment: Segment = {
        key: segmentKey(shard, about),
        ...about,
        rows: builder.rows,
        bytes: bytes.length,
        sha256: await sha256(bytes),
        order: 'commit',
      }
      segments.push({ segment, bytes })
    }
    return { segments, contracts: [...builders].map(([number, { source }]) => ({ number, source })) }
  }

  /** The manifest as the store has it, or a first one. */
  private async load(span: LogSpan): Promise<Loaded> {
    const { shard, bornMs, previous, since, report, lineage } = this.options
    const key = manifestKey(shard)
    const stored = await this.read()
    if (stored === undefined) {
      const { fromSeq } = span
      const isLate = fromSeq > (previous?.seq ?? 0) + 1
      if (isLate) report(`the log begins at commit ${fromSeq}: what was accepted before is not in it`)
      const manifest: Manifest = {
        format: MANIFEST_FORMAT,
        shard,
        bornMs,
        previous,
        fromSeq,
        seq: span.fromSeq - 1,
        availableAtMs: 0,
        contracts: [],
        since: since(),
        removed: isLate ? [gapBefore(span)] : [],
        segments: [],
        ...(lineage !== undefined && { lineage }),
      }
      return { manifest, etag: null }
    }
    const manifest = stored.manifest.lineage === lineage ? stored.manifest : this.takenBack(stored.manifest, span)
    if (manifest.bornMs !== bornMs) {
      const [then, now] = [manifest.bornMs, bornMs].map((ms) => new Date(ms).toISOString())
      throw new Error(
        `${key} is the log of a shard of the same name that was made at ${then}, this one was made at ${now}: ` +
          'give the region a bucket of its own, or move the old log away',
      )
    }
    // Commits that nobody can tell any more: the log was off for longer than the journal reaches back.
    const isCut = manifest.seq + 1 < span.fromSeq
    if (isCut)
      report(
        `the log has no commits from ${manifest.seq + 1} to ${span.fromSeq - 1}: it is complete from ${span.fromSeq} on`,
      )
    const cut = { ...manifest, fromSeq: span.fromSeq, removed: [...manifest.removed, gapBefore(span)] }
    return { manifest: isCut ? cut : manifest, etag: stored.etag }
  }

  /**
   * The shard was restored to a time before: what it had accepted after is none of its commits any more, and the same numbers are given anew. The
   * feed goes on where it was then, which was the end of a span; only a file that was compacted since may reach over it.
   */
  private takenBack(manifest: Manifest, span: LogSpan): Manifest {
    const { lineage, report } = this.options
    const last = span.fromSeq - 1
    const kept = manifest.segments.filter(({ toSeq }) => toSeq <= last)
    const isTorn = manifest.segments.some(({ fromSeq, toSeq }) => fromSeq <= last && toSeq > last)
    if (isTorn)
      report(
        `files of the log that were compacted reach over commit ${last}, to which the shard was restored: the log is complete from ${span.fromSeq} on`,
      )
    return {
      ...manifest,
      ...(lineage !== undefined && { lineage }),
      seq: Math.min(manifest.seq, last),
      segments: isTorn ? [] : kept,
      fromSeq: isTorn ? span.fromSeq : manifest.fromSeq,
      removed: isTorn ? [...manifest.removed, gapBefore(span)] : manifest.removed,
    }
  }

  private async read(): Promise<{ readonly manifest: Manifest; readonly etag: string } | undefined> {
    const key = manifestKey(this.options.shard)
    const stored = await this.options.objects.get(key)
    return stored && { manifest: readManifest(stored.bytes, key), etag: stored.etag }
  }

  /** Puts a manifest in the place of the one that was read. */
  private async replace(manifest: Manifest, etag: string | null): Promise<void> {
    const { objects, shard } = this.options
    const key = manifestKey(shard)
    const isPut = await objects.put(key, writeManifest(manifest), { etag })
    if (!isPut) throw new Error(`${key} was changed by another writer: it is read again`)
  }
}

/** A manifest, and what it is told by in the store; null of one that is not there yet. */
interface Loaded {
  readonly manifest: Manifest
  readonly etag: string | null
}

/** Nobody can tell what came before a span. The last of its arrivals: the first is not known before it is read. */
const gapBefore = ({ availableAtMs }: LogSpan): Removal => ({
  atMs: availableAtMs,
  why: 'gap',
  beforeMs: availableAtMs,
  rows: 0,
})

/** Least and greatest of what a segment has. */
class Bounds {
  private fromMs = Number.MAX_SAFE_INTEGER
  private toMs = 0
  private fromArrivalMs = Number.MAX_SAFE_INTEGER
  private toArrivalMs = 0

  add({ timeMs, availableAtMs }: { readonly timeMs: number; readonly availableAtMs: number }): void {
    this.fromMs = Math.min(this.fromMs, timeMs)
    this.toMs = Math.max(this.toMs, timeMs)
    this.fromArrivalMs = Math.min(this.fromArrivalMs, availableAtMs)
    this.toArrivalMs = Math.max(this.toArrivalMs, availableAtMs)
  }

  get all() {
    const { fromMs, toMs, fromArrivalMs, toArrivalMs } = this
    return { fromMs, toMs, fromArrivalMs, toArrivalMs }
  }
}

/** Hexadecimal, as `sha256sum` prints it. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
