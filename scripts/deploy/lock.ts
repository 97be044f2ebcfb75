/**
 * One deployment of a region at a time. On one machine a file says so. Between machines nothing can be asked before the first
 * deploy, so each run looks, before it replaces a Worker and again at its end, whether the version there is the one it expects:
 * of two, one sees the other and stops (scripts/deploy/run.ts).
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface Holder {
  readonly pid: number
  /** When it began, ms. */
  readonly startedMs: number
}

/**
 * Takes the lock, and gives what lets it go; or says who has it. A holder whose process has ended is none.
 *
 * @param isRunning whether there is a process of that number
 */
export function takeLock(
  folder: string,
  region: string,
  own: Holder,
  isRunning: (pid: number) => boolean = isAlive,
): (() => void) | { readonly heldBy: Holder } {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `deploy-${region}.lock`)
  for (let tries = 0; ; tries++) {
    try {
      // `wx`: of two at once one fails.
      const handle = openSync(file, 'wx')
      writeSync(handle, JSON.stringify(own))
      closeSync(handle)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || tries > 2) throw error
      const holder = holderOf(file)
      if (holder !== undefined && isRunning(holder.pid)) return { heldBy: holder }
      rmSync(file, { force: true })
    }
  }
}

function holderOf(file: string): Holder | undefined {
  try {
    const { pid, startedMs } = JSON.parse(readFileSync(file, 'utf8')) as Holder
    return Number.isSafeInteger(pid) && Number.isFinite(startedMs) ? { pid, startedMs } : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
