import type { DebeziumFormat, FormatSpec } from '../engine/index.ts'
import { didYouMean } from '../util/did-you-mean.ts'
import { checkName, checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'

/** How the bytes of a record become events. Made by {@link json}, {@link avro}, {@link cloudEvents}, {@link debezium}, {@link raw}. */
export type Format = FormatSpec

/** The options of {@link avro}. */
export interface AvroOptions {
  /** The schema registry, by its name in the secret CONNECTIONS; default `'default'`. */
  readonly registry?: string
}

/** The options of {@link debezium}. */
export interface DebeziumOptions {
  /**
   * `'inserts'`: rows that were inserted, or read by a snapshot, are events; changed and deleted ones are not. For streams;
   * a table takes every change and has no such option.
   */
  readonly only?: 'inserts'
  /**
   * The transformation ExtractNewRecordState stands between the connector and the topic: messages are rows, with
   * `add.fields=op` for a stream. For a table a null value under a key is then a delete of that key, as the transformation
   * writes deletes unless told otherwise (`delete.tombstone.handling.mode=tombstone`); the key must be JSON. Rows without
   * this, and envelopes with it, are refused `bad_envelope`. Default: envelopes, behind whose deletes a null value means nothing.
   */
  readonly unwrapped?: true
  /** How the connector writes its messages; default `json()`. */
  readonly value?: Extract<FormatSpec, { readonly kind: 'json' | 'avro' }>
  /** The connector's `decimal.handling.mode`; default `'precise'`, as Debezium has it. Not asked where a schema tells. */
  readonly decimals?: DebeziumFormat['decimals']
  /**
   * The connector's `time.precision.mode`; default `'adaptive'`, as Debezium has it. Not asked where a schema tells: without
   * one, `adaptive` is taken for microseconds, as PostgreSQL's `timestamp` has, and `connect` for milliseconds.
   */
  readonly times?: DebeziumFormat['times']
}

/**
 * Each record is one JSON object.
 *
 * @example kafka('clicks', { cluster: 'main', format: json() })
 */
export function json(): Extract<FormatSpec, { readonly kind: 'json' }> {
  return { kind: 'json' }
}

/**
 * Avro behind the frame of a schema registry (byte 0, four bytes of schema id). Before the first record of a writer's
 * schema is taken, the schema is checked against the source's contract.
 *
 * @throws DefinitionError for an unknown option or a registry without a proper name
 * @example kafka('orders', { cluster: 'main', format: avro({ registry: 'eu' }) })
 */
export function avro(options: AvroOptions = {}): Extract<FormatSpec, { readonly kind: 'avro' }> {
  const where = 'format avro()'
  checkOptions(where, options, ['registry'])
  const registry = options.registry ?? 'default'
  checkName('registry', registry, where)
  return { kind: 'avro', registry }
}

/**
 * CloudEvents 1.0, structured or binary: the data is the event, and `source` with `id` identifies it.
 *
 * @example webhook({ format: cloudEvents() })
 */
export function cloudEvents(): Extract<FormatSpec, { readonly kind: 'cloudevents' }> {
  return { kind: 'cloudevents' }
}

/**
 * Debezium's change events: envelopes, bare or with their schema, or, with `unwrapped: true`, the rows that
 * ExtractNewRecordState makes of them.
 *
 * @throws DefinitionError for an unknown option or value
 * @example kafka('dbserver1.public.orders', { cluster: 'main', format: debezium({ only: 'inserts', decimals: 'string' }) })
 */
export function debezium(options: DebeziumOptions = {}): DebeziumFormat {
  const where = 'format debezium()'
  checkOptions(where, options, ['only', 'unwrapped', 'value', 'decimals', 'times'])
  const { only, unwrapped, value = json(), decimals = 'precise', times = 'adaptive' } = options
  if (only !== undefined) oneOf(where, 'only', only, ['inserts'])
  if (unwrapped !== undefined && unwrapped !== true) {
    throw new DefinitionError('bad_option', where, 'unwrapped is true or left out.')
  }
  oneOf(where, 'decimals', decimals, decimalModes)
  oneOf(where, 'times', times, timeModes)
  const declared = { ...(only !== undefined && { only }), ...(unwrapped && { unwrapped }) }
  return { kind: 'debezium', ...declared, value: encodingOf(where, value), decimals, times }
}

/**
 * Records as they are, as events with the fields `key` and `value` (texts, null where there is none), `headers` (the text
 * of a JSON object) and `timestamp` (declare it `epochMs()`).
 *
 * @example kafka('logs', { cluster: 'main', format: raw() })
 */
export function raw(): Extract<FormatSpec, { readonly kind: 'raw' }> {
  return { kind: 'raw' }
}

const decimalModes: readonly DebeziumFormat['decimals'][] = ['precise', 'string', 'double']
const timeModes: readonly DebeziumFormat['times'][] = [
  'adaptive',
  'adaptive_time_microseconds',
  'connect',
  'isostring',
  'microseconds',
  'nanoseconds',
]

function oneOf(where: string, option: string, value: unknown, known: readonly string[]): void {
  if (typeof value === 'string' && known.includes(value)) return
  const shown = JSON.stringify(value) ?? String(value)
  throw new DefinitionError('bad_option', where, `${option} is ${shown}.${didYouMean(String(value), known)}`)
}

function encodingOf(where: string, value: unknown): DebeziumFormat['value'] {
  const { kind, registry } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (kind === 'json') return { kind }
  if (kind === 'avro' && typeof registry === 'string') return { kind, registry }
  throw new DefinitionError('bad_option', where, 'value is how messages are written: write json() or avro().')
}
