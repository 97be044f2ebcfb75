import type { Decoder, Refusal } from '../../contract/index.ts'
import { refusal } from '../../contract/index.ts'
import { keptText } from '../kept-record.ts'
import type { EventBatch } from '../route.ts'
import type { KafkaRecord } from './kafka-http.ts'

/** Records that were decoded, as far as that went. */
export interface DecodedPage {
  /** Their events, ready to be routed; null when there is none among them. */
  readonly batch: EventBatch | null
  /** How many records it took: all, or those before the one that stopped it. */
  readonly taken: number
  readonly skipped: number
  readonly refused: number
  /** Why it stopped before the end. */
  readonly stop: PageStop | null
}

export type PageStop =
  /** A writer schema has to be learned first. */
  | { readonly kind: 'schema'; readonly registry: string; readonly id: number }
  /** A record cannot be decoded, and the source says to halt. */
  | { readonly kind: 'poison'; readonly why: Refusal }

export interface PageContext {
  readonly decoder: Decoder
  readonly onPoison: 'park' | 'halt'
  /** Names the partition: `topic/partition`. */
  readonly sequence: string
  readonly incarnation: number
  readonly generation: number
  readonly arrivalMs: number
}

/** Turns records into one batch of events, each with its place. What cannot be decoded is an element that is refused with what is kept of its record. */
export function decodePage(records: readonly KafkaRecord[], context: PageContext): DecodedPage {
  const { decoder, onPoison, sequence, incarnation, generation, arrivalMs } = context
  const texts: string[] = []
  const starts: number[] = []
  const ends: number[] = []
  const offsets: number[] = []
  const ids: (string | undefined)[] = []
  const broken = new Map<number, Refusal>()
  let at = 1
  let skipped = 0
  let taken = 0
  let hasIds = false
  let stop: PageStop | null = null
  const push = (text: string, offset: number, id: string | undefined) => {
    texts.push(text)
    starts.push(at)
    at += text.length
    ends.push(at)
    at++
    offsets.push(offset)
    ids.push(id)
    hasIds ||= id !== undefined
  }
  for (const record of records) {
    const decoded = decoder.decode(record)
    if (decoded.kind === 'schema') {
      stop = decoded
      break
    }
    if (decoded.kind === 'refused' && onPoison === 'halt') {
      stop = { kind: 'poison', why: decoded.why }
      break
    }
    taken++
    if (decoded.kind === 'skipped') skipped++
    else if (decoded.kind === 'event') push(decoded.text, record.offset, decoded.id)
    else {
      broken.set(texts.length, decoded.why)
      push(keptText(record, decoder.beside), record.offset, undefined)
    }
  }
  const spans = { count: texts.length, starts, ends, broken }
  const position = { sequence, incarnation, generation, offsets }
  const text = `[${texts.join(',')}]`
  if (texts.length === 0) return { batch: null, taken, skipped, refused: 0, stop }
  const batch: EventBatch = { text, spans, arrivalMs, position, undecoded: true, ...(hasIds ? { ids } : {}) }
  return { batch, taken, skipped, refused: broken.size, stop }
}

/** A letter for what is larger than may be read, from an offset to before another: its bytes stay with the broker. */
export function oversizedBatch(offset: number, next: number, context: PageContext): EventBatch {
  const { sequence, incarnation, generation, arrivalMs } = context
  const where = next === offset + 1 ? `at offset ${offset}` : `between offsets ${offset} and ${next - 1}`
  const why = refusal('too_large', `A record of ${sequence} ${where} is larger than can be read.`)
  const spans = { count: 1, starts: [1], ends: [1], broken: new Map([[0, why]]) }
  return { text: '[]', spans, arrivalMs, position: { sequence, incarnation, generation, offsets: [offset] } }
}
