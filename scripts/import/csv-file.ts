/** CSV files: a header, then a row a record. All cells are texts, and the contract says what is in them. */
import { cellWriter, lacksZone, timeOfCell } from './cells.ts'
import { fieldColumns, knownColumn, type Wanted } from './columns.ts'
import { CsvParser, type CsvRecord, delimiterOf } from './csv.ts'
import type { SourceFile } from './files.ts'
import { knownAt, noZone, SAMPLE_ROWS } from './known.ts'
import { FileError, type ImportRow, type OpenFile, type Rows } from './row.ts'
import { TextChunks } from './text-chunks.ts'

/** Opens a CSV file: reads its header. Throws a UsageError or {@link FileError}. */
export async function openCsv(file: SourceFile, wanted: Wanted): Promise<OpenFile> {
  const chunks = new TextChunks(file)
  const [header, delimiter] = await headerOf(file, chunks)
  const columns = header.cells.map((cell) => cell ?? '')
  const { name } = file
  const twice = columns.find((column, i) => column !== '' && columns.indexOf(column) !== i)
  if (twice !== undefined) throw new FileError(`${name}:${header.line}: the header has the column "${twice}" twice.`)
  const rowOf = rowReader(name, columns, wanted)
  return {
    columns,
    get share() {
      return chunks.share
    },
    async *rows(afterLine: number): AsyncGenerator<Rows> {
      let rows = 0
      for await (const records of recordsOf(name, chunks, delimiter)) {
        const read: ImportRow[] = []
        for (const record of records) {
          if (record.line <= header.line) continue
          rows++
          if (record.line <= afterLine) continue
          read.push(rowOf(record, rows <= SAMPLE_ROWS))
        }
        if (read.length > 0) yield read
      }
    },
  }
}

async function headerOf({ name }: SourceFile, chunks: TextChunks): Promise<[header: CsvRecord, delimiter: string]> {
  for await (const text of withoutMark(chunks)) {
    const delimiter = delimiterOf(text)
    // As if it ended here: the header is far shorter than a chunk.
    const [header] = new CsvParser(delimiter).push(`${text}\n`)
    if (header) return [header, delimiter]
  }
  throw new FileError(`${name} is empty: a CSV file begins with a header, the names of its columns.`)
}

async function* recordsOf(name: string, chunks: TextChunks, delimiter: string): AsyncGenerator<readonly CsvRecord[]> {
  const parser = new CsvParser(delimiter)
  try {
    for await (const text of withoutMark(chunks)) yield parser.push(text)
    yield parser.end()
  } catch (error) {
    if (error instanceof Error && /^\d+: /.test(error.message)) throw new FileError(`${name}:${error.message}.`)
    throw error
  }
}

/** A byte order mark is no part of the first column's name. */
async function* withoutMark(chunks: TextChunks): AsyncGenerator<string> {
  let isFirst = true
  for await (const text of chunks) {
    yield isFirst && text.startsWith('\ufeff') ? text.slice(1) : text
    isFirst = false
  }
}

function rowReader(name: string, columns: readonly string[], wanted: Wanted) {
  const { source, rule, toUtc } = wanted
  const fields = fieldColumns(name, columns, wanted).map(({ field, place }) => ({
    field,
    place,
    key: JSON.stringify(field.name),
    write: cellWriter(field, toUtc),
    isTime: field.type === 'timestamp',
  }))
  const knownPlace = knownColumn(name, columns, rule)
  const timePlace = fields.find(({ field }) => field.name === source.time)?.place
  return ({ line, cells }: CsvRecord, isSample: boolean): ImportRow => {
    if (cells.length !== columns.length) {
      const problem = `The row has ${cells.length} cells, and the header ${columns.length}: quote texts that hold a delimiter.`
      return { line, text: JSON.stringify(cells.map((cell) => cell ?? '').join()), knownAt: null, problem }
    }
    const members: string[] = []
    for (const { field, place, key, write, isTime } of fields) {
      const cell = cells[place] as string | null
      if (cell === null) {
        if (field.nullable && !field.optional) members.push(`${key}:null`)
        continue
      }
      if (isSample && isTime && toUtc === undefined && lacksZone(field, cell))
        throw noZone(`${name}:${line}`, columns[place] ?? '', cell)
      members.push(`${key}:${write(cell)}`)
    }
    const timeOf = (place: number | undefined) => {
      const cell = place === undefined ? null : cells[place]
      return typeof cell === 'string' ? timeOfCell(cell, toUtc) : null
    }
    const eventMs = rule.kind === 'event-time' ? timeOf(timePlace) : null
    const shown = knownPlace === undefined ? null : (cells[knownPlace] ?? null)
    const known = knownAt(`${name}:${line}`, rule, eventMs, timeOf(knownPlace), shown)
    return { line, text: `{${members.join()}}`, knownAt: known }
  }
}
