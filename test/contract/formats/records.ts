import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Decoded, SourceRecord } from '../../../src/contract/index.ts'

const vectors = join(import.meta.dirname, '..', '..', 'vectors')
const utf8 = new TextEncoder()

export const bytesOf = (text: string): Uint8Array => utf8.encode(text)

interface Given {
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timestampMs?: number | null
}

/** A record as a transport gives it: texts as their bytes. */
export function record({ key = null, value = null, headers = {}, timestampMs = null }: Given): SourceRecord {
  const bytes = (part: string | Uint8Array | null) => (typeof part === 'string' ? bytesOf(part) : part)
  return {
    key: bytes(key),
    value: bytes(value),
    headers: new Map(Object.entries(headers).map(([name, text]) => [name, bytesOf(text)])),
    timestampMs,
  }
}

export interface Recorded {
  readonly partition: number
  readonly offset: number
  readonly record: SourceRecord
}

interface Line {
  readonly key: unknown
  readonly value: unknown
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers?: readonly { readonly key: string; readonly value: string }[]
}

/** The records of a recorded topic. In a `.binary.jsonl` they are the very bytes. */
export function recordedTopic(path: string): Recorded[] {
  const isBinary = path.endsWith('.binary.jsonl')
  const part = (given: unknown): Uint8Array | null => {
    if (given === null) return null
    return isBinary ? new Uint8Array(Buffer.from(String(given), 'base64')) : bytesOf(JSON.stringify(given))
  }
  return linesOf<Line>(path).map(({ key, value, partition, offset, timestamp, headers = [] }) => ({
    partition,
    offset,
    record: {
      key: part(key),
      value: part(value),
      headers: new Map(headers.map((header) => [header.key, new Uint8Array(Buffer.from(header.value, 'base64'))])),
      timestampMs: timestamp,
    },
  }))
}

/** The lines of a recording, each parsed. */
export function linesOf<Of>(path: string): Of[] {
  const text = readFileSync(join(vectors, path), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Of)
}

/** The event as an object, or why there is none: what a test compares with. */
export function outcome(decoded: Decoded): unknown {
  if (decoded.kind === 'event') return JSON.parse(decoded.text)
  if (decoded.kind === 'skipped') return decoded.why
  return decoded.kind === 'refused' ? decoded.why.reason : decoded
}
