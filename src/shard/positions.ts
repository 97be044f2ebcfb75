import type { ApplyMessage, MessagePosition } from './messages.ts'
import type { ShardStorage } from './storage.ts'

type MetaStorage = Pick<ShardStorage, 'readMeta' | 'writeMeta'>

/** How far this shard is in one sequence. */
export interface Position {
  readonly incarnation: number
  readonly generation: number
  /** The last event that it has. */
  readonly offset: number
  /** The first event of the sequence that ever came here. */
  readonly first: number
}

/**
 * How far the shard is in each sequence that feeds it: a row of `meta` each, written in the transaction of the events. What
 * was accepted and how far that was can so never differ, wherever a crash falls.
 */
export class Positions {
  private readonly storage: MetaStorage
  private readonly known = new Map<string, Position | null>()
  /** Source and name of every sequence that has come here. */
  private sequences: readonly (readonly [source: string, sequence: string])[]

  constructor(storage: MetaStorage) {
    this.storage = storage
    this.sequences = JSON.parse(storage.readMeta('sequences') ?? '[]') as (readonly [string, string])[]
  }

  /** How far the shard is in a sequence; null before the first event of it. */
  of(source: string, sequence: string): Position | null {
    const name = rowName(source, sequence)
    let position = this.known.get(name)
    if (position === undefined) {
      const text = this.storage.readMeta(name)
      position = text === undefined ? null : (JSON.parse(text) as Position)
      this.known.set(name, position)
    }
    return position
  }

  /** Whether a newer reader, or a newer sequence of the name, has been here: then this one must not go on. */
  fences(source: string, { sequence, incarnation, generation }: MessagePosition): boolean {
    const at = this.of(source, sequence)
    return at !== null && (generation < at.generation || incarnation < at.incarnation)
  }

  /** The first offset of a sequence that the shard does not have; of an incarnation that another has followed it has all. */
  next(source: string, { sequence, incarnation }: MessagePosition): number {
    const at = this.of(source, sequence)
    if (at === null || at.incarnation < incarnation) return Number.NEGATIVE_INFINITY
    return at.incarnation > incarnation ? Number.POSITIVE_INFINITY : at.offset + 1
  }

  /** How far the shard is in every sequence of a source, by {@link sequenceName}. */
  all(source: string): Readonly<Record<string, number>> {
    const own = this.sequences.filter(([of]) => of === source)
    return Object.fromEntries(
      own.map(([of, sequence]) => [sequenceName(of, sequence), this.of(of, sequence)?.offset ?? -1]),
    )
  }

  /** Everything as it is stored, for another shard that takes over. */
  get rows(): readonly (readonly [key: string, text: string])[] {
    const own = this.sequences.map(([source, sequence]) => {
      const name = rowName(source, sequence)
      return [name, this.storage.readMeta(name) ?? ''] as const
    })
    return [['sequences', JSON.stringify(this.sequences)], ...own]
  }

  private list(source: string, sequence: string): void {
    this.sequences = [...this.sequences, [source, sequence]]
    this.storage.writeMeta('sequences', JSON.stringify(this.sequences))
  }

  /** Notes that the shard has every event of the message. Inside its transaction. */
  advance(message: ApplyMessage): void {
    const { source } = message
    const position = message.position ?? message.forward
    const last = position?.offsets.at(-1)
    if (position === undefined || last === undefined || last < this.next(source, position)) return
    const { sequence, incarnation, generation } = position
    const name = rowName(source, sequence)
    const known = this.of(source, sequence)
    const first = known?.incarnation === incarnation ? known.first : (position.offsets[0] as number)
    const at: Position = { incarnation, generation, offset: last, first }
    if (known === null) this.list(source, sequence)
    this.known.set(name, at)
    this.storage.writeMeta(name, JSON.stringify(at))
  }
}

/** Names a sequence of a source. */
export const sequenceName = (source: string, sequence: string): string => `${source} ${sequence}`

const rowName = (source: string, sequence: string): string => `position ${sequenceName(source, sequence)}`
