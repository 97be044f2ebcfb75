import type { Shard } from './shard.ts'
import type { ShardStorage } from './storage.ts'

/** Entities that are listed in one step for somebody who was never told of them. */
const SWEEP_KEYS = 5_000

/** What a shard remembers of somebody who keeps copies of its entities. */
export interface Subscription {
  /** Changes with the definition of what is copied; '' of one that is gone. */
  readonly print: string
  /** Rises with the print, and whenever everything is to be told again. */
  readonly revision: number
  /** The next page of entities to list for it; null when all have been. */
  readonly page: number | null
  /** Listing waits until somebody lets it go on. */
  readonly isPaused?: true
  /** It was given a sign that says nothing, before anything else: that is there, unless it has lost it. */
  readonly hasSign?: true
  /** It was told how far it is, since everything was last listed from the beginning. */
  readonly hasHead?: true
  /** Some entity could not even be marked as missing there: nothing may say that all are there. */
  readonly isUnmarked?: true
}

/** Somebody who is to be told of every entity, and then of what changes. */
export interface Subscriber {
  readonly name: string
  readonly print: string
  /** The views whose changes it is told of. */
  readonly views: readonly string[]
}

export interface SubscriptionsOptions {
  /** Where in the shard's meta rows they are kept. */
  readonly meta: string
  readonly shard: Pick<Shard, 'keysOfPage' | 'changes' | 'stats'>
  readonly storage: Pick<ShardStorage, 'transaction' | 'readMeta' | 'writeMeta'>
  /** ms since the epoch. */
  readonly now: () => number
}

/**
 * What a shard remembers that has taken over from another: that they are to be told of everything anew, as something newer. What
 * the other one has sent may still arrive.
 */
export function handedOver(text: string): string {
  const known = Object.entries(JSON.parse(text) as Record<string, Subscription>)
  const anew = known.map(([name, { print, revision }]) => [
    name,
    { print, revision: revision + 1, page: print === '' ? null : 0 },
  ])
  return JSON.stringify(Object.fromEntries(anew))
}

/**
 * Who keeps copies of a shard's entities. One that is new here, or whose definition has changed, is told of every entity
 * that the shard has, page by page; from then on of what changes.
 */
export class Subscriptions {
  private readonly options: SubscriptionsOptions
  private readonly known: Map<string, Subscription>
  private readonly subscribers: readonly Subscriber[]

  /** Reads what is remembered, and writes it where somebody is new, other than it was, or gone. */
  constructor(options: SubscriptionsOptions, subscribers: readonly Subscriber[]) {
    this.options = options
    this.subscribers = subscribers
    const text = options.storage.readMeta(options.meta) ?? '{}'
    this.known = new Map(Object.entries(JSON.parse(text) as Record<string, Subscription>))
    // An empty shard has nothing to list.
    const first = options.shard.stats.seq === 0 ? null : 0
    for (const [name, known] of this.known) {
      if (!subscribers.some((one) => one.name === name)) this.known.set(name, { ...known, print: '', page: null })
    }
    for (const { name, print } of subscribers) {
      const before = this.known.get(name)
      if (before?.print === print) continue
      const { isUnmarked: _, ...kept } = before ?? {}
      this.known.set(name, { ...kept, print, revision: (before?.revision ?? 0) + 1, page: first })
    }
    if (this.text !== text) options.storage.transaction(() => this.write())
  }

  private get text(): string {
    return JSON.stringify(Object.fromEntries(this.known))
  }

  private write(): void {
    this.options.storage.writeMeta(this.options.meta, this.text)
  }

  /** How many there have ever been. */
  get size(): number {
    return this.known.size
  }

  of(name: string): Subscription {
    const known = this.known.get(name)
    if (known === undefined) throw new Error(`nobody called ${name} keeps copies of this shard`)
    return known
  }

  private set(name: string, next: Subscription): void {
    this.known.set(name, next)
    this.options.storage.transaction(() => this.write())
  }

  /** Tells everything from the beginning. `revise`: as if it were newer, so that it also replaces what is there. */
  restart(name: string, { revise }: { readonly revise: boolean }): void {
    const { hasSign: _, hasHead: __, isUnmarked: ___, ...known } = this.of(name)
    this.set(name, { ...known, revision: revise ? known.revision + 1 : known.revision, page: 0 })
  }

  pause(name: string, isPaused: boolean): void {
    const { isPaused: _, ...known } = this.of(name)
    this.set(name, { ...known, ...(isPaused && { isPaused }) })
  }

  /** Remembers something of one of them; what is known already costs no write. */
  note(name: string, what: 'hasSign' | 'hasHead' | 'isUnmarked'): void {
    const known = this.of(name)
    if (!known[what]) this.set(name, { ...known, [what]: true })
  }

  /** Lists the entities of the next pages for one of them. */
  sweep(name: string): void {
    const { shard, storage, now } = this.options
    const { changes } = shard
    const before = this.of(name)
    const views = this.subscribers.find((one) => one.name === name)?.views
    if (before.page === null || changes === null || views === undefined) return
    const keys: string[] = []
    let page: number | null = before.page
    while (page !== null && keys.length < SWEEP_KEYS) {
      const more = shard.keysOfPage(page)
      page = more === undefined ? null : page + 1
      for (const key of more ?? []) keys.push(key)
    }
    this.known.set(name, { ...before, page })
    storage.transaction(() => {
      changes.list(now(), shard.stats.seq, { views, keys, only: name })
      this.write()
    })
  }
}
