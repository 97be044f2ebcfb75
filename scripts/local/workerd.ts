/**
 * Runs Workers on a standalone workerd, the runtime of production, without Miniflare between: 25 times the throughput of
 * `wrangler dev`, and a process that can be killed for real. Used by `npm start`, the chaos tests and the bench.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { compatibilityDate } from '../lib/workers.ts'
import { claimFolder, releaseFolder } from './state-folder.ts'
import {
  type ExternalService,
  modulePath,
  type Service,
  type Socket,
  STORAGE_FOLDER,
  socketName,
  workerdConfig,
} from './workerd-config.ts'

export interface RuntimeOptions {
  readonly services: readonly Service[]
  /** Ports to open on 127.0.0.1, and the service behind each; the first one is `url` and is waited for. */
  readonly sockets: readonly [Socket, ...Socket[]]
  /** Durable Object storage, config and log; made when missing. The same folder again finds the same state. */
  readonly stateDir: string
  /** What else answers HTTP, for bindings to name; default none. */
  readonly externals?: readonly ExternalService[]
  /** Asked until it answers below 500; default `/v1/health`. */
  readonly healthPath?: string
  /** How long the start may take; default 20,000. */
  readonly startTimeoutMs?: number
  /** Flags of V8, such as a limit of the heap; default none. */
  readonly v8Flags?: readonly string[]
  /** More arguments of `workerd serve`, such as `--inspector-addr`; default none. */
  readonly args?: readonly string[]
}

export interface Runtime {
  /** `http://127.0.0.1:PORT` of the first socket. */
  readonly url: string
  /** The same for every socket, by service; `service/Entrypoint` of one that leads to an entrypoint. */
  readonly urls: Readonly<Record<string, string>>
  readonly pid: number
  readonly logFile: string
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<void>
  /** Ends it in order (SIGTERM), after 5 s by force. */
  stop(): Promise<void>
  /** Ends it as a power cut would (SIGKILL). */
  kill(): Promise<void>
}

const stopGraceMs = 5000
const pollMs = 25
const running = new Set<ChildProcess>()

/**
 * Starts workerd and waits until it answers. Throws, with the end of its log, when it does not start.
 *
 * @example
 * const bundles = await bundleWorkers()
 * const runtime = await startRuntime({
 *   services: localServices(bundles, { TOKENS: '{}', CONNECTIONS: '{}' }),
 *   sockets: [{ service: 'console', port: await freePort(8787) }],
 *   stateDir: join(cacheFolder, 'state'),
 * })
 */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const stateDir = resolve(options.stateDir)
  const binaryFile = workerdBinary()
  const configFile = prepare(stateDir, options)
  const logFile = join(stateDir, 'workerd.log')
  const log = openSync(logFile, 'a')
  const logStart = readFileSync(logFile).length
  const child = spawn(binaryFile, ['serve', ...(options.args ?? []), configFile], { stdio: ['ignore', log, log] })
  closeSync(log)
  endWithThisProcess(child)

  const exited = new Promise<void>((done) => {
    const finish = () => {
      running.delete(child)
      releaseFolder(stateDir, child.pid)
      done()
    }
    child.once('exit', finish)
    child.once('error', finish)
  })
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const force = setTimeout(() => child.kill('SIGKILL'), stopGraceMs)
    await exited
    clearTimeout(force)
  }

  const urls = Object.fromEntries(
    options.sockets.map((socket) => [socketName(socket), `http://127.0.0.1:${socket.port}`]),
  )
  const url = `http://127.0.0.1:${options.sockets[0].port}`
  if (child.pid !== undefined) claimFolder(stateDir, child.pid)
  const problem = await untilAnswering(
    child,
    `${url}${options.healthPath ?? '/v1/health'}`,
    options.startTimeoutMs ?? 20_000,
  )
  if (problem !== undefined || child.pid === undefined) {
    await end('SIGKILL')
    const tail = readFileSync(logFile).subarray(logStart).toString('utf8').trim().split('\n').slice(-20).join('\n')
    throw new Error(`workerd did not start: ${problem ?? 'it could not be run'}.\nThe end of ${logFile}:\n${tail}`)
  }
  return { url, urls, pid: child.pid, logFile, exited, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}

/** Writes config and modules into the state folder: a later rebuild does not change what a restart of this one runs. */
function prepare(stateDir: string, options: RuntimeOptions): string {
  const folders = [STORAGE_FOLDER, ...options.services.flatMap(({ folder }) => (folder ? [folder.path] : []))]
  try {
    for (const folder of folders) mkdirSync(join(stateDir, folder), { recursive: true })
    claimFolder(stateDir, process.pid)
    rmSync(join(stateDir, 'modules'), { recursive: true, force: true })
    for (const service of options.services) {
      for (const module of service.modules) {
        const file = join(stateDir, modulePath(service, module))
        mkdirSync(dirname(file), { recursive: true })
        if ('file' in module) copyFileSync(module.file, file)
        else writeFileSync(file, module.text)
      }
    }
    const configFile = join(stateDir, 'workerd.capnp')
    // Readable by its owner only, for it holds the local tokens.
    writeFileSync(
      configFile,
      workerdConfig(options.services, options.sockets, stateDir, compatibilityDate, options.v8Flags, options.externals),
      {
        mode: 0o600,
      },
    )
    return configFile
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error
    throw new Error(`The state folder ${stateDir} cannot be written to (${code}). Run in a folder of your own.`)
  }
}

/** Undefined when the health route answers; otherwise what went wrong. */
async function untilAnswering(child: ChildProcess, url: string, timeoutMs: number): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs
  let last = `nothing answered at ${url}`
  let failed: string | undefined
  child.once('error', (error) => {
    failed = error.message
  })
  while (Date.now() < deadline) {
    if (failed !== undefined) return failed
    if (child.exitCode !== null || child.signalCode !== null)
      return `it ended with ${child.exitCode ?? child.signalCode}`
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
      const body = await response.text()
      if (response.status < 500) return undefined
      last = `${url} answered ${response.status}: ${body.slice(0, 200)}`
    } catch {
      // Not listening yet.
    }
    await new Promise((next) => setTimeout(next, pollMs))
  }
  return `${last} within ${timeoutMs} ms`
}

/** The real binary, not the wrapper script: it is the process that is measured and killed. */
function workerdBinary(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@cloudflare/workerd-${platform}-${process.arch === 'x64' ? '64' : process.arch}`
  const file = `${name}/bin/workerd${process.platform === 'win32' ? '.exe' : ''}`
  const require = createRequire(import.meta.url)
  try {
    return createRequire(require.resolve('workerd/package.json')).resolve(file)
  } catch {
    throw new Error(
      `The runtime workerd (${name}) is not installed. Run npm run setup; if it stays so, delete node_modules/ first.`,
    )
  }
}

/** No workerd outlives the script that started it: not on an error, not on Ctrl-C. */
function endWithThisProcess(child: ChildProcess): void {
  if (running.size === 0 && !process.listeners('exit').includes(killAll)) {
    process.on('exit', killAll)
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      process.on(signal, () => {
        // A script with a handler of its own ends in its own way; `exit` still cleans up after it.
        if (process.listenerCount(signal) === 1) process.exit(code)
      })
    }
  }
  running.add(child)
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}
