/** What is deployed is asked before anything is changed; a deployment that raises the epoch does not go back over it. */
import { expect, test } from 'vitest'
import { deploy } from '../../scripts/deploy/run.ts'
import { workersDev } from '../../scripts/deploy/workers-dev.ts'
import { plan, type Script, Scripted, TOKENS } from './scripted.ts'

const deployed = (epoch: number, user: number) => () =>
  Response.json({ region: 'weur', current: { epoch, entities: { user }, tables: {} }, next: null, previous: null })
const raised = {
  ...plan,
  epoch: 1,
  counts: { ...plan.counts, epoch: 1 },
  previous: { epoch: 0, entities: { user: 1 }, tables: {} },
}
const absent = Object.fromEntries(plan.workers.map(({ name }) => [name, null]))

test.each<[string, Script, string]>([
  [
    'a shard count that differs from what is deployed, without a new epoch',
    { answers: { 'ingest/v1/epochs': deployed(0, 4) } },
    'region weur: epoch 0: shards of entity user are 2 here and 4 as deployed: leave shards as they are and write next: { epoch: 1,',
  ],
  [
    'an epoch below the deployed one, such as of a revert of a change of counts',
    { answers: { 'ingest/v1/epochs': deployed(1, 2) } },
    'epoch is 0, and 1 is deployed: an epoch never falls',
  ],
  [
    'a new epoch whose previous is not what is deployed',
    { given: { plan: raised }, answers: { 'ingest/v1/epochs': deployed(0, 4) } },
    'region weur: previous: shards of entity user are 1 here and 4 as deployed',
  ],
  [
    'an epoch that was passed over',
    {
      given: {
        plan: { ...raised, epoch: 2, counts: { ...plan.counts, epoch: 2 }, previous: { ...plan.counts, epoch: 1 } },
      },
    },
    'epoch is 2, and 0 is deployed: deploy 1 first',
  ],
  [
    'a token that is wrong',
    { answers: { 'ingest/v1/epochs': () => Response.json({ code: 'unknown_token' }, { status: 401 }) } },
    'TIDEMARK_TOKEN is a token of the region with the scope admin',
  ],
  [
    'a token that may not read',
    { answers: { 'lookup/v1/features': () => Response.json({ code: 'scope_missing' }, { status: 403 }) } },
    'TIDEMARK_TOKEN needs the scope read:fraud too',
  ],
  [
    'a token that is none of the tokens to be set',
    { versions: absent, secrets: null, given: { secrets: { TOKENS, CONNECTIONS: '{}' }, token: 'another' } },
    'TIDEMARK_TOKEN is no token of TOKENS with the scope admin',
  ],
  [
    'a Worker that does not answer',
    { answers: { 'ingest/v1/epochs': () => new Response('error 1101', { status: 500 }) } },
    'https://ingest.example/v1/epochs answered 500: error 1101. Epoch and shard counts could not be compared',
  ],
])('%s is told before anything is changed', async (_what, script, said) => {
  const world = new Scripted(script)
  const outcome = await deploy(world.options)
  expect({ ok: outcome.ok, changed: world.log }).toEqual({ ok: false, changed: [] })
  expect(outcome.problems.join('\n')).toContain(said)
})

test('what does not answer can be mended without being asked, and a first deployment asks nobody', async () => {
  const answers = { 'ingest/v1/epochs': () => new Response('error 1101', { status: 500 }) }
  expect(await deploy(new Scripted({ answers, given: { unasked: true } }).options)).toMatchObject({ ok: true })
  const first = new Scripted({
    answers,
    versions: absent,
    secrets: null,
    given: { secrets: { TOKENS, CONNECTIONS: '{}' } },
  })
  expect(await deploy(first.options)).toMatchObject({ ok: true })
})

test('a raised epoch is waited for while shards take over', async () => {
  let opening = 0
  const world = new Scripted({
    given: { plan: raised },
    answers: {
      'ingest/v1/epochs': deployed(0, 1),
      // Twenty minutes of them, the first answer to the deployed version.
      'lookup/v1/features': () =>
        opening++ <= 240
          ? Response.json({ code: 'opening', detail: 'taking over' }, { status: 503 })
          : Response.json({ rows: [{ values: [] }] }),
    },
  })
  expect(await deploy(world.options)).toMatchObject({ ok: true, rolledBack: [] })
  expect(world.said.filter((line) => line.includes('shards are taking over'))).toHaveLength(1)
})

test('what fails behind a raised epoch does not go back to the version whose shards are sealed by now', async () => {
  const world = new Scripted({
    given: { plan: raised },
    answers: { 'ingest/v1/epochs': deployed(0, 1) },
    upload: {
      console: () => {
        throw new Error('no such class')
      },
    },
  })
  const outcome = await deploy(world.options)
  expect(outcome).toMatchObject({
    ok: false,
    deployed: ['tidemark-lookup-weur', 'tidemark-ingest-weur'],
    rolledBack: ['tidemark-inference-weur'],
  })
  expect(outcome.problems.join('\n')).toContain('there is no way back to 0')
})

test('the same of an epoch that nobody could be asked for', async () => {
  const world = new Scripted({
    given: { plan: raised, unasked: true },
    answers: { 'lookup/v1/features': () => Response.json({ code: 'opening' }, { status: 503 }) },
  })
  expect((await deploy(world.options)).ok).toBe(false)
  expect(world.log).toEqual(['upload ingest', 'upload lookup'])
})

test("the account's name at workers.dev is asked for once; without a token, or an answer, it is not known", async () => {
  const urls: string[] = []
  const env = { CLOUDFLARE_API_TOKEN: 't', CLOUDFLARE_ACCOUNT_ID: 'a1' }
  const known = workersDev(env, async (url) => {
    urls.push(url)
    return Response.json({ result: { subdomain: 'example' } })
  })
  expect([await known(), await known()]).toEqual(['example', 'example'])
  expect(urls).toHaveLength(1)
  expect(await workersDev({}, async () => Response.error())()).toBeUndefined()
  expect(
    await workersDev(env, async () => Response.json({ result: null, success: false }, { status: 403 }))(),
  ).toBeUndefined()
})
