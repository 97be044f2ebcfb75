import { afterAll, beforeAll, expect, test } from 'vitest'
import { shardsState, smokeTest } from '../../../scripts/deploy/health.ts'
import { deployPlan } from '../../../scripts/deploy/plan.ts'
import { Plan, regionNamed } from '../../../src/plan/index.ts'
import { TOKEN } from '../region.ts'
import { app } from './app/definitions.ts'
import { TestRegions } from './regions.ts'

let regions: TestRegions

beforeAll(async () => {
  regions = await TestRegions.start({ names: ['east', 'west'] })
})
afterAll(async () => {
  await regions.stop()
})

const planOf = (region: string) =>
  deployPlan(regionNamed(app.regions, region), app.regions, new Plan(app.definitions.spec), [])

test('what a deployment asks of Workers is what they answer', async () => {
  const plan = planOf('east')
  const { ingestUrl, lookupUrl } = regions.region('east')
  expect(await shardsState(fetch, ingestUrl, TOKEN, plan.plan)).toEqual({
    kind: 'ready',
    shards: plan.shards.reduce((sum, { shards }) => sum + shards, 0),
  })
  expect(await smokeTest(fetch, 'ingest', ingestUrl, TOKEN, plan)).toBeUndefined()
  expect(await smokeTest(fetch, 'lookup', lookupUrl, TOKEN, plan)).toBeUndefined()
})

test('another plan, another region and another token are seen', async () => {
  const plan = planOf('east')
  const { ingestUrl, lookupUrl } = regions.region('east')
  expect(await shardsState(fetch, ingestUrl, TOKEN, 'newer')).toMatchObject({
    kind: 'waiting',
    why: expect.stringMatching(/^0 of \d+ shards run/),
  })
  expect(await shardsState(fetch, ingestUrl, 'nobody', plan.plan)).toMatchObject({ kind: 'denied' })
  expect((await smokeTest(fetch, 'lookup', lookupUrl, TOKEN, planOf('west')))?.why).toContain(
    'the region east, not west',
  )
  expect((await smokeTest(fetch, 'lookup', lookupUrl, 'nobody', plan))?.why).toContain('was answered 401')
})
