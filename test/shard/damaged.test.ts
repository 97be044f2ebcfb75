import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage } from '../../src/shard/index.ts'
import { apply, definitionsOf, eventText, lifetimeView, message, openShard, plainEvent } from '../support/shards.ts'

const NOW = Date.UTC(2026, 0, 1)

test('an entity whose bytes are damaged is an error that names it, and takes no other with it', () => {
  const plan = new Plan(definitionsOf([lifetimeView]))
  const shard = openShard({ plan, storage: new MemoryStorage(), now: () => NOW })
  const problems: string[] = []
  const events = ['a', 'b'].flatMap((uid) =>
    Array.from({ length: 100 }, (_, i) => plainEvent(`${uid}${i}`, uid, NOW - i)),
  )
  apply(shard, message(plan, events.map(eventText), NOW))
  const reads = Reflect.get(shard, 'reads') as object
  const state = Reflect.get(reads, 'state') as { report?: (problem: string) => void }
  state.report = (problem) => problems.push(problem)
  const pages = Reflect.get(shard, 'pages') as { cells(): Iterable<{ key: string; close(): void }> }
  for (const cell of pages.cells()) {
    cell.close()
    if (!cell.key.includes('b')) continue
    const bytes = Uint8Array.from(Reflect.get(cell, 'bytes') as Uint8Array)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4
    Reflect.set(cell, 'bytes', bytes)
  }
  const keys = [...pages.cells()].map((cell) => cell.key).sort()
  const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t: NOW + 1, keys, run: 'ever.count' })
  if (!('rows' in answer)) throw new Error(JSON.stringify(answer))
  expect(answer.rows.map(({ values, statuses }) => [values, statuses])).toEqual([
    ['100', 'p'],
    ['null', 'x'],
  ])
  expect(answer.rows[1]?.reasons).toEqual(['damaged'])
  expect(problems.join()).toMatch(/cannot be read: entity ".*b.*": a state that its checksum does not fit/)
})
