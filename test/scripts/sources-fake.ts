/** The routes of `/v1/sources` of two regions, with partitions that do what the real ones do. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PartitionStatus, SourceStatus } from '../../scripts/sources/client.ts'
import type { Barrier } from '../../src/source/index.ts'

export const NOW = Date.UTC(2026, 0, 5, 12)

export function partition(given: Partial<PartitionStatus> = {}): PartitionStatus {
  const counts = { records: 0, accepted: 0, duplicates: 0, refused: 0, skipped: 0, lost: 0, ...given.counts }
  return {
    ...{ topic: 'clicks', partition: 0, phase: 'running', halt: null, generation: 1, topicId: 'id-1', incarnation: 0 },
    ...{
      offset: 0,
      end: 0,
      lag: 0,
      newestMs: 0,
      seenMs: NOW,
      firstPartitions: 1,
      isLater: false,
      idle: 0,
      failures: 0,
      problem: null,
      notes: [],
    },
    ...given,
    counts,
  }
}

export function source(given: Partial<SourceStatus> = {}): SourceStatus {
  return { source: 'clicks', kind: 'stream', from: ['kafka'], topics: [], ...given }
}

export const halt = {
  reason: 'schema' as const,
  message: 'Schema 7 does not fit: field "amount" is a string, the contract wants a whole number. Mend one of them.',
  offset: 41_999,
  sinceMs: NOW - 3 * 3_600_000,
}

/** One region, with one source and one partition of it. */
export class FakeRegion {
  readonly asked: string[] = []
  /** Answers to come, instead of what the partition does: a status, or 'drop' for an answer that gets lost on its way. */
  readonly failures = new Map<string, number | 'lost'>()
  state: PartitionStatus
  private readonly name: string
  private readonly server: Server

  private constructor(name: string, state: PartitionStatus) {
    this.name = name
    this.state = state
    this.server = createServer((request, response) => {
      let body = ''
      request.on('data', (part) => {
        body += part
      })
      request.on('end', () => {
        const path = request.url ?? ''
        this.asked.push(`${request.method} ${path}${body === '' || body === '{}' ? '' : ` ${body}`}`)
        const action = path.split('/').at(-1) ?? ''
        const failure = this.failures.get(action)
        if (typeof failure === 'number') {
          response.writeHead(failure, { 'content-type': 'application/problem+json' })
          response.end(JSON.stringify({ detail: `No ${action} now.` }))
          return
        }
        const answer = this.answer(path, action, body === '' ? {} : JSON.parse(body))
        if (failure === 'lost') request.socket.destroy()
        else response.end(JSON.stringify(answer))
      })
    })
  }

  static async start(name: string, state: PartitionStatus): Promise<FakeRegion> {
    const region = new FakeRegion(name, state)
    await new Promise<void>((next) => region.server.listen(0, '127.0.0.1', next))
    return region
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  private answer(path: string, action: string, body: unknown): unknown {
    const { topicId, incarnation, offset, generation } = this.state
    if (action === 'resume') this.state = { ...this.state, phase: 'running', halt: null }
    if (action === 'hand-over') {
      this.state = { ...this.state, phase: 'away', halt: null }
      return { topicId, incarnation, offset, generation }
    }
    if (action === 'take-over') this.state = { ...this.state, ...(body as Barrier), phase: 'running' }
    const status = source({ topics: [{ topic: 'clicks', cluster: 'default', partitions: [this.state] }] })
    if (path === '/v1/sources' || action === 'wake') return { region: this.name, sources: [status] }
    return path.includes('/partitions/') ? this.state : status
  }
}
