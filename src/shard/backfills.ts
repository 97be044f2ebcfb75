import {
  compareValues,
  decodeState,
  type EntityPlan,
  type EntityState,
  identityOf,
  type ViewPlan,
} from '../engine/index.ts'
import { hashKey } from '../plan/index.ts'
import { ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import { murmur32, murmur128Hex } from '../util/murmur3.ts'
import type { Layouts } from './layouts.ts'
import type { ShardStorage } from './storage.ts'
import type { ViewCame } from './view-came.ts'
import type { ViewStarts } from './view-starts.ts'

/** How a backfill of one view stands in one shard. */
export interface Backfill {
  readonly view: string
  /** The view lacks every row up to this commit, and has all that came later. */
  readonly cut: number
  /** Of a view over tables: rows that were put in up to `cut` and taken out up to this commit are to be left out; later ones it takes out itself. */
  readonly takenOutUpTo: number
  /** Entities up to this key, by code points, have what they lacked; null: none yet. Pieces come in the order of keys, each once. */
  readonly upTo: string | null
  readonly isDone: boolean
}

/** Why nothing can be filled in. */
export interface NoBackfill {
  readonly refused: 'unknown_view' | 'complete' | 'came_back' | 'not_begun' | 'out_of_order' | 'other_shard' | 'damaged'
  readonly message: string
}

/** One piece of a backfill: the state of some entities over rows up to the cut, in this view alone. */
export interface BackfillPiece {
  readonly view: string
  /** The key up to which all has been sent before it; null of the first. */
  readonly after: string | null
  readonly cells: readonly { readonly key: string; readonly state: Uint8Array }[]
}

interface StateOfKey {
  readonly key: string
  readonly hash: number
  readonly state: EntityState
}

interface Stored extends Backfill {
  /** Of the view's definition: what was begun for another one is begun anew. */
  readonly identity: number
  /** Hashes of keys that were erased meanwhile: what was computed before must not bring them back. */
  readonly erased?: readonly string[]
}

export interface BackfillsOptions {
  readonly plan: EntityPlan
  readonly storage: ShardStorage
  readonly layouts: Layouts
  readonly came: ViewCame
  readonly starts: ViewStarts
  /** Whether an entity lives in this shard. */
  readonly isOwn: (key: string) => boolean
}

const META = 'backfills'

/** The views of a shard that get the history from before they came: what is known of each, and what a piece says. */
export class Backfills {
  private readonly options: BackfillsOptions
  private stored: Readonly<Record<string, Stored>>

  constructor(options: BackfillsOptions) {
    this.options = options
    this.stored = JSON.parse(options.storage.readMeta(META) ?? '{}') as Record<string, Stored>
  }

  /** The view of that name. */
  viewOf(name: string): ViewPlan | undefined {
    return this.options.plan.find(({ spec }) => spec.name === name)
  }

  /** What was begun for a view as it is defined now. */
  find(name: string): Backfill | undefined {
    const view = this.viewOf(name)
    const stored = this.stored[name]
    if (view === undefined || stored?.identity !== nameOf(view)) return undefined
    // Begun before it was gone: it has missed what came meanwhile.
    return this.options.came.of(view) === null ? undefined : stored
  }

  /** Begins, or says how what was begun stands. `seq`: the shard's newest commit. Writes by itself. */
  begin(name: string, seq: number): Backfill | NoBackfill {
    const { storage, came, starts } = this.options
    const view = this.viewOf(name)
    if (view === undefined) return { refused: 'unknown_view', message: `this shard has no view ${name}` }
    const known = this.find(name)
    if (known !== undefined) return known
    const cut = came.of(view)
    if (cut === null) {
      const message = `the view ${name} was here before, was gone and is back: what it has of before cannot be told from what it lacks. Declare it under another name`
      return { refused: 'came_back', message }
    }
    if (cut === 0) return { refused: 'complete', message: `the view ${name} has every row since this shard began` }
    const begun = { view: name, cut, takenOutUpTo: seq, upTo: null, isDone: false }
    storage.transaction(() => {
      // From now on it takes out rows from before it came, too: they are about to come in.
      starts.forget(view)
      this.write({ ...begun, identity: nameOf(view) })
    })
    return begun
  }

  private write(backfill: Stored): void {
    this.stored = { ...this.stored, [backfill.view]: backfill }
    this.options.storage.writeMeta(META, JSON.stringify(this.stored))
  }

  /** Whether a piece is the one that is wanted; `taken` when it was there before. */
  judge({ view, after, cells }: BackfillPiece): Backfill | 'taken' | NoBackfill {
    const known = this.find(view)
    if (known === undefined) return { refused: 'not_begun', message: `no backfill of ${view} has begun here` }
    const last = cells.at(-1)?.key
    if (known.isDone || last === undefined) return 'taken'
    if (known.upTo !== null && compareValues(last, known.upTo) <= 0) return 'taken'
    const stray = cells.find(({ key }) => !this.options.isOwn(key))
    if (stray !== undefined)
      return {
        refused: 'other_shard',
        message: `${JSON.stringify(stray.key)} does not live in this shard: run the command again`,
      }
    if (after === known.upTo) return known
    const wanted = known.upTo === null ? 'the first piece' : `the piece after ${JSON.stringify(known.upTo)}`
    return { refused: 'out_of_order', message: `${wanted} of the backfill of ${view} is wanted` }
  }

  /** Notes that a piece is in; or, without a key, that all are. Inside a transaction. */
  note(view: string, upTo: string | null): void {
    const stored = this.stored[view] as Stored
    this.write(upTo === null ? { ...stored, isDone: true } : { ...stored, upTo })
  }

  /** These entities were erased: pieces that were computed before do not bring them back. Inside a transaction. */
  erase(keys: readonly string[]): void {
    const hashes = keys.map((key) => murmur128Hex(key))
    for (const stored of Object.values(this.stored)) {
      if (!stored.isDone) this.write({ ...stored, erased: [...new Set([...(stored.erased ?? []), ...hashes])] })
    }
  }

  /** The states of a piece, or what is wrong with its bytes. */
  statesOf(piece: BackfillPiece): StateOfKey[] | NoBackfill {
    try {
      return this.decode(piece)
    } catch (error) {
      if (!(error instanceof CorruptBytes)) throw error
      return { refused: 'damaged', message: `a piece of the backfill of ${piece.view}: ${error.message}` }
    }
  }

  private decode({ view, cells }: BackfillPiece): StateOfKey[] {
    const { plan, layouts } = this.options
    const only = this.viewOf(view)
    const erased = new Set(this.stored[view]?.erased)
    const left = cells.filter(({ key }) => !erased.has(murmur128Hex(key)))
    return left.map(({ key, state: bytes }) => {
      const state = decodeState(new ByteReader(bytes), plan, layouts.byHash)
      const others = state.views.some((own, i) => own !== null && plan[i] !== only)
      if (others) throw new CorruptBytes(`${JSON.stringify(key)} has the state of another view`)
      return { key, hash: hashKey(key), state }
    })
  }
}

const nameOf = (view: ViewPlan): number => murmur32(identityOf(view))
