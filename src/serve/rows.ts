import type { Value } from '../engine/index.ts'
import type { VectorPlan } from '../plan/index.ts'
import { STATUS_OF } from '../shard/index.ts'
import type { LookupRow, RowMetadata, TypedRow } from './lookup.ts'
import { parseValues, valueReader } from './typed-values.ts'

/** The answer on the wire: columnar, spliced from what the shards wrote, nothing parsed again. */
export function wireText(vector: VectorPlan, t: number, rows: readonly LookupRow[]): string {
  const { service, features } = headOf(vector)
  const at = new Date(t).toISOString()
  return `{${service}"at":"${at}","features":${features},"rows":[${rows.map(rowText).join()}]}`
}

const heads = new WeakMap<VectorPlan, { readonly service: string; readonly features: string }>()

/** What every answer of a vector begins with. */
function headOf(vector: VectorPlan): { readonly service: string; readonly features: string } {
  let head = heads.get(vector)
  if (head === undefined) {
    const service = vector.service === null ? '' : `"service":${JSON.stringify(vector.service)},`
    head = { service, features: JSON.stringify(vector.features.map((feature) => feature.name)) }
    heads.set(vector, head)
  }
  return head
}

const partsTexts = new WeakMap<LookupRow['parts'], string>()

/** What was read through shards alone has the same parts in every row. */
function partsText(parts: LookupRow['parts']): string {
  let text = partsTexts.get(parts)
  if (text === undefined) {
    text = JSON.stringify(parts)
    partsTexts.set(parts, text)
  }
  return text
}

/** One row of an answer as it is on the wire: a JSON object. */
export function rowText({ texts, commits, parts }: LookupRow): string {
  let values = ''
  let statuses = ''
  let exact = ''
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i] as LookupRow['texts'][number]
    const comma = i === 0 ? '' : ','
    values += comma + text.values
    statuses += comma + statusList(text.statuses)
    exact += comma + exactList(text.exact)
  }
  const eventTime = eventTimeOf(texts)
  const time = eventTime === null ? 'null' : `"${eventTime}"`
  const since = texts.some((text) => text.since !== undefined) ? `,"since":${JSON.stringify(sinceOf(texts))}` : ''
  const reasons = texts.some((text) => text.reasons !== undefined)
    ? `,"reasons":${JSON.stringify(reasonsOf(texts))}`
    : ''
  return `{"values":[${values}],"status":[${statuses}],"exact":[${exact}]${since}${reasons},"eventTime":${time},"commits":${JSON.stringify(commits)},"parts":${partsText(parts)}}`
}

/** Lists by the letters that they are written from: there are few of them, since most rows are all present and exact. */
const lists = new Map<string, string>()
const MOST_LISTS = 4_096

function listOf(letters: string, entryOf: (letter: string) => string): string {
  let list = lists.get(letters)
  if (list === undefined) {
    if (lists.size >= MOST_LISTS) lists.clear()
    list = Array.from(letters, entryOf).join()
    lists.set(letters, list)
  }
  return list
}

const statusList = (letters: string): string => listOf(letters, (letter) => `"${STATUS_OF[letter]}"`)
const exactList = (digits: string): string => listOf(digits, (digit) => (digit === '1' ? 'true' : 'false'))

function eventTimeOf(texts: LookupRow['texts']): string | null {
  let newest: number | null = null
  for (const { eventTimeMs } of texts) {
    if (eventTimeMs !== null && (newest === null || eventTimeMs > newest)) newest = eventTimeMs
  }
  return newest === null ? null : new Date(newest).toISOString()
}

/** A list of notes with an entry a feature, put together from those of the runs that have one. */
function notesOf<T>(
  texts: LookupRow['texts'],
  noteOf: (text: LookupRow['texts'][number]) => readonly (T | null)[] | undefined,
) {
  return texts.flatMap((text) => noteOf(text) ?? new Array<null>(text.statuses.length).fill(null))
}

/** For each feature: since when its history is complete if its value is partial, else null. */
const sinceOf = (texts: LookupRow['texts']): (string | null)[] =>
  notesOf(texts, (text) => text.since).map((ms) => (ms === null ? null : new Date(ms).toISOString()))

/** For each feature: why its value is an error, else null. */
const reasonsOf = (texts: LookupRow['texts']): (string | null)[] => notesOf(texts, (text) => text.reasons)

/**
 * Objects by feature name, values by their types: int64 as bigint, a decimal as its text, a vector as Float32Array, a map as
 * an object without prototype, all else as JSON has it.
 */
export function typedRows(vector: VectorPlan, rows: readonly LookupRow[], withMetadata: boolean): TypedRow[] {
  const readers = vector.features.map(({ feature }) => valueReader(feature.resultType))
  const hasInt64 = vector.features.some(({ feature }) => feature.resultType.includes('int64'))
  return rows.map(({ texts, commits, parts }) => {
    const values = parseValues(`[${texts.map((part) => part.values).join()}]`, hasInt64)
    const features: Record<string, Value> = {}
    vector.features.forEach(({ shortName }, i) => {
      features[shortName] = (readers[i] as (typeof readers)[number])(values[i])
    })
    return withMetadata ? { features, metadata: metadataOf(vector, texts, commits, parts) } : { features }
  })
}

function metadataOf(
  vector: VectorPlan,
  texts: LookupRow['texts'],
  commits: readonly string[],
  parts: LookupRow['parts'],
): RowMetadata {
  const names = vector.features.map((feature) => feature.shortName)
  const statuses = texts.flatMap((text) => Array.from(text.statuses, (letter) => STATUS_OF[letter]))
  const exact = texts.flatMap((text) => Array.from(text.exact, (digit) => digit === '1'))
  const since = sinceOf(texts)
  const reasons = reasonsOf(texts)
  return {
    status: Object.fromEntries(names.map((name, i) => [name, statuses[i] as string])),
    exact: Object.fromEntries(names.map((name, i) => [name, exact[i] as boolean])),
    since: noted(names, since),
    reasons: noted(names, reasons),
    eventTime: eventTimeOf(texts),
    commits,
    parts,
  }
}

function noted(names: readonly string[], notes: readonly (string | null)[]): Record<string, string> {
  const entries = names.flatMap((name, i): [string, string][] =>
    typeof notes[i] === 'string' ? [[name, notes[i]]] : [],
  )
  return Object.fromEntries(entries)
}
