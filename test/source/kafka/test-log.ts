import type { KafkaHttp } from '../../../src/source/index.ts'

/** A record as it lies in a log. */
export interface LogRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  readonly timestampMs: number
}

export interface StoredRecord extends LogRecord {
  readonly offset: number
}

/** What lies beneath a server of a dialect: a log in memory, or a real broker. */
export interface TestLog {
  /** The topic's id and how many partitions it has; undefined when there is none. */
  topic(name: string): Promise<{ readonly id: string; readonly partitions: number } | undefined>
  offsets(name: string, partition: number): Promise<{ readonly begin: number; readonly end: number }>
  /** Records from an offset on, a few at least when there are any; waits for the first. `next` is behind the last. */
  read(
    name: string,
    partition: number,
    offset: number,
    waitMs: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly next: number } | 'out_of_range'>
  /** The offset it got. */
  append(name: string, partition: number, record: LogRecord): Promise<number>
  create(name: string, partitions: number): Promise<void>
  remove(name: string): Promise<void>
  /** Deletes all records before an offset. */
  truncate(name: string, partition: number, before: number): Promise<void>
}

/** What the conformance suite gets: an adapter, what is beneath, and what the dialect can do. */
export interface Subject {
  readonly kafka: KafkaHttp
  readonly log: TestLog
  readonly can: {
    readonly bytes: boolean
    readonly headers: boolean
    readonly timestamps: boolean
    readonly offsets: boolean
    readonly topicIds: boolean
    readonly writeHeaders: boolean
  }
  /** Lets the server lose every consumer it keeps; absent when it keeps none. */
  readonly loseConsumers?: () => Promise<void>
  readonly close: () => Promise<void>
}

/** A server of a dialect, as a function. */
export type Handler = (request: Request) => Promise<Response>

export function jsonResponse(status: number, body: unknown, type = 'application/json', headers = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': type, ...headers } })
}

/** The JSON body of a request that our own adapter made. */
export async function bodyOf<T>(request: Request): Promise<T> {
  return (await request.json()) as T
}
