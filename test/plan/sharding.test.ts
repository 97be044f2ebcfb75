import { describe, expect, it } from 'vitest'
import {
  formatCommit,
  formatShardName,
  hashKey,
  Plan,
  parseCommit,
  parseShardName,
  shardOf,
  sliceIn,
  sliceOf,
  sliceShard,
} from '../../src/plan/index.ts'
import definitions from '../define/example.ts'

describe('sharding', () => {
  it('spreads keys evenly, and sends each to the same shard for ever', () => {
    const counts = new Array<number>(8).fill(0)
    for (let i = 0; i < 80_000; i++) {
      const shard = shardOf(`u${i}`, 8)
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.1)
    // Pinned: another hash would lose every entity's state.
    expect(['', 'u1', 'SEA', '\u{1f600}'].map((key) => shardOf(key, 1_000))).toEqual([0, 592, 983, 913])
  })

  it('with twice the shards, a shard splits in two and no key goes elsewhere', () => {
    for (let i = 0; i < 1_000; i++) expect(shardOf(`k${i}`, 16) % 8).toBe(shardOf(`k${i}`, 8))
  })
})

describe('slices', () => {
  it('of a key lie in as many shards, the first where the whole would, and each shard knows its own', () => {
    for (const shards of [4, 5, 8]) {
      for (let i = 0; i < 300; i++) {
        const places = [0, 1, 2, 3].map((slice) => sliceShard(`k${i}`, slice, shards))
        expect(new Set(places).size).toBe(4)
        expect(places[0]).toBe(shardOf(`k${i}`, shards))
        expect(places.map((shard) => sliceIn(shard, hashKey(`k${i}`), shards))).toEqual([0, 1, 2, 3])
      }
    }
  })

  it('stay with the child of their shard when the shards are doubled', () => {
    for (let i = 0; i < 1_000; i++)
      for (const slice of [0, 1, 3]) expect(sliceShard(`k${i}`, slice, 16) % 4).toBe(sliceShard(`k${i}`, slice, 4))
  })

  it('take about as many events each, by their ids', () => {
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 40_000; i++) counts[sliceOf(`event-${i}`, 4)] = (counts[sliceOf(`event-${i}`, 4)] ?? 0) + 1
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.1)
  })
})

describe('names', () => {
  it('of shards and commits are read back, and what is none is not', () => {
    const name = { region: 'weur', entity: 'user', epoch: 1, shards: 8, shard: 7 }
    expect(parseShardName(formatShardName(name))).toEqual(name)
    for (const bad of ['', 'a', 'weur/user/1/8/8', 'weur/user/1/8', 'weur/user/1/x/2', '/user/1/8/2']) {
      expect(parseShardName(bad), bad).toBeUndefined()
    }
    expect(parseCommit(formatCommit(name, 4711))).toEqual({
      region: 'weur',
      entity: 'user',
      epoch: 1,
      shard: 7,
      seq: 4711,
    })
    for (const bad of ['', 'weur/user/1/7', 'weur/user/1/7/-1', 'weur/user/1/7/1e3', 'weur/user/1/7/1/1']) {
      expect(parseCommit(bad), bad).toBeUndefined()
    }
  })
})

describe('a plan', () => {
  it('has a hash that follows what is computed, not what is said about it', () => {
    const { spec } = definitions
    const hash = new Plan(spec).hash
    const described = {
      ...spec,
      services: spec.services.map((service) => ({ ...service, description: 'new', owner: 'x' })),
    }
    expect(new Plan(described).hash).toBe(hash)
    const changed = { ...spec, views: spec.views.map((view) => ({ ...view, exactRows: 64 })) }
    expect(new Plan(changed).hash).not.toBe(hash)
  })

  it('cuts a vector into runs of one entity, and names the first unknown feature', () => {
    const plan = new Plan(definitions.spec)
    const vector = plan.vectorOf(null, ['user_stats.clicks_5m', 'device_stats.events_1h', 'user_stats.last_type'])
    if (typeof vector === 'string') throw new Error(vector)
    expect(vector.runs.map((run) => [run.entity.spec.name, run.features.map((feature) => feature.name)])).toEqual([
      ['user', ['user_stats.clicks_5m']],
      ['device', ['device_stats.events_1h']],
      ['user', ['user_stats.last_type']],
    ])
    expect(plan.vectorOf(null, ['user_stats.clicks_5m', 'user_stats.nope'])).toBe('user_stats.nope')
  })
})
