import { expect, test } from 'vitest'
import { Lineage, type LogPart } from '../../src/offline/training/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { definitionsOf, lifetimeView } from '../support/shards.ts'

const plan = new Plan(definitionsOf([lifetimeView]))
const entity = plan.entities.get('user')
if (entity === undefined) throw new Error('no entity')

const part = (
  epoch: number,
  shard: number,
  shards: number,
  seq: number,
  previous: LogPart['previous'] = null,
): LogPart => ({
  shard: { entity: 'user', region: 'weur', regionId: 1, epoch, shard, shards },
  bornMs: 0,
  previous,
  fromSeq: 1,
  seq,
  since: {},
})
const child = (parentSeq: number): LogPart => part(1, 0, 2, 250, { epoch: 0, shard: 0, shards: 1, seq: parentSeq })

test('a commit of a later epoch is not there while the log of the shard before lacks what was handed over', () => {
  const late = new Lineage(entity, [part(0, 0, 1, 90), child(100)])
  expect(late.behind).toEqual({ name: 'weur/user/0/0', seq: 90, needed: 100 })
  expect(late.cutOf(['weur/user/1/0/200'])).toMatchObject({ error: expect.stringContaining('up to 90 only') })
  const whole = new Lineage(entity, [part(0, 0, 1, 100), child(100)])
  expect(whole.behind).toBeUndefined()
  expect(whole.cutOf(['weur/user/1/0/200'])).toEqual(Float64Array.of(100, 200))
})

test('a log of a later epoch alone is behind: nobody can tell what came before', () => {
  expect(new Lineage(entity, [child(100)]).behind).toEqual({ name: 'weur/user/0/0', seq: 0, needed: 100 })
  expect(new Lineage(entity, [child(0)]).behind).toBeUndefined()
})
