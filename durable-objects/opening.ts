import type { HeirProgress, ShardUnavailable } from '../src/shard/index.ts'

/** How long a caller waits for an object that is opening, before it is told to come again. */
const PATIENCE_MS = 5_000
/** One call of `prepare` or `open` works about so long, once it is its turn: far below what a request may last. */
const WORK_MS = 10_000

/** Takes over from another object. */
export interface Taker {
  readonly progress: HeirProgress
  copy(isLate: () => boolean): Promise<boolean>
  /** Says whether it has taken over, or `isLate` said to stop: then it is called again. */
  open(isLate: () => boolean): Promise<boolean>
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
  private opening: Promise<boolean> | null = null
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
      if (first === true) return undefined
      return { unavailable: 'opening', message: `${name} is taking over from the shard before it` }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      return { unavailable: 'opening', message: `${name} could not take over from the shard before it yet: ${why}` }
    }
  }

  /**
   * Takes over, if that is not under way. Says whether it has, or there was no time for all of it: call it again. Throws for one that may
   * not, and when its parent cannot be reached.
   */
  open(): Promise<boolean> {
    const { heir, isNext, name, start, waitUntil } = this.options
    if (isNext) return Promise.reject(new Error(`${name} is of an epoch that is not served yet: deploy it first`))
    if (this.isDone) return Promise.resolve(true)
    if (this.opening === null) {
      const opening = this.next(async () => {
        this.isDone = await heir.open(lateAfter(WORK_MS))
        if (this.isDone) start()
        return this.isDone
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
    return this.next(async () => this.isDone || (await this.options.heir.copy(lateAfter(WORK_MS))))
  }

  private next<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.work.then(work)
    this.work = mine.catch(() => {})
    return mine
  }
}

/** Begins to count when it is made: what waits for its turn has not begun. */
function lateAfter(ms: number): () => boolean {
  const untilMs = Date.now() + ms
  return () => Date.now() > untilMs
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
