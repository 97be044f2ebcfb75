import { decimalScale, elementType, type SourceSpec, type Value } from '../engine/index.ts'
import { MAX_KEY_UNITS, MAX_TEXT_UNITS } from '../util/limits.ts'
import { compileEnrichment, type Enrichment } from './enrichment.ts'
import { type ExactNumbers, rounded } from './exact-number.ts'
import { compileChecks, type FieldCheck } from './expectations.ts'
import { fieldReader } from './field-reader.ts'
import { contentId, payloadHasher } from './payload-hash.ts'
import { isRefusal, type Refusal, refusal, shown } from './refusal.ts'
import { sentFields } from './sent-fields.ts'

/** An event that keeps the contract of its source. */
export interface CheckedEvent {
  /** What identifies it in its source; null when the source is `idempotency: 'none'` and it has no id. */
  readonly id: string | null
  /** Event time, epoch milliseconds. */
  readonly timeMs: number
  /** The value of `source.fields[i]` at i; absent is null, and so is what it is not enriched with yet. */
  readonly values: readonly Value[]
}

/** The checks of one source, compiled. */
export interface Contract {
  readonly source: SourceSpec
  /** How exact its fields need {@link parseEvents} to be. */
  readonly exactNumbers: ExactNumbers
  /** 32 bits that tell one payload from another under the same id: of what was sent, whatever it is enriched with. */
  payloadHash(values: readonly Value[]): number
  /** What fills in the enriched fields; undefined when the source has none. */
  readonly enrichment: Enrichment | undefined
  /** What its fields are expected to be; judged of what the contract takes. */
  readonly checks: readonly FieldCheck[]
  /**
   * Checks one parsed event that arrived at `arrivalMs`. `deliveryId` identifies it when the source has no id field:
   * the sender's `webhook-id` and the event's index; null when something else does, its position in a topic. Never throws.
   */
  check(raw: unknown, arrivalMs: number, deliveryId?: string | null): CheckedEvent | Refusal
  /** Checks one field of an event alone, by its place in the source's fields. */
  checkField(field: number, raw: unknown): Value | Refusal
  /**
   * Reads what was checked before, perhaps by a contract that has changed since: a field that does not fit now is null.
   * Undefined for what has no event time any more.
   */
  reread(raw: unknown): CheckedEvent | undefined
}

/** 1971-01-01: what is earlier is a broken clock, or seconds that were taken for milliseconds. */
export const MIN_EVENT_TIME_MS = 31_536_000_000

/**
 * Compiles the checks of a source: one closure a field, no eval. The first field that fails, in declared order, is the
 * refusal. Checked values are canonical: UUIDs in lower case, times in milliseconds, `int64` as bigint,
 * decimals as bigints of units of their last digit, vectors as Float32Array; `-0` kept.
 *
 * @param keyFields fields that feed keys of entities: their texts are capped at 512 instead of 4,096 UTF-16 code units
 * @example
 * const contract = compileContract(activity.spec)
 * const event = contract.check({ id: 'e1', type: 'click', at: '2026-01-01T00:00:00Z' }, Date.now())
 * if (isRefusal(event)) console.log(event.reason, event.message)
 */
export function compileContract(source: SourceSpec, keyFields: readonly string[] = []): Contract {
  const { fields, maxFutureMs } = source
  const sent = sentFields(source)
  const names = sent.map((field) => field.name)
  const readers = sent.map((field) =>
    fieldReader(field, keyFields.includes(field.name) ? MAX_KEY_UNITS : MAX_TEXT_UNITS),
  )
  const timeIndex = names.indexOf(source.time)
  const idIndex = source.id === undefined ? -1 : names.indexOf(source.id)
  const blank: readonly Value[] = fields.map(() => null)
  const sentOf = (values: readonly Value[]) => (sent.length < fields.length ? values.slice(0, sent.length) : values)

  const check: Contract['check'] = (given, arrivalMs, deliveryId) => {
    const raw = rounded(given)
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      return refusal('not_object', `The event is ${shown(raw)}; expected an object.`)
    }
    // Field names were checked not to be properties of Object.prototype, so reading them finds the event's own.
    const record = raw as Readonly<Record<string, unknown>>
    const values = blank.slice()
    for (let i = 0; i < readers.length; i++) {
      const value = (readers[i] as (typeof readers)[number])(record[names[i] as string])
      if (typeof value === 'object' && value !== null && isRefusal(value)) return value
      values[i] = value
    }
    const timeMs = values[timeIndex] as number
    if (timeMs < MIN_EVENT_TIME_MS || timeMs - arrivalMs > maxFutureMs) return untimely(source, timeMs, arrivalMs)
    const id =
      idIndex >= 0 ? String(values[idIndex]) : deliveryId === undefined ? standInId(source, sentOf(values)) : deliveryId
    if (typeof id === 'object' && id !== null && isRefusal(id)) return id
    return { id, timeMs, values }
  }
  const reread: Contract['reread'] = (given) => {
    const raw = rounded(given)
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined
    const record = raw as Readonly<Record<string, unknown>>
    const values = readers.map((read, i): Value => {
      const value = read(record[names[i] as string])
      return typeof value === 'object' && value !== null && isRefusal(value) ? null : value
    })
    const timeMs = values[timeIndex]
    return typeof timeMs === 'number' ? { id: null, timeMs, values } : undefined
  }
  return {
    source,
    exactNumbers: exactnessOf(fields),
    payloadHash: payloadHasher(names),
    enrichment: compileEnrichment(source),
    checks: compileChecks(source),
    check,
    checkField: (field, raw) => (readers[field] as (typeof readers)[number])(raw),
    reread,
  }
}

function exactnessOf(fields: SourceSpec['fields']): ExactNumbers {
  const types = fields.map(({ type }) => elementType(type) ?? type)
  if (types.some((type) => decimalScale(type) !== undefined)) return 'decimals'
  return types.includes('int64') ? 'integers' : 'none'
}

function standInId({ name, idempotency }: SourceSpec, values: readonly Value[]): string | null | Refusal {
  if (idempotency === 'content') return contentId(values)
  if (idempotency === 'none') return null
  const how = "send a webhook-id header, declare an id field, or declare idempotency: 'content' or 'none'"
  return refusal('missing_id', `Nothing identifies this event, and source ${name} counts each once: ${how}.`)
}

function untimely({ time, maxFutureMs }: SourceSpec, timeMs: number, arrivalMs: number): Refusal {
  if (timeMs < MIN_EVENT_TIME_MS) {
    const hint = timeMs >= 0 ? ' Are these seconds? Milliseconds are expected.' : ''
    return refusal('too_old_time', `"${time}" is ${iso(timeMs)}; expected 1971 or later.${hint}`, time)
  }
  const ahead = `${timeMs - arrivalMs} ms ahead of its arrival at ${iso(arrivalMs)}`
  return refusal('future_time', `"${time}" is ${iso(timeMs)}, ${ahead}; at most ${maxFutureMs} ms are allowed.`, time)
}

/** Dates end at +-8.64e15 ms; what is beyond is shown as its number. */
function iso(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
