import type { HeirProgress, ShardUnavailable } from '../src/shard/index.ts'

/** How long a caller waits for an object that is opening, before it is told to come again. */
const PATIENCE_MS = 5_000
/** One call of `prepare` works about so long: far below what a request may last. */
const PREPARE_MS = 10_000

/** Takes over from another object. */
export interface Taker {
  readonly progress: HeirProgress
  copy(isLate: () => boolean): Promise<boolean>
  open(isLate: () => boolean): Promise<void>
}

export interface OpeningOptions {
  readonly heir: Taker
  /** Its epoch is not served yet. */
  readonly isNext: boolean
  /** As answers name it. */
  readonly name: string
  /** Called once, when it has taken over. */
  readonly start: () => void
  readonly waitUntil: (work: Promise<unknown>) => void
}

/** An object that has to take over from another before it can serve: by itself when it is first asked, or when it is told to. */
export class Opening {
  private readonly options: OpeningOptions
  /** What is under way: copying and opening never run side by side. */
  private work: Promise<unknown> = Promise.resolve()
  private opening: Promise<void> | null = null
  private isDone = false

  constructor(options: OpeningOptions) {
    this.options = options
  }

  get progress(): HeirProgress {
    return this.options.heir.progress
  }

  /** Waits until it serves, for a while; or says why it does not. */
  async ready(): Promise<ShardUnavailable | undefined> {
    const { name, isNext } = this.options
    if (this.isDone) return undefined
    if (isNext) return { unavailable: 'opening', message: `${name} is of an epoch that is not served yet` }
    const late = new Promise<'late'>((end) => setTimeout(() => end('late'), PATIENCE_MS))
    try {
      const first = await Promise.race([this.open(), late])
      if (first !== 'late') return undefined
      return { unavailable: 'opening', message: `${name} is taking over from the shard before it` }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      return { unavailable: 'opening', message: `${name} could not take over from the shard before it yet: ${why}` }
    }
  }

  /** Takes over, if that is not under way. Throws for one that may not, and when its parent cannot be reached. */
  open(): Promise<void> {
    const { heir, isNext, name, start, waitUntil } = this.options
    if (isNext) return Promise.reject(new Error(`${name} is of an epoch that is not served yet: deploy it first`))
    if (this.isDone) return Promise.resolve()
    if (this.opening === null) {
      const untilMs = Date.now() + PREPARE_MS
      const opening = this.next(async () => {
        await heir.open(() => Date.now() > untilMs)
        this.isDone = true
        start()
      }).finally(() => {
        this.opening = null
      })
      this.opening = opening
      waitUntil(opening.catch(() => {}))
    }
    return this.opening
  }

  /** Copies for a while; says whether everything is here that was there when it began. */
  prepare(): Promise<boolean> {
    const untilMs = Date.now() + PREPARE_MS
    return this.next(async () => this.isDone || (await this.options.heir.copy(() => Date.now() > untilMs)))
  }

  private next<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.work.then(work)
    this.work = mine.catch(() => {})
    return mine
  }
}

/** What a person sees of an object in a change of the shard count. */
export interface EpochStatus {
  /** `copying`: not opened yet. `sealed`: handed over. */
  readonly state: 'open' | 'copying' | 'sealed'
  readonly seq: number
  /** About how many entities, or rows, it has. */
  readonly entities: number
  /** Of its storage. */
  readonly bytes: number
  /** What it has taken over; absent of an object of the first epoch. */
  readonly taken?: HeirProgress
}
