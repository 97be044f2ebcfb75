/** A restore of a region whose topics are being pulled, as docs/operations.md promises: each record counts once. */
import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, MemoryStorage, Shard } from '../../src/shard/index.ts'
import { type Restorable, restoreObjects } from '../../workers/ingest/restore-order.ts'
import { definitionsOf, eventText, lifetimeView, message, plainEvent } from '../support/shards.ts'

const PLAN = new Plan(definitionsOf([lifetimeView]))
const AT = 1e12
const noSleep = async () => {}

type Stub = ReturnType<Restorable['stub']> & { hold?(): Promise<void> }

const objectsOf = (shards: readonly Stub[], puller: Required<Stub>): Restorable[] => [
  { kind: 'puller', name: 'p', timeMs: AT, stub: () => puller, hold: () => puller.hold() },
  ...shards.map((stub, i) => ({ kind: 'entity' as const, name: `s${i}`, timeMs: AT, stub: () => stub })),
]

/** A region of one shard and one puller, which goes on whenever it is let. */
function region() {
  const entity = PLAN.entities.get('user')
  if (!entity) throw new Error('no entity')
  const part = { region: 1, epoch: 0, shard: 0 }
  const open = () => new Shard({ plan: PLAN, entity, part, shards: 1, storage: new MemoryStorage(), now: () => AT })
  let shard = open()
  let [offset, end, isHeld] = [0, 0, false]
  const hand = (from: number, to: number) => {
    const offsets = Array.from({ length: to - from }, (_, i) => from + i)
    const texts = offsets.map((n) => eventText(plainEvent(`e${n}`, 'u', AT)))
    const position = { sequence: 'activity/0', incarnation: 0, generation: 1, offsets }
    if (offsets.length > 0) shard.apply({ ...message(PLAN, texts, AT), position })
  }
  const write = (records: number) => {
    end += records
    if (isHeld) return
    hand(offset, end)
    offset = end
  }
  const stubs = {
    shard: {
      bookmarkAt: async () => ({ bookmark: 'then' }),
      restoreTo: async () => {
        shard = open()
        hand(0, 5)
        // Records go on coming.
        write(2)
        return { undo: 'shard of before' }
      },
      restored: async () => write(1),
    },
    puller: {
      bookmarkAt: async () => ({ bookmark: 'then' }),
      hold: async () => {
        isHeld = true
      },
      restoreTo: async () => {
        // A minute further back than the shards; and it was not held then.
        offset = 3
        isHeld = false
        write(1)
        return { undo: 'puller of before' }
      },
      restored: async () => {
        isHeld = false
        write(0)
      },
    },
  }
  const counted = () => {
    const asked = { version: MESSAGE_VERSION, plan: PLAN.hash, t: AT + 1, keys: ['u'], run: 'ever.count' }
    const answer = shard.read(asked)
    return 'rows' in answer ? Number(answer.rows[0]?.values) : -1
  }
  return { stubs, write, counted, written: () => end }
}

test('a puller that goes on while shards are restored leaves no gap', async () => {
  const { stubs, write, counted, written } = region()
  write(5)
  // The moment that is gone back to is here.
  write(5)
  const report = await restoreObjects(objectsOf([stubs.shard], stubs.puller), { timeMs: AT }, 0, noSleep)
  expect(report.restored).toEqual([
    { object: 's0', undo: 'shard of before' },
    { object: 'p', undo: 'puller of before' },
  ])
  write(1)
  expect(counted()).toBe(written())
})

/** Stubs that note what they are asked. */
function noted(count: number, fails: (what: string) => boolean = () => false) {
  const log: string[] = []
  const stubOf = (name: string): Required<Stub> => {
    const note = <T>(what: string, answer: T) => {
      if (fails(`${what} ${name}`)) throw new Error('Network connection lost.')
      log.push(`${what} ${name}`)
      return answer
    }
    return {
      bookmarkAt: async () => note('ask', { bookmark: `then ${name}` }),
      hold: async () => note('hold', undefined),
      restoreTo: async (bookmark) => note(`to ${bookmark}:`, { undo: `undo ${name}` }),
      restored: async () => note('go on', undefined),
    }
  }
  const shards = Array.from({ length: count }, (_, i) => stubOf(`s${i}`))
  return { log, objects: objectsOf(shards, stubOf('p')) }
}

test('a restore that breaks in the middle says what was restored, goes on where it broke, and can be undone', async () => {
  let isDown = true
  const { log, objects } = noted(2, (what) => isDown && what.startsWith('to then s1'))
  const broken = await restoreObjects(objects, { timeMs: AT }, 0, noSleep)
  expect(broken).toMatchObject({
    restored: [{ object: 's0', undo: 'undo s0' }],
    failed: { object: 's1', problem: 'Network connection lost.' },
  })
  // Nobody goes on before all is done.
  expect(log.filter((line) => line.startsWith('go on'))).toEqual([])
  isDown = false
  log.length = 0
  const rest = await restoreObjects(objects, { timeMs: AT }, broken.next, noSleep)
  expect(rest.next).toBeUndefined()
  expect(rest.restored.map(({ object }) => object)).toEqual(['s1', 'p'])
  expect(log.slice(-3)).toEqual(['go on s0', 'go on s1', 'go on p'])
  log.length = 0
  const all = [...broken.restored, ...rest.restored]
  const undo = new Map(all.map((one) => [one.object, one.undo]))
  expect(await restoreObjects(objects, { undo }, 0, noSleep)).toMatchObject({ restored: { length: 3 } })
  expect(log).toEqual(['hold p', 'to undo s0: s0', 'to undo s1: s1', 'to undo p: p', 'go on s0', 'go on s1', 'go on p'])
  expect(await restoreObjects(objects, { undo: new Map([['weur/x', 'y']]) })).toEqual({
    restored: [],
    problems: ['weur/x is no object of this region'],
  })
})

test('a large region is restored in several requests, each of so many calls, in the same order', async () => {
  const { log, objects } = noted(700)
  let next: number | undefined = 0
  const restored: string[] = []
  let requests = 0
  while (next !== undefined) {
    const before = log.length
    const report = await restoreObjects(objects, { timeMs: AT }, next, noSleep)
    requests++
    expect(log.length - before).toBeLessThan(900)
    restored.push(...report.restored.map(({ object }) => object))
    next = report.next
  }
  expect(requests).toBeGreaterThan(4)
  expect(new Set(restored).size).toBe(701)
  const first = (what: string) => log.findIndex((line) => line.startsWith(what))
  const last = (what: string) => log.findLastIndex((line) => line.startsWith(what))
  expect(first('hold')).toBeLessThan(first('to '))
  expect(last('to then s')).toBeLessThan(first('to then p'))
  expect(last('to ')).toBeLessThan(first('go on'))
})
