import { isRefusal, type Refusal, splitEvents } from '../contract/index.ts'
import type { EventBatch } from './route.ts'

/**
 * A request's body as a batch: JSON, a list of JSON, or a line each.
 *
 * @param deliveryId the sender's id of the whole request, from which events without an id of their own get theirs
 * @example requestBatch('[{"id":1},{"id":2}]', Date.now(), 'msg_1') // ids: ['msg_1:0', 'msg_1:1']
 */
export function requestBatch(text: string, arrivalMs: number, deliveryId?: string): EventBatch | Refusal {
  const spans = splitEvents(text)
  if (isRefusal(spans)) return spans
  if (deliveryId === undefined) return { text, spans, arrivalMs }
  return { text, spans, arrivalMs, ids: Array.from({ length: spans.count }, (_, index) => `${deliveryId}:${index}`) }
}
