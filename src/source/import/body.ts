import { isRefusal, type Refusal, refusal, splitEvents } from '../../contract/index.ts'
import type { SourceSpec } from '../../engine/index.ts'
import type { EventBatch } from '../route.ts'

/** What the first line of an import says of the events behind it. */
export interface ImportHead {
  /** What the file is called: with a line it names a dead letter. */
  readonly file: string
  /** For each event its line in the file, or its row; rising. */
  readonly lines: readonly number[]
  /** For each event from when on it could be known, ms, by the rule of the import; null: the import names no rule. */
  readonly knownAt: readonly (number | null)[] | null
  /**
   * What tells each event from others, where the source has no field for it; absent: its content, or its file and line. History that is sent again
   * names a record of a topic by where it stood, also where content tells events: records that say the same are two events.
   */
  readonly ids?: readonly string[]
}

const MAX_FILE_UNITS = 512

/** An import as its body says it: a line of JSON, then an event a line. */
export const importText = (head: ImportHead, events: readonly string[]): string =>
  `${JSON.stringify(head)}\n${events.join('\n')}`

/**
 * The body of an import as a batch. An event of a source that has no field for its id is told from others by its file and line,
 * unless its content tells it.
 *
 * @example
 * importBatch('{"file":"a.csv","lines":[2],"knownAt":null}\n{"id":"e1","at":"2024-01-01T00:00:00Z"}', source, Date.now())
 */
export function importBatch(text: string, source: SourceSpec, arrivalMs: number): EventBatch | Refusal {
  const cut = text.indexOf('\n')
  const head = parseHead(cut < 0 ? text : text.slice(0, cut))
  if (isRefusal(head)) return head
  const { file, lines, knownAt, ids } = head
  const events = text.slice(cut + 1)
  const spans = cut < 0 ? splitEvents('[]') : splitEvents(events)
  if (isRefusal(spans)) return spans
  if (spans.count !== lines.length)
    return bad(`names ${lines.length} lines, and ${spans.count} events follow: one line for each event, in their order`)
  if (knownAt !== null && knownAt.length !== lines.length)
    return bad(`has ${knownAt.length} times in "knownAt" for ${lines.length} events: one for each, or null for no rule`)
  if (ids !== undefined && ids.length !== lines.length)
    return bad(`has ${ids.length} ids for ${lines.length} events: one for each, or none`)
  const isContent = source.idempotency === 'content' && ids === undefined
  const isNamed = source.id !== undefined || isContent
  return {
    text: events,
    spans,
    arrivalMs,
    ...(!isNamed && { ids: ids ?? lines.map((line) => `import/${file}/${line}`) }),
    places: lines.map((line) => `${file}:${line}`),
    imported: knownAt ?? lines.map(() => null),
  }
}

function parseHead(text: string): ImportHead | Refusal {
  let head: Partial<ImportHead> | null
  try {
    head = JSON.parse(text) as Partial<ImportHead> | null
  } catch {
    return bad('is no JSON')
  }
  if (typeof head !== 'object' || head === null || Array.isArray(head)) return bad('is no JSON object')
  const { file, lines, knownAt, ids } = head
  if (typeof file !== 'string' || file === '' || file.length > MAX_FILE_UNITS)
    return bad(`has no "file": the name of the file, 1 to ${MAX_FILE_UNITS} characters`)
  if (!Array.isArray(lines) || !lines.every((line) => Number.isSafeInteger(line) && line >= 0))
    return bad('has no "lines": a list of whole numbers, one for each event')
  if (knownAt === undefined)
    return bad(
      'has no "knownAt": a list of times in ms, one for each event, or null where no rule says when they were known',
    )
  if (knownAt !== null && !(Array.isArray(knownAt) && knownAt.every((at) => at === null || Number.isSafeInteger(at))))
    return bad('has a "knownAt" that is no list of whole numbers (epoch milliseconds) or nulls')
  if (ids !== undefined && !(Array.isArray(ids) && ids.every((id) => typeof id === 'string')))
    return bad('has "ids" that are no list of texts')
  return { file, lines, knownAt, ...(ids && { ids }) }
}

const bad = (what: string): Refusal =>
  refusal(
    'bad_json',
    `The first line of an import ${what}. Expected {"file": "a.csv", "lines": [2, 3], "knownAt": [1767225600000, null]}, then an event a line.`,
  )
