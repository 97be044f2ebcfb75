import type { Refusal } from '../../src/contract/index.ts'
import { problemResponse } from '../../src/serve/index.ts'
import type { Undelivered } from '../../src/source/index.ts'

/** When to try again what no queue has room for. */
const QUEUE_RETRY_S = 30

/** A body that is no list of events. */
export const unreadable = ({ reason, message }: Refusal): Response =>
  problemResponse({ status: reason === 'too_large' ? 413 : 400, code: reason, detail: message })

/** What could not be delivered now. */
export const unavailable = ({ unavailable: code, message }: Undelivered): Response =>
  problemResponse({
    status: 503,
    code,
    detail: `${message}. Send the whole request again: nothing will be counted twice.`,
    // A full queue empties at the pace of another region.
    retryAfter: code === 'queue_full' ? QUEUE_RETRY_S : 1,
  })
