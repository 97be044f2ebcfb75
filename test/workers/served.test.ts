import { createExecutionContext, reset, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test } from 'vitest'
import type { ServedVector } from '../../src/offline/served/index.ts'
import { app } from '../../workers/app.ts'
import { createLookup, featureServiceOf } from '../../workers/lookup/app.ts'
import { at, flight, SEA_LAX, send, TOKEN } from './doors.ts'

afterEach(() => reset())

const [region] = app.regions
if (region === undefined) throw new Error('no region')
const withShare = (servedShare: number) => ({ ...app, regions: [{ ...region, log: { servedShare } }] })
/** Bindings are told apart by the object of the bucket, so that each test has a sample of its own. */
const bindings = (LOG: object) => ({ ...env, LOG: LOG as typeof env.LOG })

const ASK = { service: 'delay_risk', entities: [SEA_LAX], at: at(10) }

function ask(lookup: ReturnType<typeof createLookup>, bound: object, body: object = ASK) {
  const context = createExecutionContext()
  const headers = { authorization: `Bearer ${TOKEN}` }
  const request = new Request('http://door/v1/features', { method: 'POST', headers, body: JSON.stringify(body) })
  return { answer: lookup.fetch(request, bound, context), context }
}

async function keptLines(): Promise<string[]> {
  const { objects } = await env.LOG.list({ prefix: 'served/' })
  const texts = await Promise.all(objects.map(async ({ key }) => (await env.LOG.get(key))?.text()))
  return texts.flatMap((text) => text?.trimEnd().split('\n') ?? [])
}

const bucketOf = (put: (key: string) => Promise<unknown>) => ({ put })

test('what HTTP and RPC served is in the bucket when the context has ended, as it was answered', async () => {
  await send([flight(1, 0, { delay: 20 }), flight(2, 5)])
  const bound = bindings({
    put: (key: string, bytes: Uint8Array, options?: R2PutOptions) => env.LOG.put(key, bytes, options),
  })
  const app1 = withShare(1)
  const { answer, context } = ask(createLookup(app1), bound, { ...ASK, entities: [SEA_LAX, SEA_LAX] })
  const response = await answer
  const text = await response.text()
  class FeatureService extends featureServiceOf(app1)<IngestEnv> {}
  await new FeatureService(createExecutionContext(), bound).get('delay_risk@1', [SEA_LAX], { at: at(10) })
  await waitOnExecutionContext(context)
  const lines = await keptLines()
  expect(lines).toHaveLength(3)
  const rows = text.slice(text.indexOf('"rows":[{') + 9, -3).split('},{"values"')
  expect(lines[0]?.endsWith(`${rows[0]}}`)).toBe(true)
  const [vector] = lines.map((line) => JSON.parse(line) as ServedVector)
  expect(vector).toMatchObject({
    service: 'delay_risk@1',
    at: at(10),
    region: region.name,
    keys: { airport: 'SEA', route: expect.any(String) },
  })
  expect(new Set(vector?.commits.map((commit) => commit.split('/')[1]))).toEqual(new Set(['airport', 'route']))
}, 30_000)

test('a bucket that fails or hangs neither breaks nor delays a lookup', async () => {
  await send([flight(1, 0)])
  const failing = bindings(bucketOf(() => Promise.reject(new Error('planted'))))
  const hanging = bindings(bucketOf(() => new Promise(() => {})))
  const throwing = bindings(
    bucketOf(() => {
      throw new Error('planted')
    }),
  )
  for (const bound of [failing, hanging, throwing]) {
    const lookup = createLookup(withShare(1))
    // Enough that a write begins at once.
    const many = Array.from({ length: 600 }, () => SEA_LAX)
    for (const body of [{ ...ASK, entities: many }, ASK, { ...ASK, entities: many }]) {
      expect((await ask(lookup, bound, body).answer).status).toBe(200)
    }
  }
})

test('without a bucket, and with a share of none, nothing is kept', async () => {
  await send([flight(1, 0)])
  const { LOG: _, ...without } = env
  for (const [lookup, bound] of [
    [createLookup(withShare(1)), without],
    [createLookup(withShare(0)), bindings({ put: () => expect.unreachable() })],
  ] as const) {
    const { answer, context } = ask(lookup, bound)
    expect((await answer).status).toBe(200)
    await waitOnExecutionContext(context)
  }
  expect(await keptLines()).toEqual([])
})
