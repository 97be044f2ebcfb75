import { isRefusal, parseEvents } from '../contract/index.ts'
import { letterOrigin, replayId } from '../dead-letters/index.ts'
import { type Route, type SourceRuntime, sliceOf, spreadOf } from '../plan/index.ts'
import type { EventBatch } from './route.ts'

/** Types whose text in an event is the one text of their value. */
const PLAIN_TYPES: readonly string[] = ['string', 'int', 'int64', 'bool']

/**
 * Tells which slice of an entity that is spread an event belongs to: by what identifies it, in every way that it may come, so
 * that the shard that counted it is the one that is asked whether it knows it.
 */
export class Slicer {
  /** The place of the id in the source's fields, for it to be scanned with the keys; -1 where there is none. */
  readonly idField: number
  private readonly source: SourceRuntime
  private readonly spreads: readonly number[]
  private readonly isUuid: boolean
  private readonly isPlain: boolean

  /** Null where no route leads to an entity that is spread. */
  static of(source: SourceRuntime, routes: readonly Route[]): Slicer | null {
    const spreads = routes.map(({ entity }) => spreadOf(entity))
    return spreads.every((spread) => spread === 1) ? null : new Slicer(source, spreads)
  }

  private constructor(source: SourceRuntime, spreads: readonly number[]) {
    const { id, fields } = source.spec
    this.source = source
    this.spreads = spreads
    this.idField = id === undefined ? -1 : fields.findIndex(({ name }) => name === id)
    const field = fields[this.idField]
    this.isUuid = field?.format === 'uuid'
    this.isPlain = PLAIN_TYPES.includes(field?.type ?? '') && (field?.format === undefined || this.isUuid)
  }

  /** The slice of an event in the entity of a route. */
  sliceOf(route: number, id: string): number {
    return sliceOf(id, this.spreads[route] as number)
  }

  /** What identifies an event; `scanned`: its id field as it was found in the text. */
  idOf(batch: EventBatch, index: number, scanned: string | undefined): string {
    if (this.idField >= 0) {
      if (scanned !== undefined && this.isPlain) return this.isUuid ? scanned.toLowerCase() : scanned
      return this.checkedId(batch, index)
    }
    const { id = batch.ids?.[index], position } = letterOrigin(batch as Parameters<typeof letterOrigin>[0], index)
    const given = replayId(
      { letter: '', ...(id !== undefined && { id }), ...(position !== undefined && { position }) },
      false,
    )
    if (given !== undefined) return given
    return this.source.spec.idempotency === 'content' ? this.checkedId(batch, index) : textOf(batch, index)
  }

  /** As its shard will call it. What the shard refuses may go anywhere. */
  private checkedId(batch: EventBatch, index: number): string {
    const { contract } = this.source
    const text = textOf(batch, index)
    const parsed = parseEvents(text, contract.exactNumbers)
    if (isRefusal(parsed) || parsed.broken.size > 0) return text
    const event = contract.check(parsed.raws[0], batch.arrivalMs)
    return isRefusal(event) ? text : (event.id ?? text)
  }
}

const textOf = ({ text, spans }: EventBatch, index: number): string =>
  text.slice(spans.starts[index], spans.ends[index])
