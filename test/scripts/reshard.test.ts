import { expect, test } from 'vitest'
import { paint } from '../../scripts/lib/terminal.ts'
import { UsageError } from '../../scripts/lib/usage-error.ts'
import type { Counted, Deployed, EpochsClient, ShardStatus } from '../../scripts/reshard/client.ts'
import { parseOptions } from '../../scripts/reshard/options.ts'
import { type ReshardPlan, reshardPlan } from '../../scripts/reshard/plan.ts'
import { bytesText, doneText, planText } from '../../scripts/reshard/render.ts'
import { tasksOf, work } from '../../scripts/reshard/run.ts'
import { Plan, type Region } from '../../src/plan/index.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const plan = new Plan(definitionsOf([lifetimeView]))
const plain = paint({}, { NO_COLOR: '1' })
const four: Region = { name: 'weur', id: 1, epoch: 0, shards: { default: 4 } }
const next = { epoch: 1, shards: { default: 8 } }
const counts = (epoch: number, user: number) => ({ epoch, entities: { user }, tables: {} })
const deployed = (given: Partial<Deployed> = {}): Deployed => ({
  region: 'weur',
  current: counts(0, 4),
  next: null,
  previous: null,
  ...given,
})
const problemsOf = (region: Region, what: Deployed): string => {
  const found = reshardPlan(region, plan, what)
  return found !== null && 'problems' in found ? found.problems.join('\n') : ''
}

test('the command line says what is missing, and what it takes', () => {
  expect(parseOptions(['--region', 'weur', '--dry-run', '--url', 'https://x.example/'], {})).toMatchObject({
    region: 'weur',
    dryRun: true,
    concurrency: 4,
    at: { url: 'https://x.example' },
  })
  for (const [args, message] of [
    [[], '--region says whose shards'],
    [['weur'], 'name the region with --region'],
    [['--region', 'weur', '--concurrency', '0'], '--concurrency takes a whole number'],
    [['--region', 'weur', '--shards', '8'], "Unknown option '--shards'"],
  ] as const) {
    expect(() => parseOptions(args, {})).toThrow(UsageError)
    expect(() => parseOptions(args, {})).toThrow(message)
  }
})

test('the plan follows what is deployed', () => {
  expect(reshardPlan(four, plan, deployed())).toBeNull()
  const both = deployed({ next: counts(1, 8) })
  const moves = [{ kind: 'entity', name: 'user', from: 4, to: 8 }]
  expect(reshardPlan({ ...four, next }, plan, both)).toEqual({ step: 'prepare', from: 0, to: 1, moves })
  const eight = { ...four, ...next, previous: { epoch: 0, shards: { default: 4 } } }
  const opened = deployed({ current: counts(1, 8), previous: counts(0, 4) })
  expect(reshardPlan(eight, plan, opened)).toEqual({ step: 'open', from: 0, to: 1, moves })
})

test('what is not deployed, or not as it is written, is refused with what to do', () => {
  expect(problemsOf({ ...four, next }, deployed())).toContain('deploy regions.ts as it is')
  expect(problemsOf({ ...four, shards: { default: 8 } }, deployed())).toContain(
    'shards of entity user are 8 here and 4 as deployed in epoch 0: the epoch was not raised',
  )
  const eight = { ...four, ...next, previous: { epoch: 0, shards: { default: 4 } } }
  expect(problemsOf(eight, deployed())).toContain('epoch is 1, and 0 is deployed: deploy it, then run this again')
  expect(problemsOf(four, deployed({ region: 'enam' }))).toContain('is of region enam, not of weur')
})

const status = (cells: number, pauseMs: number | null = null): ShardStatus => ({
  state: pauseMs === null ? 'copying' : 'open',
  seq: 10,
  entities: 1_250,
  bytes: 2_000_000,
  taken: { isOpen: pauseMs !== null, cells, bytes: 300_000, seq: 10, parentSeq: 10, parentEntities: 5_000, pauseMs },
})
const prepare: ReshardPlan = {
  step: 'prepare',
  from: 0,
  to: 1,
  moves: [{ kind: 'entity', name: 'user', from: 4, to: 8 }],
}

test('every shard is asked until it is done, some at a time, and no more are begun when one fails', async () => {
  const asked = new Map<number, number>()
  let atOnce = 0
  let most = 0
  const client = {
    prepare: async (_: Counted, shard: number) => {
      most = Math.max(most, ++atOnce)
      await new Promise((later) => setTimeout(later, 1))
      atOnce--
      asked.set(shard, (asked.get(shard) ?? 0) + 1)
      return { done: asked.get(shard) === 1 + (shard % 3), status: status(1) }
    },
  } as unknown as EpochsClient
  const outcomes = await work(client, prepare, tasksOf(prepare, prepare.moves), 3, () => {})
  expect(outcomes.map(({ shard }) => shard).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect([...asked].every(([shard, times]) => times === 1 + (shard % 3))).toBe(true)
  expect(most).toBe(3)
  let begun = 0
  const failing = {
    prepare: async () => {
      if (++begun === 2) throw new Error('gone')
      return { done: true, status: status(1) }
    },
  } as unknown as EpochsClient
  await expect(work(failing, prepare, tasksOf(prepare, prepare.moves), 1, () => {})).rejects.toThrow('gone')
  expect(begun).toBe(2)
})

test('people see what there is to copy, and how long each shard paused', () => {
  const sizes = new Map(prepare.moves.map((move) => [move, [status(0), status(0)]]))
  const text = planText('weur', prepare, sizes, plain)
  expect(text).toContain('region weur: epoch 0 -> 1 (to fill while the old one serves)')
  expect(text).toContain('entity user  4 -> 8  one becomes 2  2,500 entities  4.0 MB')
  const outcomes = [3, 40, 7].map((pauseMs, shard) => ({
    of: { epoch: 1, kind: 'entity' as const, name: 'user' },
    shard,
    status: status(5, pauseMs),
  }))
  const done = doneText('weur', { ...prepare, step: 'open' }, outcomes, plain)
  expect(done).toContain('Pause of a shard: 7 ms in the middle, 40 ms at most.')
  expect(done).toContain('entity user, shard 1: 40 ms')
  expect([0, 999, 1_000, 123_456, 5e9].map(bytesText)).toEqual(['0 bytes', '999 bytes', '1.0 KB', '123 KB', '5.0 GB'])
})
