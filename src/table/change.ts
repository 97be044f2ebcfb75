import { CHANGE, type ChangeOp, type Refusal, refusal, shown } from '../contract/index.ts'
import { placeOfLetter } from '../dead-letters/index.ts'
import type { ApplyMessage, MessagePosition } from '../shard/index.ts'
import type { RowVersion } from './version.ts'

/** One change as it came: what happened, when in the source's order, and the row as far as it was sent. */
export interface Change {
  readonly op: ChangeOp
  readonly version: RowVersion
  /** The row's fields as parsed, or those of its key. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Fields that were not sent because they did not change. */
  readonly unchanged: readonly string[]
}

/** Where the changes of a message stand, or first stood. */
type Placed = Pick<ApplyMessage, 'position' | 'places'>

const OPS: readonly unknown[] = ['c', 'u', 'r', 'd', 't']

/**
 * Reads the change of a parsed event; refuses what is none, or what has no place in any order. One that is replayed has the
 * place where it first stood.
 */
export function readChange(raw: unknown, { position, places }: Placed, index: number): Change | Refusal {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return refusal('not_object', `The change is ${shown(raw)}; expected an object.`)
  }
  const fields = raw as Readonly<Record<string, unknown>>
  const op = fields[CHANGE.op]
  if (!OPS.includes(op)) {
    return refusal('bad_envelope', `"${CHANGE.op}" is ${shown(op)}; expected c, u, r, d or t.`, CHANGE.op)
  }
  const lsn = readLsn(fields[CHANGE.lsn])
  if (typeof lsn === 'object' && lsn !== null) return lsn
  const place = position === undefined ? firstPlace(places?.[index]) : placeOf(position, index)
  if (lsn === null && place === null) {
    const how = 'send Debezium envelopes of a PostgreSQL connector, which have one, or read the topic itself'
    return refusal(
      'bad_envelope',
      `Nothing says where this change stands among the others: "${CHANGE.lsn}" is missing; ${how}.`,
    )
  }
  const order = fields[CHANGE.order]
  const unchanged = fields[CHANGE.unchanged]
  return {
    op: op as ChangeOp,
    version: {
      lsn,
      // What a snapshot read at a place of the log was there before what is written at that place.
      order: typeof order === 'number' ? order : op === 'r' ? -1 : 0,
      position: place,
    },
    fields,
    unchanged: Array.isArray(unchanged) ? unchanged.filter((name) => typeof name === 'string') : [],
  }
}

function firstPlace(place: string | undefined): RowVersion['position'] {
  return (place === undefined ? undefined : placeOfLetter(place)) ?? null
}

function placeOf({ sequence, incarnation, offsets }: MessagePosition, index: number): RowVersion['position'] {
  return { sequence, incarnation, offset: offsets[index] as number }
}

function readLsn(raw: unknown): bigint | null | Refusal {
  if (raw === undefined || raw === null) return null
  if (typeof raw === 'string' && /^\d{1,20}$/.test(raw)) return BigInt(raw)
  if (typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= 0) return BigInt(raw)
  return refusal('bad_envelope', `"${CHANGE.lsn}" is ${shown(raw)}; expected decimal digits.`, CHANGE.lsn)
}
