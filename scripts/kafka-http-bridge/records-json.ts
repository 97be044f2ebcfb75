/** How records are written in answers: the Upstash dialect's texts, or the exact transport of docs/kafka.md. */
import { isUtf8 } from 'node:buffer'
import type { LogRecord } from './record-batches.ts'

export interface Partition {
  readonly topic: string
  readonly partition: number
}

/** The plain dialect: everything is text; bytes that are not UTF-8 become U+FFFD, a key or value of null stays null. */
export function plainJson({ topic, partition }: Partition, records: readonly LogRecord[]): string {
  const place = `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`
  const list = records.map(({ offset, timestampMs, key, value, headers }) => {
    const named = headers.map(([name, text]) => `{"key":${plain(name)},"value":${plain(text)}}`)
    return `${place}${offset},"timestamp":${timestampMs ?? 0},"key":${plain(key)},"value":${plain(value)},"headers":[${named.join()}]}`
  })
  return `[${list.join()}]`
}

/**
 * The exact transport: null, a text where the bytes are well-formed UTF-8, else `{"base64": text}`. All records are of the
 * partition that was asked for, so topic and partition are left out, and headers where there are none.
 */
export function exactJson(records: readonly LogRecord[]): string {
  const list = records.map(({ offset, timestampMs, key, value, headers }) => {
    const named = headers.map(([name, bytes]) => `{"key":${plain(name)},"value":${exact(bytes)}}`)
    const tail = named.length === 0 ? '}' : `,"headers":[${named.join()}]}`
    return `{"offset":${offset},"timestamp":${timestampMs},"key":${exact(key)},"value":${exact(value)}${tail}`
  })
  return `[${list.join()}]`
}

function plain(bytes: Buffer | null): string {
  return bytes === null ? 'null' : JSON.stringify(bytes.toString('utf8'))
}

function exact(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  return isUtf8(bytes) ? JSON.stringify(bytes.toString('utf8')) : `{"base64":"${bytes.toString('base64')}"}`
}
