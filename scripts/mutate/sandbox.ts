/** A copy of the code and its tests in which mutants live, one at a time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cacheFolder, root } from '../lib/paths.ts'
import { FILES_VARIABLE, MARK } from './marks.ts'
import { type Mutant, mutated } from './mutants.ts'

/** What the tests need; node_modules is found further up. */
const COPIED = ['src', 'test', 'scripts', 'features', 'docs', 'regions.ts', 'package.json', 'tsconfig.json']

const CONFIG = join(import.meta.dirname, 'vitest.config.ts')

export interface Outcome {
  readonly status: 'passed' | 'failed' | 'timeout' | 'broken'
  /** The test that failed or did not end; absent of what passed, or failed outside of a test. */
  readonly by?: string
  /** By test, in ms: how long after its beginning the next one began. */
  readonly times: ReadonlyMap<string, number>
}

/** Test files that run one after the other, in this order. */
export interface Stage {
  readonly tests: readonly string[]
  /** Each file loads the code anew: slower, for tests that leave something behind. */
  readonly isolate: boolean
}

/** How long a test may go on, in ms; undefined is the time until the first begins. */
export type TimeLimit = (test: string | undefined) => number

export class Sandbox {
  readonly folder: string
  private readonly originals = new Map<string, string>()
  private child: ChildProcess | undefined

  constructor(from = root) {
    const parent = join(cacheFolder, 'mutate')
    mkdirSync(parent, { recursive: true })
    this.folder = mkdtempSync(join(parent, 'run-'))
    for (const name of [...COPIED, 'tsconfig.base.json', 'test/tsconfig.json']) {
      if (existsSync(join(from, name))) cpSync(join(from, name), join(this.folder, name), { recursive: true })
    }
  }

  /** Files of the copy by pattern, from its root, sorted. */
  files(pattern: string): string[] {
    return globSync(pattern, { cwd: this.folder }).toSorted()
  }

  /** A file as it is without mutants. */
  original(file: string): string {
    const known = this.originals.get(file) ?? readFileSync(join(this.folder, file), 'utf8')
    this.originals.set(file, known)
    return known
  }

  /** Runs tests with the mutant in its place; takes it out again whatever happens. */
  async try(mutant: Mutant, stages: readonly Stage[], limit: TimeLimit): Promise<Outcome> {
    const path = join(this.folder, mutant.file)
    const source = this.original(mutant.file)
    writeFileSync(path, mutated(source, mutant))
    try {
      let outcome: Outcome = { status: 'passed', times: new Map() }
      for (const stage of stages) if (outcome.status === 'passed') outcome = await this.run(stage, limit)
      return outcome
    } finally {
      writeFileSync(path, source)
    }
  }

  /** Runs test files one after the other, up to the first test that fails. */
  run({ tests, isolate }: Stage, limit: TimeLimit): Promise<Outcome> {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    const config = ['--root', this.folder, '--config', CONFIG, '--configLoader', 'native']
    const options = [...config, `--isolate=${isolate}`, '--bail=1', '--no-color']
    const child = spawn(process.execPath, [vitest, 'run', ...options], {
      cwd: this.folder,
      env: { ...process.env, [FILES_VARIABLE]: JSON.stringify(tests), NODE_OPTIONS: '--max-old-space-size=2048' },
      stdio: ['ignore', 'pipe', 'ignore'],
      // A group of its own, so that it ends with all that it started.
      detached: true,
    })
    this.child = child
    return new Promise((resolve) => {
      const times = new Map<string, number>()
      let status: Outcome['status'] | undefined
      let test: string | undefined
      let beganMs = Date.now()
      let timer: NodeJS.Timeout
      const begin = (name?: string) => {
        if (test !== undefined) times.set(test, (times.get(test) ?? 0) + Date.now() - beganMs)
        test = name
        beganMs = Date.now()
        clearTimeout(timer)
        timer = setTimeout(() => end('timeout'), limit(name))
      }
      const end = (why: Outcome['status']) => {
        status ??= why
        this.stop()
      }
      begin()
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.startsWith(MARK.begins)) begin(line.slice(MARK.begins.length))
        if (line.startsWith(MARK.failed)) end('failed')
      })
      child.on('close', (code) => {
        clearTimeout(timer)
        status ??= code === 0 ? 'passed' : 'broken'
        const by = status === 'failed' || status === 'timeout' ? test : undefined
        if (status === 'passed') begin()
        clearTimeout(timer)
        resolve({ status, times, ...(by !== undefined && { by }) })
      })
    })
  }

  /** Ends the run that is under way, if any. */
  stop(): void {
    const pid = this.child?.pid
    if (pid === undefined || this.child?.exitCode !== null || this.child.signalCode !== null) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself in between.
    }
  }

  remove(): void {
    this.stop()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
