import { describe, expect, it } from 'vitest'
import { CsvParser, type CsvRecord, delimiterOf } from '../../../scripts/import/csv.ts'
import { forSeeds, type Random } from '../../support/random.ts'

const CELLS = [null, '', 'a', 'x,y', 'he said "hi"', 'two\nlines', 'two\r\nlines', '"', '""', ' ', 'ü\u{1f600}', '1.50']

function written(cell: string | null, r: Random): string {
  if (cell === null) return ''
  const needsQuotes = cell === '' || /[",\r\n]/.test(cell)
  return needsQuotes || r.chance(0.2) ? `"${cell.replaceAll('"', '""')}"` : cell
}

function parse(text: string, cuts: readonly number[] = []): CsvRecord[] {
  const parser = new CsvParser(',')
  const records: CsvRecord[] = []
  let from = 0
  for (const to of [...cuts, text.length]) {
    records.push(...parser.push(text.slice(from, to)))
    from = to
  }
  return [...records, ...parser.end()]
}

describe('CSV', () => {
  it('gives the very texts that were written, and the line of each record, wherever the text is cut', () => {
    forSeeds(400, (r) => {
      const rows = Array.from({ length: r.int(0, 12) }, () => Array.from({ length: 3 }, () => r.pick(CELLS)))
      const end = r.pick(['\n', '\r\n'])
      let line = 1
      const wanted: CsvRecord[] = []
      let text = ''
      for (const cells of rows) {
        wanted.push({ line, cells })
        const record = cells.map((cell) => written(cell, r)).join(',')
        text += record + end
        line += 1 + record.split('\n').length - 1
      }
      if (r.chance(0.3)) text = text.slice(0, text.length - end.length)
      const cuts = Array.from({ length: r.int(0, 8) }, () => r.int(0, text.length)).sort((a, b) => a - b)
      expect(parse(text, cuts)).toEqual(wanted)
    })
  })

  it('passes over blank lines, and counts them', () => {
    expect(parse('a,b\n\n1,2\n')).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 3, cells: ['1', '2'] },
    ])
  })

  it('says in which line a quote begins that is never closed, and does not take in the whole file to find out', () => {
    expect(() => parse('a,b\n1,"2\n3,4\n')).toThrow('2: a quote that begins in this record is never closed')
    const parser = new CsvParser(',')
    expect(() => {
      for (let i = 0; i < 100; i++) parser.push(i === 0 ? '"' : 'x'.repeat(100_000))
    }).toThrow('1: a quote')
  })

  it('takes the delimiter that cuts the header into the most cells', () => {
    expect(['a,b', 'a;b;c', 'a\tb', 'a|b', 'a', 'a,b;c;d'].map(delimiterOf)).toEqual([',', ';', '\t', '|', ',', ';'])
  })
})
