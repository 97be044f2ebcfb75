/** What `npm run peers -- up` has started, in pid files, so that `down` ends exactly that. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { peersFolder } from './install.ts'
import type { Peer } from './process.ts'

export interface RunningPeer {
  readonly name: string
  readonly address: string
  readonly pid: number
  readonly logFile: string
  /** When the process was started, in the kernel's ticks: a pid that was given to another process is told by it. */
  readonly startTicks: string
  readonly stopSignal: NodeJS.Signals
}

const folder = join(peersFolder, 'run')
const STOP_GRACE_MS = 15_000
const POLL_MS = 50

export function remember(name: string, peer: Peer, stopSignal: NodeJS.Signals = 'SIGTERM'): RunningPeer {
  const { address, pid, logFile } = peer
  const running = { name, address, pid, logFile, startTicks: startTicks(pid) ?? '', stopSignal }
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(name), `${JSON.stringify(running, null, 2)}\n`)
  return running
}

/** A peer that `up` started and that still runs; a pid file whose process is gone is removed. */
export function recall(name: string): RunningPeer | undefined {
  if (!existsSync(fileOf(name))) return undefined
  const running = JSON.parse(readFileSync(fileOf(name), 'utf8')) as RunningPeer
  if (isRunning(running)) return running
  rmSync(fileOf(name))
  return undefined
}

export function recallAll(): RunningPeer[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((file) => recall(file.replace(/\.json$/, '')) ?? [])
}

/** Ends a peer in order, after 15 s by force, and forgets it. */
export async function end(running: RunningPeer): Promise<void> {
  const deadline = Date.now() + STOP_GRACE_MS
  process.kill(running.pid, running.stopSignal)
  while (isRunning(running)) {
    if (Date.now() > deadline) process.kill(running.pid, 'SIGKILL')
    await pause(POLL_MS)
  }
  rmSync(fileOf(running.name), { force: true })
}

function fileOf(name: string): string {
  return join(folder, `${name}.json`)
}

function isRunning({ pid, startTicks: known }: RunningPeer): boolean {
  return startTicks(pid) === known
}

/** The 22nd field of /proc/PID/stat; the second, the command, may hold spaces and brackets. Undefined when it has ended. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
