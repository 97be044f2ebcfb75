/** A sender as a good client is: several requests at once, each sent again until it is acknowledged. */
import { type ChaosFlight, chaosBatch, seeded, Truth, wholeBetween } from './flights.ts'

export interface LoadOptions {
  readonly seed: number
  /** Of the ingest Worker. */
  readonly url: string
  readonly token: string
  readonly inFlight: number
  /** Share of the requests that send again what was acknowledged before, also cut in another way. */
  readonly duplicates: number
}

/** What the load has seen go wrong; each is a failure of the run. */
export interface LoadReport {
  readonly truth: Truth
  requests: number
  /** Sent again because no answer, or a 5xx, came. */
  retries: number
  /** Events sent again although they were acknowledged. */
  repeated: number
  readonly wrong: string[]
}

const REQUEST_TIMEOUT_MS = 15_000
const GIVE_UP_MS = 60_000
const LONGEST_PAUSE_MS = 400
const MOST_SHOWN = 20

interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: readonly { readonly message: string }[]
}

export class Load {
  readonly report: LoadReport = { truth: new Truth(), requests: 0, retries: 0, repeated: 0, wrong: [] }
  private readonly options: LoadOptions
  private readonly acknowledged: number[] = []
  private next = 0
  private stopping = false

  constructor(options: LoadOptions) {
    this.options = options
  }

  /** Sends until {@link stop}; settles when everything that was begun is acknowledged. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.options.inFlight }, (_, lane) => this.lane(lane)))
  }

  stop(): void {
    this.stopping = true
  }

  private async lane(lane: number): Promise<void> {
    const random = seeded(this.options.seed + 7_919 * (lane + 1))
    while (!this.stopping) {
      const isRepeat = this.acknowledged.length > 1 && random() < this.options.duplicates
      if (isRepeat) await this.sendAgain(random)
      else await this.sendNew(this.next++)
      await pause(random() * 10)
    }
  }

  private async sendNew(number: number): Promise<void> {
    const batch = chaosBatch(this.options.seed, number)
    const receipt = await this.untilAcknowledged(batch)
    if (receipt === undefined) return
    // A retry of what was durable, but not acknowledged, finds duplicates: together they are the batch.
    const known = receipt.accepted + receipt.duplicates
    if (known !== batch.length)
      this.wrong(`batch ${number}: ${known} of ${batch.length} taken: ${JSON.stringify(receipt)}`)
    this.report.truth.add(batch)
    this.acknowledged.push(number)
  }

  /** A mix of two acknowledged batches, cut anywhere: the shards see events in company they did not come in. */
  private async sendAgain(random: () => number): Promise<void> {
    const pick = () => this.acknowledged[Math.floor(random() * this.acknowledged.length)] as number
    const events = [pick(), pick()].flatMap((number) => chaosBatch(this.options.seed, number))
    const from = wholeBetween(random, 0, events.length - 1)
    const repeated = events.slice(from, wholeBetween(random, from + 1, events.length))
    const receipt = await this.untilAcknowledged(repeated)
    if (receipt === undefined) return
    this.report.repeated += repeated.length
    if (receipt.accepted > 0 || receipt.duplicates !== repeated.length) {
      this.wrong(`${repeated.length} acknowledged events sent again gave ${JSON.stringify(receipt)}`)
    }
  }

  private async untilAcknowledged(batch: readonly ChaosFlight[]): Promise<Receipt | undefined> {
    const body = JSON.stringify(batch)
    const deadline = Date.now() + GIVE_UP_MS
    for (let tries = 0; Date.now() < deadline; tries++) {
      if (tries > 0) {
        this.report.retries++
        await pause(Math.min(20 * 2 ** tries, LONGEST_PAUSE_MS))
      }
      const answer = await this.post(body)
      if (answer === 'again') continue
      if (typeof answer === 'string') {
        this.wrong(answer)
        return undefined
      }
      return answer
    }
    this.wrong(`a batch of ${batch.length} was not acknowledged within ${GIVE_UP_MS / 1000} s`)
    return undefined
  }

  private async post(body: string): Promise<Receipt | string> {
    const { url, token } = this.options
    this.report.requests++
    try {
      const response = await fetch(`${url}/v1/sources/flights/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      })
      const text = await response.text()
      if (response.status === 202) return JSON.parse(text) as Receipt
      return response.status === 429 || response.status >= 500 ? 'again' : `${response.status} ${text.slice(0, 300)}`
    } catch {
      // Killed under way: whether it was durable is not known, so it is sent again.
      return 'again'
    }
  }

  private wrong(what: string): void {
    if (this.report.wrong.length < MOST_SHOWN) this.report.wrong.push(what)
  }
}

export const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms))
