import { type EventSpans, isRefusal, type Refusal, splitEvents } from '../contract/index.ts'
import { replayId } from './letter.ts'
import type { ReplayCursor, TakenLetters, TakeRequest } from './letters.ts'
import type { LetterFilter, TakenLetter } from './reader.ts'

/** Letters as a batch of events: one text, where each is in it, and what identifies it. */
export interface ReplayBatch {
  readonly text: string
  readonly spans: EventSpans
  readonly ids: readonly (string | undefined)[]
  /** The letter that each event was. */
  readonly replays: readonly string[]
  /** Where each stood in its source (see {@link LetterOrigin}), undefined where that is not known. */
  readonly places: readonly (string | undefined)[]
  /** They are imported history: for each from when on it could be known, ms; null where its import named no rule. */
  readonly imported?: readonly (number | null)[]
}

/** What became of a batch: events that are not `refused` (by their place) were counted now or before, or are on their way. */
export interface ReplayReceipt {
  readonly accepted: number
  readonly duplicates: number
  /** On their way to the region that keeps them, which refuses or counts them. */
  readonly forwarded?: number
  readonly refused: readonly { readonly index: number }[]
}

/** Why nothing is known of a batch: it may be sent again. */
export interface ReplayFailure {
  readonly unavailable: string
  readonly message: string
}

export interface DecodedPayload {
  readonly text: string
  readonly id?: string
}

/** Where letters are taken from, and where their events go. */
export interface Replay {
  take(request: TakeRequest): Promise<TakenLetters>
  takeIds(ids: readonly string[]): Promise<Pick<TakenLetters, 'letters' | 'notReplayable'>>
  /** Lets go what was counted. */
  replayed(ids: readonly string[]): Promise<void>
  /** Takes events in like any others, each under its id. */
  deliver(batch: ReplayBatch): Promise<ReplayReceipt | ReplayFailure>
  /** Decodes what its format refused before; undefined: it holds no event. */
  decode(letter: TakenLetter): Promise<DecodedPayload | Refusal | undefined>
  /** The source says `idempotency: 'none'`: each delivery counts, so a letter brings an id of its own. */
  readonly countsEach: boolean
}

export interface ReplayRequest extends LetterFilter {
  readonly position?: string
  /** These letters and no others; the filter is then not looked at. */
  readonly ids?: readonly string[]
  /** Letters to look at, at most. */
  readonly limit: number
  readonly cursor?: ReplayCursor
}

export interface ReplayReport {
  /** Counted now. */
  readonly replayed: number
  /** Found counted already, by an earlier replay or delivery. */
  readonly duplicates: number
  /** On their way to the region that keeps them; one that it refuses is a letter there. Absent when there are none. */
  readonly forwarded?: number
  /** Still letters, with their newest reason. */
  readonly refusedAgain: number
  /** Still letters: only part of the payload was kept, or it is no JSON. */
  readonly notReplayable: number
  /** Letters of the request that were not looked at yet. */
  readonly remaining: number
  /** Where the next request goes on; absent at the end. */
  readonly cursor?: ReplayCursor
  /** A batch could not be delivered: nothing of it is lost, and going on from `cursor` tries it again. */
  readonly failure?: ReplayFailure
}

/** Letters of one delivery. */
const BATCH = 500

/**
 * Sends dead letters again through the very path of new events, oldest first: what is counted, or was already, leaves the dead
 * letters; what is refused again stays. Each batch is removed before the next is sent. Ends anywhere: a letter that was
 * delivered and not removed is found counted the next time, since it enters under the same id.
 */
export async function replay(of: Replay, request: ReplayRequest): Promise<ReplayReport> {
  const { ids, limit, ...filter } = request
  const sum: Sum = { replayed: 0, duplicates: 0, refusedAgain: 0, notReplayable: 0 }
  let cursor = request.cursor
  let remaining = 0
  for (let seen = 0; seen < limit; ) {
    const size = Math.min(BATCH, limit - seen)
    const asked = ids?.slice(seen, seen + size)
    const taken: TakenLetters = asked
      ? { ...(await of.takeIds(asked)), remaining: 0 }
      : await of.take({ ...filter, limit: size, ...(cursor && { cursor }) })
    const failure = await send(of, taken.letters, sum)
    if (failure !== undefined)
      return { ...sum, remaining: remaining || taken.letters.length, ...(cursor && { cursor }), failure }
    sum.notReplayable += taken.notReplayable
    seen += asked?.length ?? taken.letters.length + taken.notReplayable
    cursor = taken.cursor
    remaining = ids ? Math.max(0, ids.length - seen) : taken.remaining
    if (ids ? remaining === 0 : cursor === undefined) break
  }
  return { ...sum, remaining, ...(cursor && { cursor }) }
}

type Sum = { replayed: number; duplicates: number; forwarded?: number; refusedAgain: number; notReplayable: number }

async function send(
  { deliver, replayed, decode, countsEach }: Replay,
  letters: readonly TakenLetter[],
  sum: Sum,
): Promise<ReplayFailure | undefined> {
  const whole: TakenLetter[] = []
  for (const letter of letters) {
    const event: DecodedPayload | Refusal | undefined = letter.undecoded
      ? await decode(letter)
      : { text: letter.payload }
    if (event === undefined) sum.notReplayable++
    else if (isRefusal(event)) sum.refusedAgain++
    else if (!isOneEvent(event.text)) sum.notReplayable++
    else whole.push({ ...letter, payload: event.text, ...(event.id !== undefined && { eventId: event.id }) })
  }
  // What is imported history stays it, and goes by itself.
  const [arrived = [], imported = []] = [false, true].map((is) => whole.filter((one) => 'imported' in one === is))
  return (
    (await sendAlike(deliver, replayed, arrived, countsEach, sum)) ??
    (await sendAlike(deliver, replayed, imported, countsEach, sum))
  )
}

async function sendAlike(
  deliver: Replay['deliver'],
  replayed: Replay['replayed'],
  whole: readonly TakenLetter[],
  countsEach: boolean,
  sum: Sum,
): Promise<ReplayFailure | undefined> {
  if (whole.length === 0) return undefined
  const receipt = await deliver(batchOf(whole, countsEach))
  if ('unavailable' in receipt) return receipt
  const refused = new Set(receipt.refused.map(({ index }) => index))
  const counted = whole.filter((_, index) => !refused.has(index))
  if (counted.length > 0) await replayed(counted.map(({ id }) => id))
  sum.replayed += receipt.accepted
  sum.duplicates += receipt.duplicates
  sum.refusedAgain += refused.size
  if (receipt.forwarded) sum.forwarded = (sum.forwarded ?? 0) + receipt.forwarded
  return undefined
}

/** One balanced value: another could swallow its neighbours in the batch. */
function isOneEvent(payload: string): boolean {
  const spans = splitEvents(`[${payload}]`)
  return !isRefusal(spans) && spans.count === 1 && spans.broken.size === 0
}

function batchOf(letters: readonly TakenLetter[], countsEach: boolean): ReplayBatch {
  const starts: number[] = []
  const ends: number[] = []
  let at = 1
  for (const { payload } of letters) {
    starts.push(at)
    at += payload.length
    ends.push(at)
    at++
  }
  return {
    text: `[${letters.map(({ payload }) => payload).join(',')}]`,
    spans: { count: letters.length, starts, ends, broken: new Map() },
    ids: letters.map(({ id, eventId, position }) =>
      replayId(
        { letter: id, ...(eventId !== undefined && { id: eventId }), ...(position !== undefined && { position }) },
        countsEach,
      ),
    ),
    replays: letters.map(({ id }) => id),
    places: letters.map(({ position }) => position),
    ...(letters[0] && 'imported' in letters[0] && { imported: letters.map((letter) => letter.imported ?? null) }),
  }
}
