import type { SourceSpec } from '../../engine/index.ts'
import { MAX_EVENT_UNITS } from '../../util/limits.ts'
import { refusal } from '../refusal.ts'
import type { Decoded, Decoder, SourceRecord } from './format.ts'
import { badEncoding, tooLarge, utf8Text, valueText } from './value-text.ts'
import { type Target, timeJson } from './write-values.ts'

/**
 * Records as they are: an event with `key` and `value` (texts, or null), `headers` (the text of a JSON object of texts) and
 * `timestamp` (epoch ms, or RFC 3339 where the contract says so). A record without value is an event too, whose value is
 * null. Refuses `bad_encoding` for what is no UTF-8, and `too_large`.
 */
export function rawDecoder(source: SourceSpec): Decoder {
  const timestamp = source.fields.find(({ name }) => name === 'timestamp')
  const target: Target = { type: 'timestamp', format: timestamp?.format ?? 'ms' }
  return {
    beside: { key: true, header: () => true, time: true },
    decode(record) {
      const value = valueText(record, MAX_EVENT_UNITS)
      if (value !== null && typeof value !== 'string') return { kind: 'refused', why: value }
      const key = record.key === null ? null : utf8Text(record.key)
      if (key === undefined) return { kind: 'refused', why: badEncoding('The key', record.key as Uint8Array) }
      const headers = headersText(record)
      if (headers === undefined) return { kind: 'refused', why: refusal('bad_encoding', 'A header is no UTF-8 text.') }
      const time = record.timestampMs === null ? 'null' : timeJson(record.timestampMs, target)
      return sized(
        `{"key":${JSON.stringify(key)},"value":${JSON.stringify(value)},"headers":${JSON.stringify(headers)},"timestamp":${time}}`,
      )
    },
  }
}

function headersText({ headers }: SourceRecord): string | undefined {
  const members: string[] = []
  for (const [name, bytes] of headers) {
    const text = utf8Text(bytes)
    if (text === undefined) return undefined
    members.push(`${JSON.stringify(name)}:${JSON.stringify(text)}`)
  }
  return `{${members.join()}}`
}

function sized(text: string): Decoded {
  if (text.length <= MAX_EVENT_UNITS) return { kind: 'event', text }
  return { kind: 'refused', why: tooLarge(text.length, 'characters', MAX_EVENT_UNITS) }
}
