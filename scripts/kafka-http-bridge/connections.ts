/**
 * Connections to brokers, each used for one request at a time: a broker answers a connection's requests in order, so a long
 * poll would hold up whatever is sent behind it.
 */
import { Connection, type ConnectionOptions } from '@platformatic/kafka'

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

export interface Connections {
  /**
   * Runs one exchange on a connection of its own. Rejects when it fails or takes longer than `timeoutMs`; that connection is
   * not used again.
   */
  use<T>(broker: BrokerAddress, timeoutMs: number, exchange: (connection: Connection) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Idle connections kept for each broker; a burst of polls opens more. */
const KEPT_IDLE = 32
const CONNECT_MS = 3_000
/** Above every deadline here, which end the exchange first. */
const REQUEST_MS = 120_000

/** The broker did not answer in time. */
export class BrokerTimeout extends Error {}

export function brokerConnections(clientId: string, options: ConnectionOptions): Connections {
  const idle = new Map<string, Connection[]>()
  const open = new Set<Connection>()

  return {
    use,
    close: async () => {
      await Promise.all([...open].map((one) => (one.isConnected() ? one.close() : abandon(one))))
    },
  }

  async function use<T>(
    broker: BrokerAddress,
    timeoutMs: number,
    exchange: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    let isLate = false
    const connection = take(broker) ?? created()
    const late = new Promise<never>((_, reject) => {
      const message = `${broker.host}:${broker.port} did not answer within ${timeoutMs} ms`
      timer = setTimeout(() => {
        isLate = true
        reject(new BrokerTimeout(message))
      }, timeoutMs)
    })
    const work = async () => {
      // Its promise may settle long after the deadline, by when its socket is gone.
      if (!connection.isConnected()) await connection.connect(broker.host, broker.port)
      return isLate ? late : exchange(connection)
    }
    try {
      const result = await Promise.race([late, work()])
      giveBack(broker, connection)
      return result
    } catch (error) {
      // An answer with an error in it leaves the connection in order; one to the authentication does not.
      if (isAnswered(error) && connection.isConnected()) giveBack(broker, connection)
      else abandon(connection)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  function take(broker: BrokerAddress): Connection | undefined {
    const list = idle.get(placeOf(broker)) ?? []
    for (let connection = list.pop(); connection !== undefined; connection = list.pop()) {
      if (connection.isConnected()) return connection
      // It broke while idle, or is authenticating anew.
      abandon(connection)
    }
    return undefined
  }

  function giveBack(broker: BrokerAddress, connection: Connection): void {
    const place = placeOf(broker)
    const list = idle.get(place) ?? []
    idle.set(place, list)
    if (connection.isConnected() && list.length < KEPT_IDLE) list.push(connection)
    else void connection.close()
  }

  /** Also one that is still connecting or authenticating: it would go on until the broker says something. */
  function abandon(connection: Connection): void {
    open.delete(connection)
    connection.socket?.destroy()
  }

  function created(): Connection {
    const connection = new Connection(clientId, {
      ...options,
      connectTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      maxInflights: 2,
    })
    // Failures reach the exchange that runs; an idle connection that breaks is no failure of anything.
    connection.on('error', () => {})
    connection.on('close', () => void open.delete(connection))
    open.add(connection)
    return connection
  }
}

function placeOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}

/** The library's error for an answer that holds error codes. */
export function isAnswered(error: unknown): error is Error & { readonly response: unknown } {
  return error instanceof Error && 'response' in error && error.response !== undefined
}
