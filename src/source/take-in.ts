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
  let forwarded = 0
  for (const [home, indexes] of elsewhere) {
    const theirs = pick(batch, indexes)
    const unfit = router.refusals(theirs)
    await keepUnrouted({ refused: unfit }, source, batch, keep)
    refused.push(...unfit.map(({ index, why }) => ({ index: indexes[index] as number, ...why })))
    const bad = new Set(unfit.map(({ index }) => index))
    const fit = indexes.filter((_, place) => !bad.has(place))
    if (fit.length === 0) continue
    const answer = await queue(intake, home, rowsOf(pick(batch, fit)))
    if ('unavailable' in answer) return answer
    forwarded += fit.length
  }
  if (own.length === 0) return receiptOf({ accepted: 0, duplicates: 0, refused, commits: [] }, forwarded)
  // Last: while a queue is full nothing is counted here either, and the sender's next try finds all of it new.
  const receipt = await deliver(intake, pick(batch, own))
  if (isRefusal(receipt) || 'unavailable' in receipt) return receipt
  const here = receipt.refused.map((one) => ({ ...one, index: own[one.index] as number }))
  return receiptOf({ ...receipt, refused: [...refused, ...here] }, forwarded)
}

async function queue({ forward }: Intake, home: string, rows: readonly NewRow[]): Promise<QueueAnswer | Undelivered> {
  try {
    const answer = await forward(home, rows)
    return 'full' in answer ? { unavailable: 'queue_full', message: answer.full } : answer
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return { unavailable: 'shard_failed', message: `the queue for region ${home} did not answer: ${why}` }
  }
}

function receiptOf(receipt: Receipt, forwarded: number): Receipt {
  const refused = receipt.refused.toSorted((a, b) => a.index - b.index)
  return { ...receipt, refused, ...(forwarded > 0 && { forwarded }) }
}
