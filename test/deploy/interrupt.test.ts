/** A deployment that a person breaks off. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deploy } from '../../scripts/deploy/run.ts'
import { root } from '../../scripts/lib/paths.ts'
import { plan, Scripted } from './scripted.ts'

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s while a Worker is uploaded leaves no secrets on the disk',
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-interrupt-'))
    const script = join(folder, 'upload.ts')
    const secrets = `JSON.stringify(readdirSync(${JSON.stringify(folder)}))`
    writeFileSync(
      script,
      `import { readdirSync } from 'node:fs'
       import { wranglerPlatform } from '${root}/scripts/deploy/wrangler-platform.ts'
       const region = { name: 'weur', id: 1, epoch: 0, shards: { default: 1 } }
       const worker = { worker: 'ingest', name: 'i', config: 'wrangler.toml', links: [] }
       const run = () => { console.log(${secrets}); return new Promise((end) => setTimeout(end, 60_000)) }
       await wranglerPlatform({ region, regions: [region], zones: {}, run }).upload(worker, { without: [], message: 'm', secrets: { TOKENS: 's3cret' } })`,
    )
    const child = spawn(process.execPath, [script], { env: { ...process.env, TMPDIR: folder } })
    const seen = await new Promise<string>((ready) => child.stdout.on('data', (chunk) => ready(String(chunk))))
    child.kill(signal)
    const code = await new Promise<number | null>((end) => child.on('close', (status) => end(status)))
    const isLeft = (name: string) => existsSync(join(folder, name, 'secrets.json'))
    const left = readdirSync(folder).filter(isLeft)
    rmSync(folder, { recursive: true, force: true })
    expect(seen).toContain('tidemark-deploy-')
    expect({ code, left }).toEqual({ code: { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal], left: [] })
  },
  30_000,
)

test('which Workers are new is said, and how to go on or back', async () => {
  let interrupt = () => {}
  const world = new Scripted({
    upload: {
      inference: () => {
        interrupt()
        return {}
      },
    },
  })
  const onInterrupt = (task: () => void) => {
    interrupt = task
    return () => {
      interrupt = () => {}
    }
  }
  await deploy({ ...world.options, onInterrupt })
  const at = world.said.findIndex((line) => line.startsWith('broken off'))
  expect(world.said.slice(at, at + 4)).toEqual([
    'broken off. New: tidemark-ingest-weur, tidemark-lookup-weur. As before: tidemark-inference-weur, tidemark-console-weur, if the upload of tidemark-inference-weur was not under way.',
    `Deploy region ${plan.region} again to go on; or go back, the last first:`,
    '  npx wrangler rollback v1 --config workers/lookup/wrangler.toml --env weur',
    '  npx wrangler rollback v1 --config wrangler.toml --env weur',
  ])
  // Nothing is said of a deployment that has ended.
  const said = world.said.length
  interrupt()
  expect(world.said).toHaveLength(said)
})
