/** Load on a Worker: as fast as it goes, or at a given rate whatever it answers. */
import { Connection, type Reply } from './connection.ts'

/** Requests in flight while something is asked as fast as it goes. */
export const CONNECTIONS = 16

export interface Load {
  /** Requests that were answered with 2xx. */
  readonly ok: number
  /** All others, by status, or by what became of the connection; empty when all is well. */
  readonly failures: ReadonlyMap<string, number>
  readonly wallSeconds: number
  /** Latency of every request, ms. */
  readonly latencies: readonly number[]
}

/** Requests one after the other from an iterator, on `connections` at once. Bounded by the iterator. */
export async function closedLoop(url: string, requests: Iterator<Buffer>, connections: number): Promise<Load> {
  const tally = new Tally()
  const startedMs = performance.now()
  const one = async () => {
    const connection = new Connection(url)
    try {
      for (let next = requests.next(); !next.done; next = requests.next()) {
        const sentMs = performance.now()
        await tally.count(connection.send(next.value), sentMs)
      }
    } finally {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  return tally.load((performance.now() - startedMs) / 1000)
}

export interface OpenLoop {
  readonly perSecond: number
  readonly seconds: number
  /** More than this many at once wait for a connection; the time that they wait counts. */
  readonly connections: number
}

/**
 * Requests at a fixed rate. A latency runs from the time a request was due, not from when it could be sent: a server that
 * stands still is not asked less for it ("coordinated omission", Gil Tene).
 */
export async function openLoop(url: string, next: () => Buffer, options: OpenLoop): Promise<Load> {
  let tally = new Tally()
  const free = Array.from({ length: options.connections }, () => new Connection(url))
  const all = [...free]
  const open: Promise<void>[] = []
  // A second more in front, not counted: 64 connections are opened in it, and the CPU wakes up.
  const warm = Math.floor(options.perSecond)
  const total = warm + Math.floor(options.perSecond * options.seconds)
  const startedMs = performance.now()
  let sent = 0
  const dueMs = (index: number) => startedMs + (index * 1000) / options.perSecond
  while (sent < total) {
    while (sent < total && dueMs(sent) <= performance.now()) {
      const connection = free.pop()
      if (connection === undefined) break
      if (sent === warm) tally = new Tally()
      const request = tally.count(connection.send(next()), dueMs(sent++))
      open.push(request.then(() => void free.push(connection)))
    }
    // Not a timer: these are late by a millisecond, which is longer than an answer takes.
    await new Promise((later) => setImmediate(later))
  }
  await Promise.all(open)
  for (const connection of all) connection.close()
  return tally.load((performance.now() - startedMs) / 1000)
}

class Tally {
  private ok = 0
  private readonly failures = new Map<string, number>()
  private readonly latencies: number[] = []

  async count(request: Promise<Reply>, sinceMs: number): Promise<void> {
    let outcome: string
    try {
      const { status, body } = await request
      outcome = status >= 200 && status < 300 ? 'ok' : `${status} ${body.toString('utf8').slice(0, 200)}`
    } catch (error) {
      outcome = error instanceof Error ? error.message : String(error)
    }
    this.latencies.push(performance.now() - sinceMs)
    if (outcome === 'ok') this.ok++
    else this.failures.set(outcome, (this.failures.get(outcome) ?? 0) + 1)
  }

  load(wallSeconds: number): Load {
    return { ok: this.ok, failures: this.failures, wallSeconds, latencies: this.latencies }
  }
}

/** `count` requests, made when they are asked for. */
export function* repeat(count: number, make: (index: number) => Buffer): Generator<Buffer> {
  for (let index = 0; index < count; index++) yield make(index)
}

/** What went wrong, for a note; empty when nothing did. */
export function failureNote({ failures, ok }: Load): string {
  if (failures.size === 0) return ''
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0)
  return `FAILED ${failed} of ${ok + failed}: ${[...failures.keys()][0]}`
}
