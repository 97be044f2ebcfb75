/** Comma-separated values (RFC 4180), read as the texts that they are, with the line of each record. */

/** One record. */
export interface CsvRecord {
  /** Where it begins, from 1. */
  readonly line: number
  /** Null for nothing between two delimiters; an empty text is quoted. */
  readonly cells: readonly (string | null)[]
}

const QUOTE = 34
const LF = 10
const CR = 13
/** A cell beyond this is a quote that nobody closed. In UTF-16 code units. */
const MAX_CELL_UNITS = 1024 * 1024

/**
 * Reads records out of text that comes in pieces. Delimiters and line ends within quotes are text; a quote is written twice.
 *
 * @example
 * const parser = new CsvParser(',')
 * parser.push('a,b\n1,"x,') // [{ line: 1, cells: ['a', 'b'] }]
 * parser.push('y"\n') // [{ line: 2, cells: ['1', 'x,y'] }]
 */
export class CsvParser {
  private readonly delimiter: number
  private rest = ''
  private line = 1

  constructor(delimiter: string) {
    this.delimiter = delimiter.charCodeAt(0)
  }

  push(text: string): CsvRecord[] {
    return this.take(this.rest + text, false)
  }

  /** What is left behind the last line end. Throws for a quote that is never closed. */
  end(): CsvRecord[] {
    return this.rest === '' ? [] : this.take(this.rest, true)
  }

  private take(text: string, isEnd: boolean): CsvRecord[] {
    const records: CsvRecord[] = []
    let at = 0
    for (;;) {
      const found = this.record(text, at, isEnd)
      if (found === undefined) break
      const { cells, next, lines } = found
      // A blank line says nothing.
      if (cells.length > 1 || cells[0] !== null) records.push({ line: this.line, cells })
      this.line += lines
      at = next
      if (at >= text.length) break
    }
    this.rest = text.slice(at)
    if (this.rest.length > MAX_CELL_UNITS) throw this.unclosed()
    return records
  }

  /** The record at a place; undefined while its end has not come. */
  private record(
    text: string,
    from: number,
    isEnd: boolean,
  ): { cells: (string | null)[]; next: number; lines: number } | undefined {
    const cells: (string | null)[] = []
    const { length } = text
    let lines = 0
    let at = from
    for (;;) {
      let cell: string | null
      if (text.charCodeAt(at) === QUOTE) {
        let value = ''
        let start = at + 1
        for (;;) {
          const close = text.indexOf('"', start)
          if (close < 0 || (close + 1 === length && !isEnd)) {
            if (isEnd) throw this.unclosed()
            return undefined
          }
          value += text.slice(start, close)
          at = close + 1
          if (text.charCodeAt(at) !== QUOTE) break
          value += '"'
          start = at + 1
        }
        lines += countLines(value)
        // Behind a closing quote: text that belongs to the cell, as other readers have it.
        const tail = this.plainEnd(text, at)
        cell = value + text.slice(at, tail)
        at = tail
      } else {
        const end = this.plainEnd(text, at)
        cell = end === at ? null : text.slice(at, end)
        at = end
      }
      cells.push(cell)
      if (at >= length) return isEnd ? { cells, next: at, lines: lines + 1 } : undefined
      const code = text.charCodeAt(at)
      if (code === this.delimiter) at++
      else if (code === LF) return { cells, next: at + 1, lines: lines + 1 }
      else {
        if (at + 1 >= length && !isEnd) return undefined
        return { cells, next: text.charCodeAt(at + 1) === LF ? at + 2 : at + 1, lines: lines + 1 }
      }
    }
  }

  private plainEnd(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === this.delimiter || code === LF || code === CR) return at
    }
    return text.length
  }

  private unclosed(): Error {
    return new Error(`${this.line}: a quote that begins in this record is never closed`)
  }
}

function countLines(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** The delimiter that cuts a header into the most cells. */
export function delimiterOf(header: string): string {
  const line = header.slice(0, header.search(/[\r\n]|$/))
  const counts = [',', '\t', ';', '|'].map((one) => [line.split(one).length, one] as const)
  return counts.reduce((best, one) => (one[0] > best[0] ? one : best))[1]
}
