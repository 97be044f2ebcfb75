import { expect, test } from 'vitest'
import { Plan } from '../../src/plan/index.ts'
import { type LookupRequest, parseFeaturesRequest, wireText } from '../../src/serve/index.ts'
import definitions from '../define/example.ts'

const plan = new Plan(definitions.spec)
const NOW = Date.UTC(2026, 0, 1)
const good = { service: 'fraud', entities: [{ user_id: 'u1' }] }
const parse = (body: unknown) => parseFeaturesRequest(plan, body, NOW)
const parsed = (body: unknown) => {
  const request = parse(body)
  if ('status' in request) throw new Error(request.detail)
  return request
}

test('a service by name or by version, or a list of features, at the arrival or at a time', () => {
  expect(parsed(good)).toMatchObject({ t: NOW, after: [], vector: { service: 'fraud@1' } })
  expect(parsed({ ...good, service: 'fraud@1', at: '2026-01-01T01:00:00+01:00' }).t).toBe(NOW)
  expect(parsed({ ...good, at: null }).t).toBe(NOW)
  expect(parsed({ ...good, at: 5 }).t).toBe(5)
  const list = parsed({ features: ['user_stats.spend_1h', 'device_stats.events_1h'], entities: [{}] })
  expect(list.vector.service).toBeNull()
  expect(list.vector.entities.map((entity) => entity.spec.name)).toEqual(['user', 'device'])
})

test('commits to see are one text or a list', () => {
  const commit = { region: 'here', entity: 'user', epoch: 1, shard: 17, seq: 4711 }
  expect(parsed({ ...good, after: ['here/user/1/17/4711'] }).after).toEqual([commit])
  expect(parsed({ ...good, after: 'here/user/1/17/4711' }).after).toEqual([commit])
  expect(parsed({ ...good, after: null }).after).toEqual([])
})

const wrong: [unknown, number, string, RegExp][] = [
  [5, 400, 'bad_request', /must be an object/],
  [null, 400, 'bad_request', /must be an object/],
  [[good], 400, 'bad_request', /must be an object/],
  [{}, 400, 'bad_request', /"service" \(a text\) or "features"/],
  [{ ...good, features: ['user_stats.spend_1h'] }, 400, 'bad_request', /Name either/],
  [{ features: [], entities: [{}] }, 400, 'bad_request', /Name either/],
  [{ features: [5], entities: [{}] }, 400, 'bad_request', /Name either/],
  [{ ...good, service: 'frad' }, 404, 'unknown_service', /Did you mean "fraud"/],
  [{ ...good, service: 'fraud@2' }, 404, 'unknown_service', /fraud@1/],
  [{ ...good, service: '__proto__' }, 404, 'unknown_service', /no feature service/],
  [{ features: ['user_stats.spend_1d'], entities: [{}] }, 404, 'unknown_feature', /Did you mean "user_stats.spend_1h"/],
  [{ service: 'fraud' }, 400, 'bad_entities', /"user_id": \.\.\..*"device": \.\.\./],
  [{ ...good, entities: [] }, 400, 'bad_entities', /at least one row/],
  [{ ...good, entities: { user_id: 'u1' } }, 400, 'bad_entities', /must be a list/],
  [{ ...good, at: 'yesterday' }, 400, 'bad_at', /"yesterday"/],
  [{ ...good, at: '2026-02-30T00:00:00Z' }, 400, 'bad_at', /2026-02-30/],
  [{ ...good, at: '2026-01-01T00:00:00' }, 400, 'bad_at', /expected a time/],
  [{ ...good, at: -1 }, 400, 'bad_at', /-1/],
  [{ ...good, at: 1.5 }, 400, 'bad_at', /1\.5/],
  [{ ...good, at: true }, 400, 'bad_at', /true/],
  // Safe integers that no Date can write.
  [{ ...good, at: 8.64e15 + 1 }, 400, 'bad_at', /8640000000000001/],
  [{ ...good, after: 'here/user/1/17' }, 400, 'bad_after', /here\/user\/1\/17/],
  [{ ...good, after: ['here/user/1/17/-1'] }, 400, 'bad_after', /expected commits/],
  [{ ...good, after: [5] }, 400, 'bad_after', /5/],
  [{ ...good, after: {} }, 400, 'bad_after', /expected commits/],
]

test.each(wrong)('%j is %i %s', (body, status, code, detail) => {
  const problem = parse(body)
  expect(problem).toMatchObject({ status, code })
  expect((problem as { detail: string }).detail).toMatch(detail)
})

test('a megabyte where a name belongs is answered at once, in a few words', () => {
  const huge = 'x'.repeat(1_000_000)
  const startedMs = performance.now()
  for (const body of [
    { ...good, service: huge },
    { features: [huge], entities: [{}] },
    { ...good, at: huge },
    { ...good, after: huge },
  ]) {
    const problem = parse(body)
    expect(JSON.stringify(problem).length).toBeLessThan(1_000)
  }
  // Compared letter by letter with every name it takes minutes; no timing is asserted but that.
  expect(performance.now() - startedMs).toBeLessThan(20_000)
})

test('every time that is taken can be written in the answer', () => {
  for (const at of [0, 8.64e15, '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z']) {
    const { vector, t } = parsed({ ...good, at }) as LookupRequest
    expect(JSON.parse(wireText(vector, t, []))).toMatchObject({ at: new Date(t).toISOString(), rows: [] })
  }
})
