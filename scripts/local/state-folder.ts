/** One process per state folder: two workerds on the same SQLite files would each believe to be alone. */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileName = 'owner.pid'

/** Notes the owner. Throws when another living process owns the folder. */
export function claimFolder(stateDir: string, pid: number): void {
  const owner = ownerOf(stateDir)
  if (owner !== undefined && owner !== process.pid && owner !== pid && alive(owner)) {
    throw new Error(
      `Another Tidemark runs on ${stateDir} (process ${owner}). Stop it first: Ctrl-C in its terminal, or kill ${owner}.`,
    )
  }
  writeFileSync(join(stateDir, fileName), `${pid}\n`)
}

/** Gives the folder back, when it is still ours. */
export function releaseFolder(stateDir: string, pid: number | undefined): void {
  const owner = ownerOf(stateDir)
  if (owner === pid || owner === process.pid) rmSync(join(stateDir, fileName), { force: true })
}

/** The process that runs on a folder, if one does. For a message before anything is started. */
export function runningOn(stateDir: string): number | undefined {
  const owner = ownerOf(stateDir)
  return owner !== undefined && owner !== process.pid && alive(owner) ? owner : undefined
}

function ownerOf(stateDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(stateDir, fileName), 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/**
 * Asks for state and command too: an ended process whose parent has not collected it (Z) still has its number, and after a
 * reboot the number may belong to something else. Where there is no `ps`, the signal alone decides.
 */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const ps = spawnSync('ps', ['-p', String(pid), '-o', 'stat=', '-o', 'command='], { encoding: 'utf8' })
  if (ps.error !== undefined) return true
  const [state = 'Z', ...command] = ps.stdout.trim().split(/\s+/)
  return ps.status === 0 && !state.startsWith('Z') && /workerd|node/.test(command.join(' '))
}
