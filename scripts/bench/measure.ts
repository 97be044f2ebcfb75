/** Clocks and figures: CPU time of a process, percentiles, loops over states. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../lib/paths.ts'

/** Profiles and whatever else a part leaves. */
export const benchFolder = join(cacheFolder, 'bench')

/** Linux counts a process's CPU time in ticks of this many a second (USER_HZ, the same on every common build). */
const TICKS_PER_SECOND = 100

/**
 * CPU seconds that a process has used, all of its threads, user and system. Unlike wall time it says the same when others
 * use the machine. Throws where there is no /proc.
 */
export function cpuSeconds(pid: number): number {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    throw new Error(`The CPU time of process ${pid} cannot be read from /proc: this part of the bench needs Linux.`)
  }
  return parseStat(stat)
}

/** The second field is the name in brackets and may hold anything: fields are counted after the last bracket. */
export function parseStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) / 1024
}

/** The smallest value that at least `share` of all values do not exceed (nearest rank). NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  const rank = Math.ceil(share * sorted.length)
  return sorted[Math.max(rank, 1) - 1] ?? Number.NaN
}

export const median = (values: readonly number[]): number => percentile(values, 0.5)

/**
 * CPU us of one call of `work`, called with 0, 1, 2, ... so that it can walk over states: the median of several rounds,
 * after rounds that warm the compiler up.
 */
export function cpuMicros(work: (index: number) => void, calls: number, rounds = 7): number {
  const found: number[] = []
  let index = 0
  for (let round = -3; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let call = 0; call < calls; call++) work(index++)
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) found.push((user + system) / calls)
  }
  return median(found)
}
