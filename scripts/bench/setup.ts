/** How long a newcomer waits: a fresh clone of what is committed, to the table of vectors. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../lib/paths.ts'
import { run } from '../lib/run.ts'
import type { BenchOptions, Result } from './rows.ts'

const ROWS = 20_000
const LONGEST_MS = 600_000

export async function* setup({ say }: BenchOptions): AsyncGenerator<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-setup-'))
  try {
    const startedMs = performance.now()
    const clone = await run('git', ['clone', '--quiet', root, join(folder, 'tidemark')])
    if (!clone.ok) throw new Error(`git clone failed: ${clone.output}`)
    say(`setup: npm start -- --once --rows ${ROWS} in a clone`)
    const ended = await start(join(folder, 'tidemark'))
    if (ended.code !== 0) throw new Error(`npm start ended with ${ended.code}:\n${ended.output.slice(-2000)}`)
    yield {
      name: 'setup.seconds',
      value: (performance.now() - startedMs) / 1000,
      unit: 's',
      note: `git clone, npm start -- --once --rows ${ROWS}, until it has printed its table and ended; packages as npm has them cached`,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function start(cwd: string): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    // In a group of its own: when it takes too long, all that it started ends with it.
    const child = spawn('npm', ['start', '--', '--once', '--rows', String(ROWS)], { cwd, detached: true })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        output += bytes.toString('utf8')
      })
    }
    const end = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
    }
    const timer = setTimeout(end, LONGEST_MS)
    process.once('exit', end)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      process.off('exit', end)
      resolve({ code, output })
    })
  })
}
