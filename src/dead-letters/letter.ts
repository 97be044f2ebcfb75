import { murmur128Hex } from '../util/murmur3.ts'

/** A refused event as it is handed to the dead letters: what came, why it was refused, and where. */
export interface DeadLetter extends LetterOrigin {
  readonly source: string
  readonly reason: string
  readonly field?: string
  readonly message: string
  /** The event as it came, at most `PAYLOAD_UNITS` of it. */
  readonly payload: string
  /** Its whole length, in UTF-16 code units. */
  readonly payloadUnits: number
  /** murmur3-128 of the whole: two events that differ only behind the cut are two letters. */
  readonly payloadHash: string
  /** When it says that it happened, ms, where that is known. */
  readonly eventTimeMs?: number
  readonly arrivalMs: number
  /** The door or shard that refused it. */
  readonly by: string
  /** How many shards it went to: it is dead when all of them refused. */
  readonly fanout: number
}

/** Which event a letter is about. */
export interface LetterOrigin {
  /** Where it stood in its source: `topic/incarnation/partition/offset`, of imported history `FILE:LINE`. */
  readonly position?: string
  /** What identifies the event where its source has no id field: a replay enters under it. */
  readonly id?: string
  /** It is imported history: from when on it could be known, ms; null where its import named no rule. Replayed, it still is. */
  readonly imported?: number | null
  /** The letter that this event was replayed from, and goes back to. */
  readonly replays?: string
  /** The payload is what came, not yet an event: its format refused it, and a replay decodes it again. */
  readonly undecoded?: true
}

/** A payload longer than this is cut: a row holds 2 MB, and a batch may refuse thousands. In UTF-16 code units. */
export const PAYLOAD_UNITS = 64 * 1024

/** Makes a letter of an event's text. */
export function deadLetter(
  from: Omit<DeadLetter, 'payload' | 'payloadUnits' | 'payloadHash'>,
  payload: string,
): DeadLetter {
  const payloadHash = murmur128Hex(payload)
  return { ...from, payload: cut(payload), payloadUnits: payload.length, payloadHash }
}

/** The origin of one event of a batch, by its place there. */
export function letterOrigin(
  batch: {
    readonly ids?: readonly (string | null | undefined)[]
    readonly replays?: readonly string[]
    readonly position?: { readonly sequence: string; readonly incarnation: number; readonly offsets: readonly number[] }
    readonly places?: readonly (string | undefined)[]
    readonly imported?: readonly (number | null)[]
  },
  index: number,
): LetterOrigin {
  const id = batch.ids?.[index]
  const replays = batch.replays?.[index]
  const place = batch.places?.[index]
  const imported = batch.imported?.[index]
  return {
    ...(typeof id === 'string' && { id }),
    ...(replays !== undefined && { replays }),
    ...(place !== undefined && { position: place }),
    ...(batch.position && { position: positionText(batch.position, batch.position.offsets[index]) }),
    ...(imported !== undefined && { imported }),
  }
}

/** The partition stands behind the incarnation, so that all of one topic's life begins alike. */
function positionText(at: { readonly sequence: string; readonly incarnation: number }, offset: number | undefined) {
  const slash = at.sequence.lastIndexOf('/')
  if (slash < 0) return `${at.sequence}/${at.incarnation}/${offset}`
  return `${at.sequence.slice(0, slash)}/${at.incarnation}/${at.sequence.slice(slash + 1)}/${offset}`
}

/** The place that a letter's `position` says, or undefined for a text that says none. */
export function placeOfLetter(
  text: string,
): { readonly sequence: string; readonly incarnation: number; readonly offset: number } | undefined {
  const parts = /^(.+)\/(\d+)\/([^/]+)\/(\d+)$/.exec(text)
  if (parts === null) return undefined
  const [, topic, incarnation, partition, offset] = parts
  return { sequence: `${topic}/${partition}`, incarnation: Number(incarnation), offset: Number(offset) }
}

/** A pair of surrogates is not torn apart: half of one is no text that a database can keep. */
function cut(text: string): string {
  if (text.length <= PAYLOAD_UNITS) return text
  const isHigh = (text.charCodeAt(PAYLOAD_UNITS - 1) & 0xfc00) === 0xd800
  return text.slice(0, isHigh ? PAYLOAD_UNITS - 1 : PAYLOAD_UNITS)
}

/**
 * What makes two refusals the same letter: the place in the source where the event stood, else its text and its id. So a
 * shard that sends twice, several shards that refuse one event, and a sender that tries again are one letter. A line of a file is
 * one with its text: another file may have its name.
 */
export function letterId({ source, position, payloadHash, id, replays, imported }: DeadLetter): string {
  if (replays !== undefined) return replays
  // A hash is 32 digits and a position follows a blank, so the three forms cannot be mistaken for each other.
  if (position !== undefined && imported !== undefined) return murmur128Hex(`${source}\n ${position}\n${payloadHash}`)
  if (position !== undefined) return murmur128Hex(`${source}\n ${position}`)
  return murmur128Hex(`${source}\n${payloadHash}${id === undefined ? '' : `\n${id}`}`)
}

/** Whether a replay could ever take it: all of the payload is here, and it is JSON. */
export function isReplayable(letter: {
  readonly reason: string
  readonly payload: string
  readonly payloadUnits: number
}): boolean {
  return letter.payload.length === letter.payloadUnits && letter.reason !== 'bad_json'
}

/**
 * The id under which a replayed event enters, where its source has no id field: the one it came with, else its position. With
 * `countsEach` (the source says `idempotency: 'none'`) the letter's own id, so that two replays count once.
 *
 * @example replayId({ letter: '5f...', position: 'clicks/1/0/42' }, false) // 'kafka/clicks/1/0/42'
 */
export function replayId(
  { letter, id, position }: { readonly letter: string; readonly id?: string; readonly position?: string },
  countsEach: boolean,
): string | undefined {
  if (id !== undefined) return id
  // A line of a file identifies nothing: what was imported has an id, or its content is one.
  if (position !== undefined && placeOfLetter(position) !== undefined) return `kafka/${position}`
  return countsEach ? `dead-letter/${letter}` : undefined
}
