import { isRefusal, type Refusal, refusal } from '../contract/index.ts'
import { type Delivery, deliver, keepUnrouted, type Receipt, type RefusedEvent, type Undelivered } from './deliver.ts'
import type { QueueAnswer } from './forward/queue.ts'
import { type NewRow, rowsOf } from './forward/row.ts'
import { type Homes, pick } from './homes.ts'
import { type EventBatch, MOST_EVENTS } from './route.ts'

/** The way of a source's events: into the shards here, or to the region that keeps them. */
export interface Intake extends Delivery {
  /** Absent: all of them are kept here. */
  readonly homes?: Homes
  /** Puts events into the queue for another region; durable when it answers. */
  readonly forward: (home: string, rows: readonly NewRow[]) => Promise<QueueAnswer>
  /** Why the queue for a region would not take events now; undefined when it would. */
  readonly full: (home: string, rows: readonly NewRow[]) => Promise<string | undefined>
}

/**
 * Takes in a batch where it came in. What another region keeps is checked by the contract here, so that its sender is told, and
 * is durable in a queue for that region before the answer; what only the home can judge, it judges there.
 */
export async function takeIn(intake: Intake, batch: EventBatch): Promise<Receipt | Refusal | Undelivered> {
  const { homes, router, source, keep } = intake
  if (homes === undefined) return await deliver(intake, batch)
  const { count } = batch.spans
  if (count > MOST_EVENTS)
    return refusal('too_large', `${count} events in one request; at most ${MOST_EVENTS} are taken. Send several.`)

  const { own, elsewhere } = homes.split(batch)
  const refused: RefusedEvent[] = []
  const leaving = new Map<string, readonly NewRow[]>()
  let forwarded = 0
  for (const [home, indexes] of elsewhere) {
    const theirs = pick(batch, indexes)
    const unfit = router.refusals(theirs)
    await keepUnrouted({ refused: unfit }, source, batch, keep)
    refused.push(...unfit.map(({ index, why }) => ({ index: indexes[index] as number, ...why })))
    const bad = new Set(unfit.map(({ index }) => index))
    const fit = indexes.filter((_, place) => !bad.has(place))
    if (fit.length === 0) continue
    leaving.set(home, rowsOf(pick(batch, fit)))
    forwarded += fit.length
  }
  const unqueued = await queueAll(intake, leaving)
  if (unqueued) return unqueued
  if (own.length === 0) return receiptOf({ accepted: 0, duplicates: 0, refused, commits: [] }, forwarded)
  // Last: while a queue is full nothing is counted here either, and the sender's next try finds all of it new.
  const receipt = await deliver(intake, pick(batch, own))
  if (isRefusal(receipt) || 'unavailable' in receipt) return receipt
  const here = receipt.refused.map((one) => ({ ...one, index: own[one.index] as number }))
  return receiptOf({ ...receipt, refused: [...refused, ...here] }, forwarded)
}

/**
 * Puts events into the queues of several regions, all of them or none: each says first whether it has room. Only what others put in
 * meanwhile can fill the second one when the first has its events; the answer says so then.
 */
async function queueAll(
  { full, forward }: Intake,
  leaving: ReadonlyMap<string, readonly NewRow[]>,
): Promise<Undelivered | undefined> {
  const queued: string[] = []
  let at = ''
  try {
    for (const [home, rows] of leaving.size > 1 ? leaving : []) {
      at = home
      const why = await full(home, rows)
      if (why !== undefined) return { unavailable: 'queue_full', message: why }
    }
    for (const [home, rows] of leaving) {
      at = home
      const answer = await forward(home, rows)
      if ('full' in answer) return { unavailable: 'queue_full', message: `${answer.full}${alsoFor(queued)}` }
      queued.push(home)
    }
    return undefined
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `the queue for region ${at} did not answer: ${why}${alsoFor(queued)}`
    return { unavailable: 'shard_failed', message }
  }
}

const alsoFor = (homes: readonly string[]): string =>
  homes.length === 0
    ? ''
    : `. The events of this request for ${homes.join(', ')} are on their way: sent again, those without an id count twice`

function receiptOf(receipt: Receipt, forwarded: number): Receipt {
  const refused = receipt.refused.toSorted((a, b) => a.index - b.index)
  return { ...receipt, refused, ...(forwarded > 0 && { forwarded }) }
}
