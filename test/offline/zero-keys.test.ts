import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { DefinitionsSpec } from '../../src/engine/index.ts'
import { eraseLog, FileObjects, findPerson, prove, trainingSet } from '../../src/offline/node/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { LoggedShards } from '../support/logged-shards.ts'
import { definitionsOf, lifetimeView, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-gap-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const spec: DefinitionsSpec = {
  ...definitionsOf([lifetimeView]),
  services: [{ name: 'all', version: 1, features: ['ever.count'], maxStalenessMs: 0 }],
}
const KEY = 'a\u0000b'

async function worldOf() {
  const world = new LoggedShards(new Plan(spec), { shards: 1, startMs: NOW })
  world.send([plainEvent('e1', KEY, NOW), plainEvent('e2', 'a', NOW)])
  await world.flush()
  return world
}

test('training sees the rows of a key with a zero character', async () => {
  const world = await worldOf()
  const labels = join(folder, 'l.ndjson')
  writeFileSync(labels, JSON.stringify({ user_id: KEY, at: NOW + 5 }))
  const manifest = await trainingSet({
    definitions: { spec },
    service: 'all@1',
    labels,
    out: join(folder, 's.parquet'),
    log: world.folder,
    threads: 0,
  })
  expect(manifest.counts['ever.count']).toMatchObject({ nulls: 0 })
  world.remove()
})

test('a key with a zero character is erased', async () => {
  const world = await worldOf()
  const objects = new FileObjects(world.folder)
  const upkeep = { objects, editor: world.editor, folder, memoryMb: 200, now: () => world.clock }
  const person = await findPerson(upkeep, new Plan(spec), { entity: 'user', key: KEY })
  const { shard, seq } = await world.erase(KEY)
  const at = { atMs: world.clock, commits: new Map([[`${shard} ${KEY}`, seq]]) }
  const erased = await eraseLog(upkeep, person, at)
  expect(erased.rowsDropped).toBe(1)
  expect((await prove(upkeep, person, at)).found).toBe(0)
  world.remove()
})
