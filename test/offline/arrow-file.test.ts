import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, expect, test } from 'vitest'
import { openDuck } from '../../src/offline/node/duck.ts'
import { writeArrow } from '../../src/offline/node/training/arrow-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-arrow-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['[[1, 2], [3]]', [[1, 2], [3]]],
  ['[[1, NULL], NULL, []]', [[1, null], null, []]],
  ['[[[1], [2, 3]], [[4]]]', [[[1], [2, 3]], [[4]]]],
  ["[[DATE '2026-01-01'], [DATE '1969-12-31', NULL]]", [['2026-01-01'], ['1969-12-31', null]]],
  ["[['a', ''], ['ü']]", [['a', ''], ['ü']]],
])('lists of lists keep their values in Arrow: %s', async (sql, want) => {
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 200, temporary: folder })
  const file = join(folder, 'a.arrow')
  await writeArrow(connection, `SELECT ${sql} AS n`, file)
  connection.closeSync()
  instance.closeSync()
  const [row] = tableFromIPC(readFileSync(file)).toArray()
  expect(JSON.parse(JSON.stringify(row))).toEqual({ n: want })
})
