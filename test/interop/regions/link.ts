/** The way from one region to another over HTTP, which can be cut, slowed, and made to lose and to repeat. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** What a link does to the requests that go over it. */
export interface LinkFaults {
  /** Nothing goes through: connections are closed as soon as a request is seen. */
  readonly isCut: boolean
  /** Each request waits so long before it is passed on, ms. */
  readonly delayMs: number
  /** Every how manieth request is sent twice, one after the other; the second answer counts. 0: none. */
  readonly repeatEvery: number
  /** Of every how manieth request the answer is lost, although it was carried out. 0: none. */
  readonly loseEvery: number
}

const NONE: LinkFaults = { isCut: false, delayMs: 0, repeatEvery: 0, loseEvery: 0 }

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export class Link {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  private readonly server: Server
  private readonly targetPort: number
  private faults = NONE
  /** Requests that were passed on, repeated, lost on the way back, and turned away. */
  readonly counts = { passed: 0, repeated: 0, lost: 0, cut: 0 }

  private constructor(server: Server, targetPort: number) {
    this.server = server
    this.targetPort = targetPort
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (from, to) => void this.pass(from, to))
  }

  /** Opens a port of its own that leads to another of this machine. */
  static async open(targetPort: number): Promise<Link> {
    const server = createServer()
    await new Promise<void>((done, failed) => {
      server.once('error', failed)
      server.listen(0, '127.0.0.1', done)
    })
    return new Link(server, targetPort)
  }

  /** Sets what goes wrong from now on; what is not named goes right. Requests under way are torn when the link is cut. */
  suffer(faults: Partial<LinkFaults>): void {
    this.faults = { ...NONE, ...faults }
    if (this.faults.isCut) this.server.closeAllConnections()
  }

  cut(): void {
    this.suffer({ isCut: true })
  }

  heal(): void {
    this.suffer({})
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }

  private async pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    try {
      const { isCut, delayMs, repeatEvery, loseEvery } = this.faults
      if (isCut) {
        this.counts.cut++
        from.socket.destroy()
        return
      }
      const body = await buffer(from)
      if (delayMs > 0) await new Promise((next) => setTimeout(next, delayMs))
      // Cut while it waited.
      if (this.faults.isCut) throw new Error('cut')
      const count = ++this.counts.passed
      let answer = await this.ask(from, body)
      if (repeatEvery > 0 && count % repeatEvery === 0) {
        this.counts.repeated++
        answer = await this.ask(from, body)
      }
      if (loseEvery > 0 && count % loseEvery === 0) {
        this.counts.lost++
        throw new Error('lost')
      }
      to.writeHead(answer.status, answer.headers).end(answer.body)
    } catch {
      from.socket.destroy()
    }
  }

  private ask({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    // The body is whole here: what it came in is no matter to the other side.
    const { 'transfer-encoding': _, connection: __, ...rest } = headers
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: this.targetPort,
          method,
          path: url,
          headers: { ...rest, 'content-length': body.length },
          agent: false,
        },
        async (answer) => {
          const { 'transfer-encoding': ___, connection: ____, ...own } = answer.headers
          try {
            resolve({ status: answer.statusCode ?? 502, headers: own, body: await buffer(answer) })
          } catch (cause) {
            reject(cause)
          }
        },
      )
      asked.once('error', reject)
      asked.end(body)
    })
  }
}
