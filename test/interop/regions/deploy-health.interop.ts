import { afterAll, beforeAll, expect, test } from 'vitest'
import { askDeployed, deployedProblems, readProblem } from '../../../scripts/deploy/deployed.ts'
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
  deployPlan(regionNamed(app.regions, region), app.regions, app.routing, new Plan(app.definitions.spec), [])

test('what a deployment asks of Workers is what they answer', async () => {
  const plan = planOf('east')
  const { ingestUrl, lookupUrl } = regions.region('east')
  expect(await shardsState(fetch, ingestUrl, TOKEN, plan)).toEqual({
    kind: 'ready',
    shards: plan.shards.reduce((sum, { shards }) => sum + shards, 0),
  })
  expect(await smokeTest(fetch, 'ingest', ingestUrl, TOKEN, plan)).toBeUndefined()
  expect(await smokeTest(fetch, 'lookup', lookupUrl, TOKEN, plan)).toBeUndefined()
})

test('what is deployed tells its epoch and counts, and which token it knows', async () => {
  const plan = planOf('east')
  const { ingestUrl, lookupUrl } = regions.region('east')
  const deployed = await askDeployed(fetch, ingestUrl, TOKEN)
  if ('problem' in deployed) throw new Error(deployed.problem)
  expect(deployedProblems(plan, deployed)).toEqual([])
  const more = { ...plan.counts, entities: { ...plan.counts.entities, user: 64 } }
  expect(deployedProblems({ ...plan, counts: more }, deployed)).toEqual([
    expect.stringContaining('shards of entity user are 64 here'),
  ])
  expect(await askDeployed(fetch, ingestUrl, 'nobody')).toEqual({ problem: expect.stringContaining('answered 401') })
  if (plan.vector === null) throw new Error('there is no service')
  expect(await readProblem(fetch, lookupUrl, TOKEN, plan.vector)).toBeUndefined()
  expect(await readProblem(fetch, lookupUrl, 'nobody', plan.vector)).toContain('answered 401')
})

test('another plan, another region and another token are seen', async () => {
  const plan = planOf('east')
  const { ingestUrl, lookupUrl } = regions.region('east')
  expect(await shardsState(fetch, ingestUrl, TOKEN, { ...plan, plan: 'newer' })).toMatchObject({
    kind: 'waiting',
    why: expect.stringMatching(/^0 of \d+ shards run/),
  })
  expect(await shardsState(fetch, ingestUrl, TOKEN, { ...plan, deployment: 'other regions' })).toMatchObject({
    why: expect.stringContaining('it runs the regions and routing of another deployment'),
  })
  expect(await shardsState(fetch, ingestUrl, 'nobody', plan)).toMatchObject({ kind: 'denied' })
  expect((await smokeTest(fetch, 'lookup', lookupUrl, TOKEN, planOf('west')))?.why).toContain(
    'the region east, not west',
  )
  expect((await smokeTest(fetch, 'lookup', lookupUrl, 'nobody', plan))?.why).toContain('was answered 401')
})
