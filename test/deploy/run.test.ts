import { describe, expect, test } from 'vitest'
import { deploy, type StoreMigration } from '../../scripts/deploy/run.ts'
import { PLAN, type Script, Scripted, TOKENS } from './scripted.ts'

async function run(script: Script = {}) {
  const world = new Scripted(script)
  return { world, outcome: await deploy(world.options) }
}

const store = (name: string, steps: readonly string[], log: string[]): StoreMigration => ({
  store: name,
  pending: async () => steps,
  run: async () => void log.push(`migrate ${name}`),
})

test('a bucket of the log that is not there, or of which nobody says, is told before anything is uploaded', async () => {
  const absent = await run({ hasBucket: () => false })
  expect(absent.outcome.problems).toEqual([
    expect.stringContaining("bucket tidemark-weur of the region's log is not there: npx wrangler r2 bucket create"),
  ])
  expect(absent.world.log).toEqual([])
  const denied = await run({
    hasBucket: () => {
      throw new Error('Authentication error [code: 10000]')
    },
  })
  expect(denied.outcome.problems).toEqual([expect.stringContaining('cannot be known: Authentication error')])
})

describe('a deployment that goes well', () => {
  test('puts the owner of the shards first, then those who read them', async () => {
    const { world, outcome } = await run()
    expect(world.log).toEqual(['upload ingest', 'upload lookup', 'upload inference', 'upload console'])
    expect(outcome).toMatchObject({ ok: true, rolledBack: [], next: [] })
  })

  test('goes on only when every shard runs the new plan', async () => {
    const { world } = await run({ lateLooks: 30 })
    expect(world.said).toContain(
      'tidemark-ingest-weur: 1 of 2 shards run the new plan; user/1: it runs the plan plan-old',
    )
    expect(world.said).toContain(`tidemark-ingest-weur: all 2 shards run plan ${PLAN}`)
    expect(world.log).toHaveLength(4)
  })

  test('waits also for regions and routing, when the definitions are as they were', async () => {
    const { world, outcome } = await run({ lateLooks: 3, latePlan: PLAN })
    expect(outcome.ok).toBe(true)
    expect(world.said).toContain(
      'tidemark-ingest-weur: 1 of 2 shards run the new plan; user/1: it runs the regions and routing of another deployment',
    )
  })

  test('migrates stores before anything is uploaded, and only those that need it', async () => {
    const world = new Scripted()
    const migrations = [store('weur/db', ['0002_features'], world.log), store('weur/other', [], world.log)]
    await deploy({ ...world.options, migrations })
    expect(world.log).toEqual([
      'migrate weur/db',
      'upload ingest',
      'upload lookup',
      'upload inference',
      'upload console',
    ])
    expect(world.said).toContain('store weur/db: 0002_features')
  })

  test('of a new region sets its secrets with the upload, and names those who have to follow', async () => {
    const versions = { 'tidemark-ingest-weur': null, 'tidemark-lookup-weur': null, 'tidemark-inference-weur': null }
    const { world, outcome } = await run({
      versions: { ...versions, 'tidemark-console-weur': null },
      secrets: null,
      given: { secrets: { TOKENS, CONNECTIONS: '{}' } },
    })
    expect(world.uploads.map(({ options }) => options.secrets)).toEqual([
      { TOKENS, CONNECTIONS: '{}' },
      { TOKENS },
      { TOKENS },
      {},
    ])
    expect(outcome).toMatchObject({ ok: true, next: ['enam'] })
  })

  test('leaves out bindings to a region that is not there, and says that it has to come again', async () => {
    const { world, outcome } = await run({ versions: { enam: null } })
    expect(world.uploads.map(({ options }) => options.without)).toEqual([['enam'], ['enam'], ['enam'], ['enam']])
    expect(outcome).toMatchObject({ ok: true, next: ['enam', 'weur'] })
  })
})

describe('what is wrong is told before anything is changed', () => {
  test.each<[string, Script, string]>([
    [
      'a secret that is not set',
      { secrets: ['TOKENS'] },
      'tidemark-ingest-weur has no secret CONNECTIONS: npx wrangler secret put CONNECTIONS --config wrangler.toml --env weur.',
    ],
    [
      'a secret of a Worker that is not there yet',
      { secrets: null, given: { secrets: { TOKENS } } },
      'give it to the first deployment in the environment variable CONNECTIONS',
    ],
    ['a token', { given: { token: undefined } }, 'TIDEMARK_TOKEN is missing'],
    [
      'a store that is not ours',
      {
        migrations: [
          {
            store: 'weur/db',
            pending: async () => {
              throw new Error('it has a table tidemark_copies that Tidemark did not make')
            },
            run: async () => {},
          },
        ],
      },
      'store weur/db: it has a table tidemark_copies',
    ],
  ])('%s', async (_what, script, said) => {
    const { world, outcome } = await run(script)
    expect(outcome.ok).toBe(false)
    expect(outcome.problems.join('\n')).toContain(said)
    expect(world.log).toEqual([])
  })
})

describe('what fails is taken back, the last first', () => {
  const fail = (words: string) => () => {
    throw new Error(words)
  }

  test('an upload that fails', async () => {
    const { world, outcome } = await run({ upload: { inference: fail('wrangler deploy failed: no such class') } })
    expect(world.log.slice(3)).toEqual(['rollback tidemark-lookup-weur to v1', 'rollback tidemark-ingest-weur to v1'])
    expect(outcome).toMatchObject({ ok: false, deployed: [] })
    expect(outcome.problems).toEqual(['wrangler deploy failed: no such class'])
    expect([...world.versions.values()]).toEqual(['v1', 'v1', 'v1', 'v1', 'v1'])
  })

  test('a warning of Wrangler, which has uploaded all the same', async () => {
    const { world, outcome } = await run({ upload: { lookup: () => ({ warning: '[WARNING] missing binding' }) } })
    expect(world.log.slice(2)).toEqual(['rollback tidemark-lookup-weur to v1', 'rollback tidemark-ingest-weur to v1'])
    expect(outcome.problems[0]).toContain('a warning counts as an error')
  })

  test('shards that stay with the old code, after ten minutes', async () => {
    const { world, outcome } = await run({ lateLooks: Number.POSITIVE_INFINITY })
    expect(outcome.problems[0]).toContain('not all shards run the new code after 10 minutes: 1 of 2 shards')
    expect(world.log).toEqual(['upload ingest', 'rollback tidemark-ingest-weur to v1'])
  })

  test('a token that may not ask the shards, at once', async () => {
    const { world, outcome } = await run({
      answers: { 'ingest/v1/shards': () => new Response('scope_missing', { status: 403 }) },
    })
    expect(outcome.problems[0]).toContain('a token of the region with the scope admin')
    expect(world.log).toEqual(['upload ingest', 'rollback tidemark-ingest-weur to v1'])
  })

  test('a vector that is not answered', async () => {
    const { world, outcome } = await run({
      answers: { 'lookup/v1/features': () => new Response('unknown_plan', { status: 503 }) },
    })
    expect(outcome.problems[0]).toBe(
      'the smoke test of tidemark-lookup-weur failed: a vector of fraud was answered 503: unknown_plan',
    )
    expect(world.log.slice(2)).toEqual(['rollback tidemark-lookup-weur to v1', 'rollback tidemark-ingest-weur to v1'])
  })

  test('a Worker that answers as another region', async () => {
    const { outcome } = await run({
      answers: { 'lookup/v1/health': () => Response.json({ region: 'enam', plan: PLAN }) },
    })
    expect(outcome.problems[0]).toContain('answers as the region enam, not weur')
  })

  test('but the first version of a Worker stays, and how to take it away is said', async () => {
    const { outcome } = await run({
      versions: { 'tidemark-lookup-weur': null },
      upload: { inference: fail('no') },
    })
    expect(outcome).toMatchObject({ deployed: ['tidemark-lookup-weur'], rolledBack: ['tidemark-ingest-weur'] })
    expect(outcome.problems.join('\n')).toContain(
      'npx wrangler delete --config workers/lookup/wrangler.toml --env weur',
    )
  })

  test('what cannot be taken back is named with its command, and the rest still is', async () => {
    let calls = 0
    const { world, outcome } = await run({
      upload: { inference: fail('no') },
      rollback: () => {
        if (++calls === 1) throw new Error('API is down')
      },
    })
    expect(outcome.problems.join('\n')).toContain(
      'tidemark-lookup-weur could not be rolled back (API is down): npx wrangler rollback v1 --config workers/lookup/wrangler.toml --env weur',
    )
    expect(world.log.at(-1)).toBe('rollback tidemark-ingest-weur to v1')
    expect(outcome).toMatchObject({ deployed: ['tidemark-lookup-weur'] })
  })
})

describe('of two deployments of one region', () => {
  test('the one that finds a version of the other stops, and leaves it alone', async () => {
    const world = new Scripted({
      upload: {
        lookup: () => {
          world.versions.set('tidemark-ingest-weur', 'of-another')
          return {}
        },
      },
    })
    const outcome = await deploy(world.options)
    expect(outcome.ok).toBe(false)
    expect(outcome.problems[0]).toContain(
      'another deployment of weur has put version of-another of tidemark-ingest-weur',
    )
    expect(world.versions.get('tidemark-ingest-weur')).toBe('of-another')
    expect(world.log).not.toContain('rollback tidemark-ingest-weur to v1')
    expect(world.log).toContain('rollback tidemark-console-weur to v1')
  })

  test('a Worker that was replaced since the start is not overwritten', async () => {
    const world = new Scripted({
      upload: {
        ingest: () => {
          world.versions.set('tidemark-lookup-weur', 'of-another')
          return {}
        },
      },
    })
    const outcome = await deploy(world.options)
    expect(outcome.problems[0]).toContain('since this one began (expected v1)')
    expect(world.log).toEqual(['upload ingest', 'rollback tidemark-ingest-weur to v1'])
  })
})
