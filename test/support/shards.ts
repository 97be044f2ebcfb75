import {
  type DefinitionsSpec,
  decimalScale,
  type FieldSpec,
  type FieldType,
  type SourceSpec,
  type Value,
  type ViewSpec,
} from '../../src/engine/index.ts'
import type { Plan } from '../../src/plan/index.ts'
import {
  type ApplyAnswer,
  type ApplyMessage,
  MESSAGE_VERSION,
  Shard,
  type ShardStorage,
} from '../../src/shard/index.ts'
import { formatDecimal } from '../../src/util/decimal-text.ts'
import type { Random } from './random.ts'
import { FIELDS, randomView } from './streams.ts'

/** Shards over random definitions: what tests of storage, recovery and dedupe start from. */

const field = (name: string, type: FieldType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})

export const ACTIVITY: SourceSpec = {
  name: 'activity',
  fields: [
    field('id', 'string'),
    field('uid', 'string'),
    field('friend', 'string'),
    field('at', 'timestamp', { format: 'ms' }),
    ...[...FIELDS].map(([name, type]) =>
      field(name, type, { nullable: true, optional: true, ...(type === 'timestamp' && { format: 'ms' as const }) }),
    ),
  ],
  id: 'id',
  time: 'at',
  maxFutureMs: 300_000,
  redeliveryHorizonMs: 7 * 86_400_000,
  from: [{ kind: 'webhook' }],
}

/** A view that keeps everything, so that no event is too late. */
export const lifetimeView: ViewSpec = {
  name: 'ever',
  entity: 'user',
  source: 'activity',
  key: { user_id: 'uid' },
  features: [{ name: 'count', aggregate: 'count', window: { kind: 'lifetime' } }],
  exactRows: 2,
  allowedLatenessMs: 5_000,
  since: 'beginning',
}

export function definitionsOf(views: readonly ViewSpec[], source: SourceSpec = ACTIVITY): DefinitionsSpec {
  const entities = [{ name: 'user', keys: [{ name: 'user_id', type: 'string' as const }] }]
  return { entities, sources: [source], views, services: [] }
}

/** Random views of one entity that each event feeds twice: as who acted, and as a friend. */
export function randomDefinitions(r: Random): DefinitionsSpec {
  const friends = { ...randomView(r), name: 'friends', key: { user_id: 'friend' } }
  return definitionsOf([lifetimeView, randomView(r), friends])
}

export interface OpenOptions {
  readonly plan: Plan
  readonly storage: ShardStorage
  readonly now: () => number
  readonly memoryBytes?: number
}

/** The only shard of entity `user`. */
export function openShard({ plan, ...rest }: OpenOptions): Shard {
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity user')
  return new Shard({ plan, entity, part: { region: 1, epoch: 0, shard: 0 }, shards: 1, ...rest })
}

/** An event as it is sent. */
export interface SentEvent {
  readonly id: string
  readonly uid: string
  readonly friend: string
  readonly at: number
  readonly fields: Readonly<Record<string, Value>>
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

export function eventText({ fields, ...event }: SentEvent): string {
  return JSON.stringify({ ...event, ...fields }, (key, value: unknown) => {
    const scale = decimalScale(FIELDS.get(key))
    if (typeof value === 'bigint') return scale === undefined ? rawJson(String(value)) : formatDecimal(value, scale)
    if (value instanceof Float32Array) return [...value]
    return Object.is(value, -0) ? rawJson('-0') : value
  })
}

export function message(plan: Plan, texts: readonly string[], arrivalMs: number): ApplyMessage {
  return {
    version: MESSAGE_VERSION,
    plan: plan.hash,
    source: 'activity',
    arrivalMs,
    events: `[${texts.join()}]`,
    fanout: '1'.repeat(texts.length),
  }
}

/** Applies a batch; an answer that is none fails the test. */
export function apply(shard: Shard, batch: ApplyMessage): ApplyAnswer {
  const answer = shard.apply(batch)
  if ('unavailable' in answer) throw new Error(answer.message)
  return answer
}

/** The value of one feature of some entities at t. */
export function readValues(shard: Shard, plan: Plan, feature: string, keys: readonly string[], t: number): unknown[] {
  const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t, keys, run: feature })
  if (!('rows' in answer)) throw new Error(`no rows: ${JSON.stringify(answer)}`)
  return answer.rows.map((row) => JSON.parse(row.values) as unknown)
}

/** A small event for tests that are about anything but values. */
export const plainEvent = (id: string, uid: string, at: number): SentEvent => ({ id, uid, friend: uid, at, fields: {} })
