import { expect, test } from 'vitest'
import definitions from '../../features/index.ts'
import { Progress } from '../../scripts/start/progress.ts'
import { curlLine } from '../../scripts/start/showcase.ts'
import { type Vector, vectorTable } from '../../scripts/start/table.ts'

function progress(isTTY: boolean) {
  let nowMs = 0
  const written: string[] = []
  const output = { isTTY, write: (text: string) => written.push(text) }
  const bar = new Progress(output, 1000, () => nowMs)
  for (let done = 50; done <= 1000; done += 50) {
    nowMs += 500
    bar.update(done)
  }
  return written.join('')
}

test('on a terminal one line is written over and over, and ends with a line break', () => {
  const written = progress(true)
  expect(written.split('\r')).toHaveLength(21)
  expect(written.match(/\n/g)).toHaveLength(1)
  expect(written).toContain('500 of 1,000 flights, 100/s, 5 s left')
  expect(written.endsWith('1,000 of 1,000 flights, 100/s, in 10.0 s\u001b[K\n')).toBe(true)
})

test('in a log file there are ten lines and nothing is written over', () => {
  const written = progress(false)
  expect(written.trimEnd().split('\n')).toHaveLength(10)
  for (const control of ['\r', '\u001b']) expect(written.includes(control)).toBe(false)
})

const features = definitions.spec.services[0]?.features ?? []

function vector(title: string, state: 'present' | 'empty' | 'missing', value: unknown): Vector {
  const all = <T>(one: T) => features.map(() => one)
  const values = features.map((full) => (full.includes('share') && value ? 1 : value))
  return { title, values, status: all(state), exact: all(state !== 'present'), probability: 0.12345 }
}

test('the table holds every feature, says what is not there, and is at most 100 columns wide', () => {
  const nothing = [vector('SEA-LAX', 'empty', 0), vector('SEA-ORD', 'empty', null), vector('ABI-HNL', 'missing', 0)]
  const wide = Array.from({ length: 5 }, () => vector('ATL-DFW', 'present', 123_456.789))
  const table = vectorTable(features, [...nothing, ...wide])
  const lines = table.split('\n')
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  for (const full of features) expect(table).toContain(full.split('.')[1])
  expect(lines[2]).toMatch(/^ {2}departures_1h +0 empty +empty +missing +~123K/)
  expect(lines.at(-1)).toMatch(/late +12.3 % +12.3 %/)
})

test('the line to paste is one line of at most 100 columns', () => {
  const line = curlLine('http://127.0.0.1:65535', '2001-01-19T09:24:00Z')
  expect(line.length).toBeLessThanOrEqual(98)
  expect(line).not.toContain('\n')
})
