import { expect, test } from 'vitest'
import {
  DEFAULT_LIMITS,
  type DeadLetter,
  deadLetter,
  Letters,
  type Replay,
  replay,
} from '../../src/dead-letters/index.ts'
import { MemorySql } from './sqlite.ts'

const T0 = Date.UTC(2026, 0, 1)
const open = (sql = new MemorySql()) => new Letters(sql, 'clicks', DEFAULT_LIMITS)
const letter = (payload: string, change: Partial<DeadLetter> = {}): DeadLetter => ({
  ...deadLetter(
    { source: 'clicks', reason: 'wrong_type', message: 'no', arrivalMs: T0, by: 'door', fanout: 1 },
    payload,
  ),
  ...change,
})

test('a line of a file is one letter with its text: another file may have its name', () => {
  const letters = open()
  const at = { position: 'history.csv:12', imported: null }
  letters.add([letter('{"n":1}', at), letter('{"n":2}', at), letter('{"n":1}', at)], T0)
  expect(letters.reader.list({ limit: 9 }).letters.map(({ payload, times }) => [payload, times])).toEqual([
    ['{"n":2}', 1],
    ['{"n":1}', 2],
  ])
})

test('letters go back as what they were: history with its rule, by itself, and under no id that a place in a topic would give', async () => {
  const letters = open()
  letters.add(
    [
      letter('{"n":1}', { position: 'history.csv:2', imported: 77 }),
      letter('{"n":2}', { position: 'clicks/1/0/42' }),
      letter('{"n":3}', { position: 'history.csv:3', imported: null, id: 'import/history.csv/3' }),
    ],
    T0,
  )
  const delivered: Parameters<Replay['deliver']>[0][] = []
  const report = await replay(
    {
      take: async (request) => letters.take(request),
      takeIds: async () => ({ letters: [], notReplayable: 0 }),
      replayed: async (ids) => letters.replayed(ids),
      decode: async () => undefined,
      countsEach: false,
      deliver: async (batch) => {
        delivered.push(batch)
        return { accepted: batch.ids.length, duplicates: 0, refused: [] }
      },
    },
    { limit: 10 },
  )
  expect(report).toMatchObject({ replayed: 3, remaining: 0 })
  expect(delivered.map(({ ids, places, imported }) => [ids, places, imported])).toEqual([
    [['kafka/clicks/1/0/42'], ['clicks/1/0/42'], undefined],
    [
      [undefined, 'import/history.csv/3'],
      ['history.csv:2', 'history.csv:3'],
      [77, null],
    ],
  ])
})

test('tables of before are opened: their letters have arrived, and new ones may be imported', () => {
  const sql = new MemorySql()
  open(sql).add([letter('{"n":1}')], T0)
  sql.all('ALTER TABLE dead_letter DROP COLUMN imported')
  const letters = open(sql)
  letters.add([letter('{"n":2}', { position: 'a.csv:2', imported: 5 })], T0)
  expect(letters.take({ limit: 9 }).letters.map((one) => ['imported' in one, one.imported])).toEqual([
    [false, undefined],
    [true, 5],
  ])
})
