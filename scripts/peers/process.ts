/** Processes of peers: started with a log file, waited for, and ended with the script that started them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A running peer. */
export interface Peer {
  /** Where clients connect: `host:port`, or a URL for what speaks HTTP. */
  readonly address: string
  readonly pid: number
  readonly logFile: string
  /** Ends it in order; by force when it takes too long. */
  stop(): Promise<void>
  /** Ends it as a power cut would (SIGKILL). */
  kill(): Promise<void>
}

export interface StartOptions {
  /** For messages. */
  readonly name: string
  readonly address: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly logFile: string
  /** Whether it serves yet; asked every 100 ms. */
  readonly ready: () => Promise<boolean>
  readonly readyWithinMs: number
  /** What asks it to end; default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Goes on when this process ends. */
  readonly detached?: boolean
}

const READY_POLL_MS = 100
const STOP_GRACE_MS = 15_000
const running = new Set<ChildProcess>()

/** Starts a process and waits until it serves. Throws with the end of its log when it does not. */
export async function startProcess(options: StartOptions): Promise<Peer> {
  const { name, logFile } = options
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a')
  const logStart = readFileSync(logFile).length
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', log, log],
    cwd: options.cwd ?? dirname(logFile),
    env: { ...process.env, ...options.env },
    detached: options.detached ?? false,
    ...options.user,
  })
  closeSync(log)
  if (options.detached) child.unref()
  else endWithThisProcess(child)
  let failed: string | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      failed ??= `it ended with ${code ?? signal}`
      running.delete(child)
      resolve()
    })
    child.once('error', (error) => {
      failed ??= error.message
      running.delete(child)
      resolve()
    })
  })
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
    await exited
    clearTimeout(force)
  }
  const deadline = Date.now() + options.readyWithinMs
  while (failed === undefined && !(await options.ready().catch(() => false))) {
    if (Date.now() > deadline) failed = `it did not serve within ${options.readyWithinMs} ms`
    else await pause(READY_POLL_MS)
  }
  if (failed !== undefined || child.pid === undefined) {
    await end('SIGKILL')
    const tail = readFileSync(logFile).subarray(logStart).toString('utf8').trim().split('\n').slice(-15).join('\n')
    throw new Error(`${name} did not start: ${failed ?? 'it could not be run'}.\nThe end of ${logFile}:\n${tail}`)
  }
  return {
    address: options.address,
    pid: child.pid,
    logFile,
    stop: () => end(options.stopSignal ?? 'SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** Whether something accepts connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port })
    const done = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}

/** No peer outlives the script that started it, unless it was asked to. */
function endWithThisProcess(child: ChildProcess): void {
  if (!process.listeners('exit').includes(killAll)) {
    process.on('exit', killAll)
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.on(signal, () => {
        if (process.listenerCount(signal) === 1) process.exit(code)
      })
    }
  }
  running.add(child)
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}
