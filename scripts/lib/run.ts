/** Runs a command to its end and collects what it printed. */
import { spawn } from 'node:child_process'
import { root } from './paths.ts'

export interface RunResult {
  readonly ok: boolean
  /** Standard output and standard error, in the order they came. */
  readonly output: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with every piece of output as it comes, for steps that are shown live. */
  readonly onOutput?: (text: string) => void
}

/** Never rejects: a command that cannot be started is a failed result that says so. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const collect = (chunk: Buffer) => {
      const text = chunk.toString('utf8')
      output += text
      options.onOutput?.(text)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => resolve({ ok: false, output: `${command} could not be started: ${error.message}` }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}
