/**
 * One deployment of a region at a time. On one machine a file says so. Between machines nothing can be asked before the first
 * deploy, so each run looks, before it replaces a Worker and again at its end, whether the version there is the one it expects:
 * of two, one sees the other and stops (scripts/deploy/run.ts).
 */
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Holder {
  readonly pid: number
  /** When it began, ms. */
  readonly startedMs: number
}

/** Nobody. */
const RELEASED: Holder = { pid: 0, startedMs: 0 }

/**
 * Takes the lock, and gives what lets it go; or says who has it. A holder whose process has ended is none.
 *
 * Holders are numbered, each with a file of its own, and the highest counts: who takes over from number n makes number n + 1, which
 * of two at once only one can, and nothing that counts is ever deleted. So nobody deletes a lock that somebody else has just taken.
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
  const fileOf = (number: number) => join(folder, `deploy-${region}.${number}.lock`)
  for (;;) {
    const last = Math.max(0, ...numbersIn(folder, region))
    const holder = holderOf(fileOf(last))
    if (holder !== undefined && isRunning(holder.pid)) return { heldBy: holder }
    const number = last + 1
    if (!create(fileOf(number), own)) continue
    const known = numbersIn(folder, region)
    if (known.some((other) => other > number)) {
      // Looked too long ago: others have come and gone since, and the numbers of then are free again.
      rmSync(fileOf(number), { force: true })
      continue
    }
    for (const before of known.filter((other) => other < number)) rmSync(fileOf(before), { force: true })
    return () => writeFileSync(fileOf(number), JSON.stringify(RELEASED))
  }
}

function numbersIn(folder: string, region: string): number[] {
  const [before, after] = [`deploy-${region}.`, '.lock']
  return readdirSync(folder).flatMap((name) => {
    const number = name.startsWith(before) && name.endsWith(after) ? name.slice(before.length, -after.length) : ''
    return /^[1-9]\d{0,14}$/.test(number) ? [Number(number)] : []
  })
}

/** A file that is there with all of its text, or not at all. Says whether there was none. */
function create(file: string, holder: Holder): boolean {
  const draft = `${file}.${process.pid}.draft`
  writeFileSync(draft, JSON.stringify(holder))
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function holderOf(file: string): Holder | undefined {
  try {
    const { pid, startedMs } = JSON.parse(readFileSync(file, 'utf8')) as Holder
    return Number.isSafeInteger(pid) && pid > 0 && Number.isFinite(startedMs) ? { pid, startedMs } : undefined
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
