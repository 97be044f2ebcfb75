import { expect, test } from 'vitest'
import type { ShardLog } from '../../src/offline/node/index.ts'
import { seenOf } from '../../src/offline/node/parity/seen.ts'
import type { ServedRow } from '../../src/offline/parity/index.ts'
import { elementsOf, judge, parseServedLine } from '../../src/offline/parity/index.ts'

const line = (more: Readonly<Record<string, unknown>> = {}, values = '[1]'): string => {
  const base = {
    served: '2026-01-01T00:00:01.000Z',
    at: '2026-01-01T00:00:00.000Z',
    region: 'weur',
    plan: 'abc',
    service: 'fraud@1',
    features: ['v.f'],
    keys: { user: 'u' },
    status: ['present'],
    exact: [true],
    eventTime: null,
    commits: ['weur/user/0/0/7'],
    parts: [{ region: 'weur', ageMs: 0, tier: 'shard' }],
    ...more,
  }
  return JSON.stringify(base).replace('"status"', `"values":${values},"status"`)
}

const rowOf = (text: string): ServedRow => {
  const row = parseServedLine(text)
  if ('error' in row) throw new Error(row.error)
  return row
}

test.each([
  ['[]', []],
  ['[ 1 , null]', ['1', 'null']],
  ['[12345678901234567890.10,-0,1e-7]', ['12345678901234567890.10', '-0', '1e-7']],
  ['["a,b]\\"}",{"k":[1,{"x":"]"}]},[[],["\\\\"]]]', ['"a,b]\\"}"', '{"k":[1,{"x":"]"}]}', '[[],["\\\\"]]']],
])('the texts of the elements of %s are as they stand', (text, want) => {
  expect(elementsOf(text, 0)).toEqual(want)
})

test('values are told with all their digits, whatever keys and texts look like them', () => {
  const more = { features: ['v.a', 'v.b'], status: ['present', 'present'], exact: [true, true] }
  const hostile = line({ ...more, keys: { user: '"values":[9,9]' } }, '[9007199254740993,"\\"values\\":[3]"]')
  expect(rowOf(hostile).values).toEqual(['9007199254740993', '"\\"values\\":[3]"'])
})

test.each([
  ['half of a line', line().slice(0, 80), 'is no JSON'],
  ['a list', '[1]', 'it lacks a member'],
  ['no time', line({ served: 'now' }), 'it lacks a member'],
  ['no commits', line({ commits: undefined }), 'it lacks a member'],
  ['fewer values than features', line({}, '[]'), 'not as many'],
])('a line that is none says why: %s', (_what, text, message) => {
  expect(parseServedLine(text)).toEqual({ error: expect.stringContaining(message) })
})

const reading = (value: string, status = 'present', exact = true) => ({ value, status, exact })

test.each([
  ['the same bits', reading('0.1'), reading('0.1'), 'same'],
  ['another digit', reading('0.1'), reading('0.10000000000000002'), 'differs'],
  ['zero and minus zero', reading('0'), reading('-0'), 'differs'],
  ['another exactness', reading('1'), reading('1', 'present', false), 'differs'],
  ['another status of one value', reading('0', 'present'), reading('0', 'expired'), 'differs'],
  ['a value where the log has no rows', reading('1'), reading('0', 'missing'), 'extra'],
  ['no value where the log has rows', reading('0', 'empty'), reading('1'), 'missing'],
  ['missing and empty', reading('0', 'missing'), reading('0', 'empty'), 'differs'],
  ['a partial value', reading('1', 'partial'), reading('9'), 'partial'],
  ['one that is young only now', reading('1'), reading('1', 'partial'), 'same'],
  ['one that is young only now, and another', reading('1'), reading('2', 'partial'), 'differs'],
])('the verdict on %s', (_what, served, recomputed, verdict) => {
  expect(judge(served, recomputed)).toBe(verdict)
})

test('what was served as damaged is no value of rows; another error is', () => {
  expect(judge(reading('null', 'error'), reading('1'), 'damaged')).toBe('failed')
  expect(judge(reading('null', 'error'), reading('1'), 'overflow')).toBe('differs')
  expect(judge(reading('null', 'error'), reading('null', 'error'), 'overflow')).toBe('same')
})

const logOf = (shard: number, seq: number, region = 'weur'): ShardLog =>
  ({
    manifest: { shard: { entity: 'user', region, epoch: 0, shard }, seq, removed: [] },
    files: [],
  }) as unknown as ShardLog

test('an entity that was read twice may have been seen at each commit; what is told of other entities is passed over', () => {
  const commits = ['weur/user/0/0/7', 'weur/shop/0/0/99', 'weur/user/0/0/8', 'enam/user/0/1/3']
  const parts = ['weur', 'enam'].map((region) => ({ region, ageMs: 5, tier: 'store' }))
  const logs = [logOf(0, 8), logOf(1, 3, 'enam')]
  expect(seenOf(rowOf(line({ commits, parts })), 'user', 'u', logs)).toEqual({
    commits: [
      ['weur/user/0/0/7', 'enam/user/0/1/3'],
      ['weur/user/0/0/8', 'enam/user/0/1/3'],
    ],
  })
})

test('a region whose part was read without a commit, or was absent', () => {
  const parts = (ageMs: number | null) => [
    { region: 'weur', ageMs: 0, tier: 'shard' },
    { region: 'enam', ageMs, tier: 'store' },
  ]
  expect(seenOf(rowOf(line({ parts: parts(3) })), 'user', 'u', [logOf(0, 8)])).toEqual({ skip: 'untold' })
  expect(seenOf(rowOf(line({ parts: parts(null) })), 'user', 'u', [logOf(0, 8)])).toEqual({
    commits: [['weur/user/0/0/7']],
  })
})

test('a shard that has accepted nothing needs no log, one that has does', () => {
  expect(seenOf(rowOf(line({ commits: ['weur/user/0/3/0'] })), 'user', 'u', [])).toEqual({
    commits: [['weur/user/0/3/0']],
  })
  expect(seenOf(rowOf(line()), 'user', 'u', [])).toEqual({ skip: 'unlogged' })
  expect(seenOf(rowOf(line()), 'user', 'u', [logOf(0, 6)])).toEqual({ skip: 'behind' })
  expect(seenOf(rowOf(line()), 'user', 'u', [logOf(1, 6)])).toEqual({ skip: 'behind' })
})
