/** How a request carries CloudEvents: the event as JSON, a list of such, or the data as body and the rest as headers. */
export type CloudEventsMode = 'structured' | 'batch' | 'binary'

/** By the HTTP binding of CloudEvents 1.0; undefined when the request has none. `type` is the media type without parameters. */
export function cloudEventsMode(type: string | undefined, headers: Headers): CloudEventsMode | undefined {
  if (type === 'application/cloudevents+json') return 'structured'
  if (type === 'application/cloudevents-batch+json') return 'batch'
  return headers.has('ce-specversion') ? 'binary' : undefined
}
