import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openParquet } from '../../scripts/import/parquet-file.ts'
import { isRefusal } from '../../src/contract/index.ts'
import { ShardLog } from '../../src/offline/index.ts'
import { FileObjects, ID_COLUMN, KNOWN_COLUMN, routeGap } from '../../src/offline/node/index.ts'
import { Plan, shardOf } from '../../src/plan/index.ts'
import { IMPORT_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { importBatch, importText } from '../../src/source/index.ts'
import { ACTIVITY, apply, definitionsOf, eventText, lifetimeView, message, readValues } from '../support/shards.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-gap-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const NOW = Date.UTC(2026, 0, 1)
const { since: _, ...fresh } = lifetimeView
const { id: _id, ...rest } = ACTIVITY
const SOURCE = { ...rest, idempotency: 'content' as const }

test('events of a topic that a view by another key was given are not given to it again', async () => {
  const before = new Plan(definitionsOf([lifetimeView], SOURCE))
  const after = new Plan(definitionsOf([lifetimeView, { ...fresh, name: 'late', key: { user_id: 'friend' } }], SOURCE))
  const folder = join(root, 'a')
  mkdirSync(folder)
  let clock = NOW
  const storages = [new MemoryStorage(), new MemoryStorage()]
  const open = (plan: Plan) =>
    storages.map((storage, number) => {
      const entity = plan.entities.get('user')
      if (entity === undefined) throw new Error('no entity')
      const shard = new Shard({
        plan,
        entity,
        part: { region: 1, epoch: 0, shard: number },
        shards: 2,
        storage,
        now: () => clock,
        isLogged: true,
      })
      if (shard.log === null) throw new Error('no log')
      const log = new ShardLog({
        feed: shard.log,
        objects: new FileObjects(folder),
        bornMs: NOW,
        previous: null,
        since: () => shard.history.since,
        shard: { entity: 'user', region: 'weur', regionId: 1, epoch: 0, shard: number, shards: 2 },
        pause: async () => {},
        report: () => {},
      })
      return { shard, log }
    })
  const names = Array.from({ length: 20 }, (_, i) => `u${i}`)
  const uid = names.find((name) => shardOf(name, 2) === 0) as string
  const friend = names.find((name) => shardOf(name, 2) === 1) as string
  const event = { id: 'e0', uid, friend, at: NOW, fields: {} }
  const first = open(before)
  const position = { sequence: 'kafka/activity/0', incarnation: 1, generation: 1, offsets: [0] }
  apply((first[0] as (typeof first)[number]).shard, { ...message(before, [eventText(event)], NOW), position })
  const now = open(after)
  const at = (place: number) => now[place] as (typeof now)[number]
  const flush = async () => {
    for (const { log } of now) while (log.dueMs !== null) await log.send()
  }
  await flush()
  const gap = () =>
    routeGap({
      memoryMb: 256,
      now: () => NOW,
      folder,
      objects: new FileObjects(folder),
      plan: after,
      view: 'late',
      region: 'weur',
      log: folder,
      editor: { edit: (shard, change) => at(shard.shard).log.edit(change) },
    })
  const fill = async () => {
    for (const { path } of (await gap()).missing) {
      const wanted = {
        source: SOURCE,
        map: new Map<string, string>(),
        rule: { kind: 'column', column: KNOWN_COLUMN } as const,
        toUtc: undefined,
        idColumn: ID_COLUMN,
      }
      const file = await openParquet(
        { name: 'm', path, bytes: 1, modifiedMs: 0, format: 'parquet', isGzip: false },
        wanted,
      )
      for await (const rows of file.rows(0))
        for (const { text, knownAt, id } of rows) {
          // As the import door reads it.
          const head = { file: 'm', lines: [1], knownAt: [knownAt], ...(id !== undefined && { ids: [id] }) }
          const batch = importBatch(importText(head, [text]), SOURCE, clock)
          if (isRefusal(batch)) throw new Error(batch.message)
          const ids = batch.ids && { ids: batch.ids }
          apply(at(1).shard, { ...message(after, [text], clock), version: IMPORT_VERSION, imported: [knownAt], ...ids })
        }
    }
    await flush()
  }
  await fill()
  expect(readValues(at(1).shard, after, 'late.count', [friend], clock + 1)).toEqual([1])
  const again = await gap()
  // The command is run again, after the ids are forgotten: other events have come meanwhile.
  for (const day of [1, 20]) {
    clock = NOW + day * 86_400_000
    apply(
      at(1).shard,
      message(after, [eventText({ ...event, id: `x${day}`, uid: friend, friend: 'nobody', at: clock })], clock),
    )
    at(1).shard.erase([`nobody${day}`]) // ids are saved in runs, and runs beyond the horizon go
  }
  await fill()
  expect.soft(readValues(at(1).shard, after, 'late.count', [friend], clock + 1)).toEqual([1])
  expect(again).toEqual({ rekeyed: 0, missing: [] })
})
