/** The shard count of a region that serves: 4, 8, 16, under load, with processes that are killed. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../../../scripts/lib/paths.ts'
import type { Region } from '../../../src/plan/index.ts'
import { type Random, random } from '../../support/random.ts'
import { TestRegion } from '../region.ts'
import { SEED, sized } from '../size.ts'

const USERS = Array.from({ length: 300 }, (_, i) => `u${i}`)
const CAMPAIGNS = ['spring', 'summer', 'hot', 'hot', 'hot']
const folder = mkdtempSync(join(tmpdir(), 'tidemark-reshard-'))
const epoch = (number: number, count: number) => ({ epoch: number, shards: { default: count, tables: count / 2 } })
const east = (region: Omit<Region, 'name' | 'id'>): readonly Region[] => [{ name: 'east', id: 1, ...region }]
const STAGES = {
  four: east(epoch(0, 4)),
  fourAndNext: east({ ...epoch(0, 4), next: epoch(1, 8) }),
  eight: east({ ...epoch(1, 8), previous: epoch(0, 4) }),
  // Nobody prepares it: its shards take over when they are first asked.
  sixteen: east({ ...epoch(2, 16), previous: { ...epoch(1, 8), previous: epoch(0, 4) } }),
}
let region: TestRegion

beforeAll(async () => {
  console.log(`seed ${SEED}`)
  region = await TestRegion.start({ name: 'east', app: 'reshard-app', regions: STAGES.four, connections: {} })
}, 180_000)

afterAll(async () => {
  await region?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A sender that tries each request until it is taken, and knows what must have been counted. */
class Load {
  readonly users = new Map<string, [clicks: number, amount: number]>()
  readonly campaigns = new Map<string, [clicks: number, amount: number]>()
  readonly orders = new Map<number, { readonly uid: string; readonly cents: number }>()
  sent = 0
  unavailable = 0
  longestMs = 0
  isEnding = false
  private readonly r: Random
  private lsn = 0

  constructor(r: Random) {
    this.r = r
  }

  async run(): Promise<void> {
    await Promise.all([this.click(0), this.click(1), this.order()])
  }

  private async click(lane: number): Promise<void> {
    const { r } = this
    for (let batch = 0; !this.isEnding; batch++) {
      const events = Array.from({ length: r.int(1, 60) }, (_, i) => ({
        id: `${lane}/${batch}/${i}`,
        uid: r.pick(USERS),
        on: r.pick(CAMPAIGNS),
        amount: r.int(0, 100),
        at: new Date(Date.now() - r.int(0, 60_000)).toISOString(),
      }))
      await this.insist('clicks', events)
      // Now and then all of it once more.
      if (r.chance(0.2)) await this.insist('clicks', events)
      for (const { uid, on, amount } of events) {
        count(this.users, uid, amount)
        count(this.campaigns, on, amount)
      }
      await pause(5)
    }
  }

  private async order(): Promise<void> {
    const { r } = this
    while (!this.isEnding) {
      const envelopes = Array.from({ length: r.int(1, 20) }, () => {
        const order = r.int(1, 200)
        const source = { lsn: ++this.lsn }
        if (this.orders.has(order) && r.chance(0.2)) {
          this.orders.delete(order)
          return { op: 'd', before: { order }, after: null, source, ts_ms: Date.now() }
        }
        const row = { uid: r.pick(USERS), cents: r.int(1, 500) }
        const op = this.orders.has(order) ? 'u' : 'c'
        this.orders.set(order, row)
        return { op, before: null, after: { order, ...row, at: new Date().toISOString() }, source, ts_ms: Date.now() }
      })
      await this.insist('orders', envelopes)
      if (r.chance(0.2)) await this.insist('orders', envelopes)
      await pause(10)
    }
  }

  private async insist(source: string, body: readonly object[]): Promise<void> {
    const startedMs = Date.now()
    const deadlineMs = startedMs + 120_000
    for (;;) {
      try {
        await region.call('POST', `/v1/sources/${source}/events`, body)
        break
      } catch (cause) {
        this.unavailable++
        const isOver = Date.now() > deadlineMs || /: 4\d\d /.test(String(cause))
        if (isOver) throw cause
        await pause(50)
      }
    }
    this.sent += body.length
    this.longestMs = Math.max(this.longestMs, Date.now() - startedMs)
  }
}

function count(into: Map<string, [number, number]>, key: string, amount: number): void {
  const [clicks, sum] = into.get(key) ?? [0, 0]
  into.set(key, [clicks + 1, sum + amount])
}

const pause = (ms: number) => new Promise<void>((next) => setTimeout(next, ms))

/** As a deploy: the same state, other code. */
async function deploy(regions: readonly Region[]): Promise<void> {
  await region.kill()
  await region.start('reshard-app', regions)
}

/** The command as a person calls it. */
function reshard(
  regions: readonly Region[],
  ...args: string[]
): Promise<{ code: number | null; out: string; err: string }> {
  const file = join(folder, 'regions.ts')
  writeFileSync(file, `export const regions = ${JSON.stringify(regions)}\n`)
  const definitions = join(folder, 'definitions.ts')
  const source = join(root, 'test/interop/reshard-app/definitions.ts')
  writeFileSync(
    definitions,
    `const parse = JSON.parse\nJSON.parse = (text) => (text === 'REGIONS_GO_HERE' ? [] : parse(text))\nexport const { app } = await import(${JSON.stringify(source)})\n`,
  )
  const command = ['reshard', '--region', 'east', '--url', region.ingestUrl, '--token', 'interop-token']
  const files = ['--regions', `${file}`, '--definitions', definitions]
  const env = { ...process.env, NO_COLOR: '1' }
  const child = spawn(process.execPath, [join(root, 'scripts/tidemark.ts'), ...command, ...files, ...args], { env })
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    err += text
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

async function rows(service: string, key: string, of: readonly string[]): Promise<readonly (readonly unknown[])[]> {
  const entities = of.map((id) => ({ [key]: id }))
  const body = { service, entities }
  const answer = await region.call<{ rows: { values: unknown[] }[] }>('POST', '/v1/features', body, region.lookupUrl)
  return answer.rows.map(({ values }) => values)
}

/** Everything counts once: at the latest when the tables have told the entities. */
async function expectAll({ users, campaigns, orders }: Load): Promise<void> {
  expect(await rows('clicked', 'user_id', USERS)).toEqual(USERS.map((user) => users.get(user) ?? [0, null]))
  const names = [...new Set(CAMPAIGNS)]
  expect(await rows('shown', 'campaign_id', names)).toEqual(names.map((name) => campaigns.get(name) ?? [0, null]))
  const owned = USERS.map((user) => {
    const own = [...orders.values()].filter(({ uid }) => uid === user)
    return own.length === 0 ? [0, null] : [own.length, own.reduce((sum, { cents }) => sum + cents, 0)]
  })
  await expect.poll(() => rows('ordered', 'user_id', USERS), { timeout: 60_000, interval: 250 }).toEqual(owned)
}

test('4, 8, 16 shards under load: nothing is lost or counted twice, whatever is killed on the way', async () => {
  const r = random(SEED)
  const load = new Load(r)
  const running = load.run()
  const someMs = sized(3_000, 800)
  await pause(someMs)

  const notDeployed = await reshard(STAGES.fourAndNext)
  expect(notDeployed).toMatchObject({ code: 2, err: expect.stringContaining('deploy regions.ts as it is') })
  await deploy(STAGES.fourAndNext)
  const wrong = await reshard(east({ ...epoch(0, 4), next: { epoch: 1, shards: { default: 6 } } }))
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('only a whole multiple of 4') })
  const dry = await reshard(STAGES.fourAndNext, '--dry-run')
  expect(dry.err).toBe('')
  console.log(dry.out)
  const first = reshard(STAGES.fourAndNext)
  await pause(r.int(0, 600))
  await region.kill()
  await region.start('reshard-app', STAGES.fourAndNext)
  await first
  const prepared = await reshard(STAGES.fourAndNext)
  expect(prepared.code, prepared.err).toBe(0)
  console.log(prepared.out)
  await pause(someMs)

  await deploy(STAGES.eight)
  const opening = reshard(STAGES.eight)
  await pause(r.int(0, 400))
  await region.kill()
  await region.start('reshard-app', STAGES.eight)
  await opening
  const opened = await reshard(STAGES.eight)
  expect(opened.code, opened.err).toBe(0)
  console.log(opened.out)
  await pause(someMs)

  await deploy(STAGES.sixteen)
  await pause(r.int(0, 500))
  await region.kill()
  await region.start('reshard-app', STAGES.sixteen)
  await pause(someMs)
  const last = await reshard(STAGES.sixteen)
  expect(last.code, last.err).toBe(0)
  console.log(last.out)
  await pause(someMs)
  load.isEnding = true
  await running
  await expectAll(load)
  console.log(
    `${load.sent} events and changes; ${load.unavailable} requests had to be sent again, the longest took ${load.longestMs} ms with deploys and kills`,
  )
}, 240_000)
