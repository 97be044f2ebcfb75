import { type ExactNumbers, isRefusal, type ParsedEvents, parseEvents, type Refusal } from '../contract/index.ts'
import type { Part } from '../engine/index.ts'
import type { SourceRuntime } from '../plan/index.ts'
import type { RowKey } from './cell.ts'
import type { ApplyMessage, Contributions, ShardUnavailable } from './messages.ts'
import { type StampedRows, stampedRows } from './stamped-rows.ts'

/** The slice that an event belongs to; 0 where its entity is not spread. */
export const sliceAt = ({ slices }: ApplyMessage, index: number): number =>
  slices === undefined ? 0 : Number.parseInt(slices[index] ?? '', 36)

/** What a row of a table is put in and taken out by. */
export function rowKey({ part, parts, signs, seqs }: Contributions, index: number): RowKey {
  return { part: parts?.[index] ?? part, seq: seqs[index] as number, sign: signs[index] === '-' ? -1 : 1 }
}

/** Names the sequence of what a table's shard contributes. Each epoch has its own: what was put in by one is taken out by the next. */
export const tableSequence = ({ epoch, shard }: Part): string =>
  epoch === 0 ? `table/${shard}` : `table/${epoch}/${shard}`

/** What a batch's events are enriched with; nothing for a source without enrichment. A door that asks for no rows is of another time. */
export function stampsOf(
  message: ApplyMessage,
  { spec, contract }: SourceRuntime,
): StampedRows | ShardUnavailable | undefined {
  if (spec.enrich === undefined) return undefined
  const { stamps, fanout } = message
  if (stamps) return stampedRows(stamps, spec.enrich.length, contract.exactNumbers)
  if (fanout === '') return undefined
  return {
    unavailable: 'unknown_version',
    message: `events of ${spec.name} came without the rows they are enriched with`,
  }
}

/** What identifies an event besides its own id field: null where its position does. */
export function idOf({ ids, position }: ApplyMessage, index: number): string | null | undefined {
  return ids?.[index] ?? (position === undefined ? undefined : null)
}

/**
 * Of an event of imported history, from when on it could be known, ms: by the rule of its import, and at the latest when it was
 * accepted. Null where the import named no rule; undefined of an event that arrived.
 */
export function importedAt({ imported }: ApplyMessage, index: number, acceptedMs: number): number | null | undefined {
  const known = imported?.[index]
  return typeof known === 'number' ? Math.min(known, acceptedMs) : imported && null
}

/** The events of a message: what each parsed to, or why it did not. */
export function eventsOf(exactNumbers: ExactNumbers, { events, fanout }: ApplyMessage): ParsedEvents {
  const parsed = parseEvents(events, exactNumbers)
  if (!isRefusal(parsed)) return parsed
  // The door sends only what it could tell apart, so this is a broken door: nothing of it is taken.
  const raws = Array.from({ length: fanout.length }, () => undefined)
  return { raws, broken: new Map(raws.map((_, index) => [index, parsed])) }
}

/** Calls back for each event of a message. */
export function forEachEvent(
  { raws, broken }: ParsedEvents,
  each: (raw: unknown, broken: Refusal | undefined, index: number) => void,
): void {
  for (let index = 0; index < raws.length; index++) each(raws[index], broken.get(index), index)
}
