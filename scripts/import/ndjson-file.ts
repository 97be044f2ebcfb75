/** Files with a JSON object a line. A line goes as it is, to its last digit, where nothing of it has to be renamed. */
import { parseRfc3339 } from '../../src/util/rfc3339.ts'
import { lacksZone, timeOfCell } from './cells.ts'
import { knownColumn, missingColumn, sentFields, type Wanted } from './columns.ts'
import type { SourceFile } from './files.ts'
import { knownAt, noZone, SAMPLE_ROWS } from './known.ts'
import { FileError, type ImportRow, type OpenFile, type Rows } from './row.ts'
import { TextChunks } from './text-chunks.ts'
import { rfc3339Of } from './zone.ts'

type Members = Record<string, unknown>

/** Longer than any event may be. In UTF-16 code units. */
const MAX_LINE_UNITS = 2 * 1024 * 1024

/** Opens a file of lines of JSON. Its columns are known once rows are read. */
export async function openNdjson(file: SourceFile, wanted: Wanted): Promise<OpenFile> {
  const chunks = new TextChunks(file)
  const { name } = file
  return {
    columns: undefined,
    get share() {
      return chunks.share
    },
    async *rows(afterLine: number): AsyncGenerator<Rows> {
      const { rowOf, end } = rowReader(name, wanted)
      let line = 0
      for await (const lines of linesOf(name, chunks)) {
        const rows: ImportRow[] = []
        for (const text of lines) {
          line++
          if (line > afterLine && text.trim() !== '') rows.push(rowOf(text, line))
        }
        if (rows.length > 0) yield rows
      }
      end()
    },
  }
}

async function* linesOf(name: string, chunks: TextChunks): AsyncGenerator<readonly string[]> {
  let rest = ''
  let count = 1
  let isFirst = true
  for await (const chunk of chunks) {
    const lines = `${rest}${isFirst && chunk.startsWith('\ufeff') ? chunk.slice(1) : chunk}`.split('\n')
    isFirst = false
    rest = lines.pop() ?? ''
    count += lines.length
    if (rest.length > MAX_LINE_UNITS)
      throw new FileError(
        `${name}:${count}: the line has more than ${MAX_LINE_UNITS} characters: an object a line is expected.`,
      )
    if (lines.length > 0) yield lines
  }
  if (rest !== '') yield [rest]
}

function rowReader(name: string, wanted: Wanted) {
  const { source, map, rule, toUtc } = wanted
  const times = sentFields(source).filter(({ type }) => type === 'timestamp')
  /** Nothing of it is renamed, and its times are written as the contract wants them. */
  const isPlain = (row: Members) =>
    map.size === 0 &&
    times.every(({ name: field, format }) => {
      const value = row[field]
      return format === 'ms' || typeof value !== 'string' || typeof parseRfc3339(value) === 'number'
    })
  let sampled = 0
  const seen = new Set<string>()
  const lookAt = (row: Members, at: string) => {
    for (const key of Object.keys(row)) seen.add(key)
    for (const field of times) {
      const value = row[map.get(field.name) ?? field.name]
      if (toUtc === undefined && typeof value === 'string' && lacksZone(field, value))
        throw noZone(at, field.name, value)
    }
    if (++sampled === SAMPLE_ROWS) demand()
  }
  /** A field that none of the first rows has is no field that some rows lack. */
  const demand = () => {
    for (const { name: field, optional } of sentFields(source)) {
      const column = map.get(field) ?? field
      if (!seen.has(column) && !(optional && !map.has(field)))
        throw missingColumn(name, [...seen], source, field, column)
    }
    knownColumn(name, [...seen], rule)
  }
  const rowOf = (line: string, number: number): ImportRow => {
    const at = `${name}:${number}`
    const row = parsed(line)
    if (row === undefined) {
      const problem = 'The line is no JSON: an object a line is expected.'
      return { line: number, text: JSON.stringify(line), knownAt: null, problem }
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      return { line: number, text: line, knownAt: null, problem: 'The line is no JSON object.' }
    const members = row as Members
    if (sampled < SAMPLE_ROWS) lookAt(members, at)
    const time = (value: unknown): number | null =>
      typeof value === 'string' ? timeOfCell(value, toUtc) : Number.isSafeInteger(value) ? (value as number) : null
    const column = rule.kind === 'column' ? members[rule.column] : null
    const eventMs = rule.kind === 'event-time' ? time(members[map.get(source.time) ?? source.time]) : null
    const known = knownAt(
      at,
      rule,
      eventMs,
      time(column),
      column === null || column === undefined ? null : String(column),
    )
    return { line: number, text: isPlain(members) ? line : renamed(line, members, wanted), knownAt: known }
  }
  const end = () => {
    if (sampled > 0 && sampled < SAMPLE_ROWS) demand()
  }
  return { rowOf, end }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

interface RawJson {
  rawJSON(text: string): unknown
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): Members
}
const exact = JSON as unknown as RawJson

/** The event of a row whose fields have other names there, or times of a told zone. Numbers stay the digits that they are. */
function renamed(line: string, members: Members, { source, map, toUtc }: Wanted): string {
  const row = exact.parse(line, (_key, value, { source: digits }) =>
    typeof value === 'number' && digits !== undefined ? exact.rawJSON(digits) : value,
  )
  const event = sentFields(source).flatMap(({ name, type, format }) => {
    const column = map.get(name) ?? name
    if (!Object.hasOwn(row, column)) return []
    const value = members[column]
    const isLocal = type === 'timestamp' && format !== 'ms' && typeof value === 'string'
    const time = isLocal && typeof parseRfc3339(value) !== 'number' ? rfc3339Of(value, toUtc) : undefined
    return [[name, time === undefined || time === 'no zone' ? row[column] : time]]
  })
  return JSON.stringify(Object.fromEntries(event))
}
