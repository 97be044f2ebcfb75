import { type DefinitionsSpec, EntityState, stateBytes, type Value } from '../../src/engine/index.ts'
import { type EntityRuntime, Plan, shardOf, sliceOf, sliceShard, spreadOf } from '../../src/plan/index.ts'
import { type ApplyAnswer, Heir, type ParentShard, Shard } from '../../src/shard/index.ts'
import { Crash, CrashingStorage } from './crashing-storage.ts'
import type { Random } from './random.ts'
import { eventText, lifetimeView, message, randomDefinitions, type SentEvent } from './shards.ts'
import { shuffled } from './streams.ts'

interface Accepted {
  readonly event: SentEvent
  readonly seq: number
  readonly availableAt: number
}

/** One shard of one epoch: its storage outlives the processes that work on it. */
class Place {
  readonly storage = new CrashingStorage()
  shard: Shard | null = null
  heir: Heir | null = null
  /** The model: what it has accepted itself. */
  readonly accepted = new Map<string, Accepted>()
  seq = 0
}

export interface EpochWorldOptions {
  readonly shards: number
  /** Default: random views, each event feeds two entities. */
  readonly plan?: Plan
  readonly memoryBytes?: () => number
}

/**
 * The shards of one entity through several epochs, with doors that send until they are answered, processes that end at any
 * write, and beside them the model: what every shard must have accepted, and under which order keys.
 */
export class EpochWorld {
  readonly plan: Plan
  readonly counts: number[]
  crashes = 0
  /** Transactions of a hand-over that were begun. */
  writes = 0
  /** Ends the process at this one of them. */
  crashAt: { readonly write: number; readonly how: 'lose' | 'keep' } | null = null
  clock = 0
  private readonly entity: EntityRuntime
  private readonly places = new Map<string, Place>()
  private readonly r: Random
  private readonly memoryBytes: () => number

  constructor(r: Random, { shards, plan, memoryBytes }: EpochWorldOptions) {
    this.r = r
    this.plan = plan ?? forEver(withFriends(randomDefinitions(r)))
    this.entity = this.plan.entities.get('user') as EntityRuntime
    this.counts = [shards]
    this.memoryBytes = memoryBytes ?? (() => r.pick([0, 4_000, 1_000_000]))
  }

  get epoch(): number {
    return this.counts.length - 1
  }

  private count(epoch: number): number {
    return this.counts[epoch] as number
  }

  place(epoch: number, shard: number): Place {
    const name = `${epoch}/${shard}`
    const place = this.places.get(name) ?? new Place()
    this.places.set(name, place)
    return place
  }

  parentOf(epoch: number, shard: number): number {
    return shard % this.count(epoch - 1)
  }

  /** The shard as a process of now has it. */
  shard(epoch: number, shard: number): Shard {
    const place = this.place(epoch, shard)
    if (epoch > 0 && !Heir.isOpen(place.storage)) throw new Error(`${epoch}/${shard} is not open`)
    const { plan, entity } = this
    place.shard ??= new Shard({
      plan,
      entity,
      part: { region: 1, epoch, shard },
      shards: this.count(epoch),
      storage: place.storage,
      now: () => this.clock,
      memoryBytes: this.memoryBytes(),
    })
    return place.shard
  }

  heir(epoch: number, shard: number): Heir {
    const place = this.place(epoch, shard)
    const shards = this.count(epoch)
    place.heir ??= new Heir({
      storage: place.storage,
      child: { epoch, shards, shard },
      siblings: shards / this.count(epoch - 1),
      countsExpectations: shard === this.parentOf(epoch, shard),
      parent: this.parentShard(epoch - 1, this.parentOf(epoch, shard)),
      now: () => this.clock,
      memoryBytes: this.memoryBytes(),
    })
    return place.heir
  }

  private parentShard(epoch: number, shard: number): ParentShard {
    const ask = async <T>(what: (handOver: Shard['handOver']) => T): Promise<T> => {
      // Over the network: what was asked last may not have been answered.
      if (this.crashAt === null && this.r.chance(0.02)) throw new Crash()
      if (epoch > 0 && !Heir.isOpen(this.place(epoch, shard).storage)) await this.open(epoch, shard)
      return structuredClone(what(this.shard(epoch, shard).handOver))
    }
    return {
      head: () => ask((parent) => parent.head()),
      seal: (child) => ask((parent) => parent.seal(child)),
      cells: (child, page, since) => ask((parent) => parent.cells(child, page, since)),
      ids: (run, part) => ask((parent) => parent.ids(run, part)),
    }
  }

  /** Ends both processes of a place: what is not durable is lost. */
  kill(epoch: number, shard: number): void {
    const place = this.place(epoch, shard)
    place.shard = null
    place.heir = null
    this.crashes++
  }

  /** Does a step of a hand-over again until no process ends in it. */
  private async insist(epoch: number, shard: number, step: () => Promise<unknown>): Promise<void> {
    const parent = this.place(epoch - 1, this.parentOf(epoch, shard)).storage
    const own = this.place(epoch, shard).storage
    for (const storage of [parent, own]) {
      storage.onTransaction = () => {
        const { crashAt } = this
        if (crashAt !== null && this.writes++ === crashAt.write) storage.next = crashAt.how
        else if (crashAt === null && this.r.chance(0.03)) storage.next = this.r.pick(['lose', 'keep'])
      }
    }
    for (;;) {
      try {
        await step()
        break
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        this.kill(epoch, shard)
        this.kill(epoch - 1, this.parentOf(epoch, shard))
      }
    }
    for (const storage of [parent, own]) storage.onTransaction = null
  }

  /** Copies some or all of what there is, while the parent serves. */
  async prepare(epoch: number, shard: number, steps = Number.POSITIVE_INFINITY): Promise<void> {
    let left = steps
    await this.insist(epoch, shard, async () => await this.heir(epoch, shard).copy(() => left-- <= 0))
  }

  async open(epoch: number, shard: number): Promise<void> {
    await this.insist(epoch, shard, async () => await this.heir(epoch, shard).open())
    const place = this.place(epoch, shard)
    place.heir = null
    place.seq = this.place(epoch - 1, this.parentOf(epoch, shard)).seq
  }

  /** The shards that an event goes to in an epoch. */
  targets({ id, uid, friend }: SentEvent, epoch = this.epoch): number[] {
    const spread = spreadOf(this.entity)
    const slice = sliceOf(id, spread)
    const keys = this.entity.plan.some(({ spec }) => spec.key.user_id === 'friend') ? [uid, friend] : [uid]
    return [...new Set(keys.map((key) => sliceShard(key, slice, this.count(epoch))))]
  }

  /** Sends a batch to every shard that it concerns; each says what the model says. */
  send(batch: readonly SentEvent[], clock: number): string[] {
    this.clock = Math.max(this.clock, clock)
    const { epoch } = this
    const said: string[] = []
    for (let shard = 0; shard < this.count(epoch); shard++) {
      const own = batch.filter((event) => this.targets(event).includes(shard))
      if (own.length === 0) continue
      const { storage } = this.place(epoch, shard)
      if (this.crashAt === null && this.r.chance(0.05)) {
        // The first try is kept or lost without an answer; then it is sent again.
        const how = this.r.pick(['lose', 'keep'] as const)
        this.shard(epoch, shard)
        storage.next = how
        try {
          this.apply(epoch, shard, own)
        } catch (cause) {
          if (!(cause instanceof Crash)) throw cause
        }
        if (how === 'keep') this.accept(epoch, shard, own)
        this.kill(epoch, shard)
      }
      const verdicts = this.apply(epoch, shard, own)
      const expected = this.accept(epoch, shard, own)
      if (verdicts !== expected) throw new Error(`shard ${epoch}/${shard} says ${verdicts}, the model ${expected}`)
      said.push(verdicts)
    }
    return said
  }

  private apply(epoch: number, shard: number, own: readonly SentEvent[]): string {
    const spread = spreadOf(this.entity)
    const slices = own.map(({ id }) => sliceOf(id, spread).toString(36)).join('')
    const batch = message(this.plan, own.map(eventText), this.clock)
    const answer: ApplyAnswer | { unavailable: string; message: string } = this.shard(epoch, shard).apply(
      spread > 1 ? { ...batch, slices } : batch,
    )
    if ('unavailable' in answer) throw new Error(`${epoch}/${shard}: ${answer.message}`)
    if (answer.refused[0]) throw new Error(`${epoch}/${shard} refuses: ${answer.refused[0].message}`)
    return answer.verdicts
  }

  private accept(epoch: number, shard: number, own: readonly SentEvent[]): string {
    const place = this.place(epoch, shard)
    return own
      .map((event) => {
        if (this.knows(epoch, shard, event.id)) return 'd'
        place.accepted.set(event.id, { event, seq: ++place.seq, availableAt: this.clock })
        return 'a'
      })
      .join('')
  }

  /** Whether a shard, or one that it comes from, has accepted an id. */
  private knows(epoch: number, shard: number, id: string): boolean {
    if (this.place(epoch, shard).accepted.has(id)) return true
    return epoch > 0 && this.knows(epoch - 1, this.parentOf(epoch, shard), id)
  }

  /** By `shard/key` of the newest epoch, the canonical bytes of all that was accepted, applied in any order. */
  expected(): [string, Uint8Array][] {
    const states = new Map<string, EntityState>()
    for (let epoch = 0; epoch <= this.epoch; epoch++) {
      for (let shard = 0; shard < this.count(epoch); shard++) {
        const part = { region: 1, epoch, shard }
        for (const { event, seq, availableAt } of shuffled(this.r, [...this.place(epoch, shard).accepted.values()])) {
          const slice = sliceOf(event.id, spreadOf(this.entity))
          this.entity.plan.forEach((view, i) => {
            const key = view.spec.key.user_id === 'uid' ? event.uid : event.friend
            if (sliceShard(key, slice, this.count(epoch)) !== shard) return
            const name = `${sliceShard(key, slice, this.count(this.epoch))}/${key}`
            const state = states.get(name) ?? new EntityState(this.entity.plan)
            states.set(name, state)
            state.raiseMark(event.at, availableAt)
            const row = view.fields.map((field): Value => event.fields[field.name] ?? null)
            state.apply(i, event.at, state.commit(part, seq), seq, row)
          })
        }
      }
    }
    return sorted([...states].map(([name, state]) => [name, stateBytes(state)]))
  }

  /** The same of the shards themselves. */
  found(): [string, Uint8Array][] {
    const all: [string, Uint8Array][] = []
    for (let shard = 0; shard < this.count(this.epoch); shard++)
      for (const [key, bytes] of this.shard(this.epoch, shard).canonical()) all.push([`${shard}/${key}`, bytes])
    return sorted(all)
  }

  /** The shard that has a key now. */
  shardOf(key: string): number {
    return shardOf(key, this.count(this.epoch))
  }
}

/** A friend may live where the event's user does not: there too no event is too late. */
const withFriends = (spec: DefinitionsSpec): DefinitionsSpec => ({
  ...spec,
  views: [...spec.views, { ...lifetimeView, name: 'ever_friends', key: { user_id: 'friend' } }],
})

/** Ids are never forgotten: the model has no horizon. */
export function forEver(spec: DefinitionsSpec): Plan {
  const sources = spec.sources.map((source) => ({ ...source, redeliveryHorizonMs: Number.MAX_SAFE_INTEGER }))
  return new Plan({ ...spec, sources })
}

const sorted = (all: [string, Uint8Array][]): [string, Uint8Array][] => all.sort(([a], [b]) => (a < b ? -1 : 1))
