import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { openDuck } from '../../src/offline/node/duck.ts'
import { trainingSet } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { LoggedShards } from '../support/logged-shards.ts'
import { definitionsOf, lifetimeView, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-kinds-'))
const spec: DefinitionsSpec = {
  ...definitionsOf([lifetimeView]),
  services: [{ name: 'all', version: 1, features: ['ever.count'], maxStalenessMs: 0 }],
}
let world: LoggedShards
beforeAll(async () => {
  world = new LoggedShards(new Plan(spec), { shards: 1, startMs: NOW })
  world.send([plainEvent('e1', 'u1', NOW), plainEvent('e2', 'a\u0000b', NOW)])
  await world.flush()
})
afterAll(() => {
  world.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function set(sql: string, more: object = {}) {
  const labels = join(folder, `l${Math.floor(performance.now() * 1000)}.parquet`)
  const { connection, instance } = await openDuck({ threads: 1, memoryMb: 200, temporary: folder })
  await connection.run(`COPY (${sql}) TO '${labels}' (FORMAT parquet)`)
  connection.closeSync()
  instance.closeSync()
  const out = join(folder, 'set.parquet')
  await trainingSet({ definitions: { spec }, service: 'all@1', labels, out, log: world.folder, threads: 0, ...more })
  const duck = await openDuck({ threads: 1, memoryMb: 200, temporary: folder })
  const rows = (await duck.connection.runAndReadAll(`SELECT * FROM '${out}'`)).getRowObjectsJson()
  duck.connection.closeSync()
  duck.instance.closeSync()
  return rows
}

for (const [what, sql] of [
  ['decimal', `CAST(${NOW + 5} AS DECIMAL(18, 0))`],
  ['time of day', `TIME '12:00:00'`],
  ['infinity', `'infinity'::TIMESTAMPTZ`],
  ['interval', `INTERVAL 1 DAY`],
  ['uhugeint', `${NOW + 5}::UHUGEINT`],
  ['enum', `'2026-06-01T00:00:00Z'::ENUM('2026-06-01T00:00:00Z')`],
] as const) {
  test(`a time that is a ${what} is read, or refused with file, row and column`, async () => {
    for (const timeZone of [undefined, 'UTC']) {
      const said = await set(`SELECT 'u1' AS user_id, ${sql} AS at`, timeZone === undefined ? {} : { timeZone }).then(
        (rows) => `ok ${JSON.stringify(rows)}`,
        (error: Error) => `${error.constructor.name}: ${error.message}`,
      )
      expect(said).toMatch(/^ok|^OfflineError: labels: .*row 1, column at/)
    }
  })
}
