import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { freePort } from '../../scripts/local/port.ts'

const timeout = 60_000
let stateDir = ''
const started: ChildProcess[] = []

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'tidemark-start-'))
})
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  chmodSync(stateDir, 0o700)
  rmSync(stateDir, { recursive: true, force: true })
})

interface Run {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exit: Promise<number | null>
  until(text: string): Promise<void>
}

interface PredictAnswer {
  readonly predictions: readonly [
    { readonly probability: number; readonly features: Readonly<Record<string, unknown>> },
  ]
}

/** scripts/start.ts as a process of its own, on a state folder of its own. */
function start(...args: string[]): Run {
  const child = spawn(process.execPath, ['scripts/start.ts', '--state', stateDir, ...args], { cwd: root })
  started.push(child)
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const exit = new Promise<number | null>((ended) => child.on('close', ended))
  const until = async (text: string) => {
    for (let waitedMs = 0; !output.includes(text); waitedMs += 50) {
      if (waitedMs > timeout || child.exitCode !== null) throw new Error(`"${text}" did not come:\n${output}`)
      await new Promise((next) => setTimeout(next, 50))
    }
  }
  return { child, output: () => output, exit, until }
}

test('it sends, prints vectors and predictions, serves what it printed, and SIGTERM ends it with 0', {
  timeout,
}, async () => {
  const port = await freePort(21_787)
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen({ port, host: '127.0.0.1' }, listening))
  const run = start('--port', String(port), '--rows', '1500')
  await run.until('Ctrl-C ends everything')
  taken.close()
  const output = run.output()
  expect(output).toContain(`Port ${port} is taken: using `)
  expect(output).toContain('1,500 accepted, 0 refused')
  expect(output).toMatch(/departures_ever +\d+/)
  expect(output).toContain('missing')
  for (const line of output.split('\n')) expect(line.length).toBeLessThanOrEqual(100)

  const url = /curl '(.*)'/.exec(output)?.[1] ?? ''
  const answer = (await (await fetch(url)).json()) as PredictAnswer
  const printed = Number(/departures_ever +(\d+)/.exec(output)?.[1])
  expect(answer.predictions[0].features.departures_ever).toBe(printed)
  const odds = /min late +([\d.]+) %/.exec(output)?.[1]
  expect((100 * answer.predictions[0].probability).toFixed(1)).toBe(odds)

  const base = new URL(url).origin
  expect(await (await fetch(base)).text()).toContain('<title>Tidemark')
  for (const path of ['/page.css', '/page.js', '/vector.js', '/airports.js', '/v1/health', '/v1/dead-letters']) {
    expect((await fetch(base + path)).status, path).toBe(200)
  }

  const second = start('--once', '--rows', '500')
  expect(await second.exit).toBe(1)
  expect(second.output()).toMatch(/npm start runs already \(process \d+\)/)

  const workerd = Number(readFileSync(join(stateDir, 'owner.pid'), 'utf8'))
  run.child.kill('SIGTERM')
  expect(await run.exit).toBe(0)
  expect(() => process.kill(workerd, 0)).toThrow('ESRCH')
  await expect(fetch(url)).rejects.toThrow()
})

test('SIGINT while it sends ends everything it started', { timeout }, async () => {
  const run = start('--port', '0')
  await run.until('Sending')
  run.child.kill('SIGINT')
  expect(await run.exit).toBe(130)
  expect(run.output()).not.toContain('npm start:')
})

test('an option that is none is told with exit code 2', async () => {
  const run = start('--prot', '80')
  expect(await run.exit).toBe(2)
  expect(run.output()).toContain("npm start: Unknown option '--prot'")
})

test('a folder that cannot be written to is told by name', async () => {
  // A file where the folder should be: what fails for every user, root too.
  rmSync(stateDir, { recursive: true })
  writeFileSync(stateDir, '')
  const run = start('--once')
  expect(await run.exit).toBe(1)
  expect(run.output()).toMatch(/cannot be written to \(EEXIST\)\. Clone Tidemark into a folder of your own/)
})
