/** Sends batches of events to the webhook: a few at a time, again when it asks for patience, never more than once counted. */

export interface Sent {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: number
  /** The first refusal, in the Worker's own words. */
  readonly firstRefusal?: string
  /** Requests that were sent again. */
  readonly retries: number
}

export interface SendOptions {
  readonly url: string
  readonly token: string
  /** Requests on their way at once. */
  readonly inFlight: number
  /** Called with the number of events done so far. */
  readonly onProgress: (done: number) => void
}

const MOST_TRIES = 10
const REQUEST_TIMEOUT_MS = 30_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000

interface Receipt {
  readonly accepted: number
  readonly duplicates: number
  readonly refused: readonly { readonly message: string }[]
}

/** Throws when a batch is turned away for good, or ten times in a row; with what was answered. */
export async function sendAll(batches: Iterator<readonly object[]>, options: SendOptions): Promise<Sent> {
  const sum = { accepted: 0, duplicates: 0, refused: 0, retries: 0, done: 0 }
  let firstRefusal: string | undefined
  const lane = async () => {
    for (;;) {
      const next = batches.next()
      if (next.done) return
      const { receipt, tries } = await sendOne(next.value, options)
      sum.accepted += receipt.accepted
      sum.duplicates += receipt.duplicates
      sum.refused += receipt.refused.length
      sum.retries += tries - 1
      sum.done += next.value.length
      firstRefusal ??= receipt.refused[0]?.message
      options.onProgress(sum.done)
    }
  }
  await Promise.all(Array.from({ length: options.inFlight }, lane))
  const { done: _, ...counts } = sum
  return firstRefusal === undefined ? counts : { ...counts, firstRefusal }
}

async function sendOne(batch: readonly object[], { url, token }: SendOptions) {
  const body = JSON.stringify(batch)
  let last = ''
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    const answer = await post(url, token, body)
    if (answer.receipt !== undefined) return { receipt: answer.receipt, tries }
    last = answer.problem
    if (!answer.again) break
    await new Promise((next) => setTimeout(next, pauseMs(tries, answer.retryAfterMs)))
  }
  throw new Error(`The webhook did not take a batch of ${batch.length} events: ${last}`)
}

type Answer =
  | { readonly receipt: Receipt }
  | { readonly receipt?: undefined; readonly again: boolean; readonly problem: string; readonly retryAfterMs?: number }

/** 409 and 422 carry a receipt too: their events were refused, and are kept as dead letters. */
async function post(url: string, token: string, body: string): Promise<Answer> {
  let response: Response
  let text: string
  try {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
    text = await response.text()
  } catch (error) {
    // Whether it arrived is not known. It may be sent again: the shards know every id they have counted.
    return { again: true, problem: error instanceof Error ? error.message : String(error) }
  }
  const receipt = receiptOf(text)
  if (receipt !== undefined && [202, 409, 422].includes(response.status)) return { receipt }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return {
    again: response.status === 429 || response.status === 503,
    problem: `${response.status} ${text.slice(0, 300)}`,
    ...(Number.isFinite(seconds) && { retryAfterMs: seconds * 1000 }),
  }
}

function receiptOf(text: string): Receipt | undefined {
  try {
    const value = JSON.parse(text) as Partial<Receipt>
    if (!Array.isArray(value.refused)) return undefined
    return { accepted: value.accepted ?? 0, duplicates: value.duplicates ?? 0, refused: value.refused }
  } catch {
    return undefined
  }
}

/** What the Worker asked for, else doubling; a random part keeps the lanes from coming back all at once. */
function pauseMs(tries: number, retryAfterMs: number | undefined): number {
  const base = retryAfterMs ?? Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS)
  return base * (1 + Math.random() / 4)
}
