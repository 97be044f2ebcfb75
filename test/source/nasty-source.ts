import { type CheckedEvent, encodeKey } from '../../src/contract/index.ts'
import type { DefinitionsSpec, EntitySpec, FieldSpec, FieldType, KeyType } from '../../src/engine/index.ts'
import { Plan, type SourceRuntime, shardOf } from '../../src/plan/index.ts'
import { nastyEvent, nastyText } from '../contract/nasty-json.ts'
import type { Random } from '../support/random.ts'

/** A source whose keys are of every type and whose names and values are hard on scanners. */

const field = (name: string, type: FieldType, more: Partial<FieldSpec> = {}): FieldSpec => ({
  name,
  type,
  nullable: false,
  optional: false,
  ...more,
})
const entity = (name: string, ...types: KeyType[]): EntitySpec => ({
  name,
  keys: types.map((type, i) => ({ name: `k${i}`, type })),
})

const fields = [
  field('id', 'string'),
  field('uid', 'string'),
  field('UID', 'string'),
  field('é', 'int64'),
  field('n', 'int'),
  field('device', 'string', { format: 'uuid' }),
  field('b', 'bool'),
  field('at', 'timestamp', { format: 'ms' }),
]
const entities = [
  entity('user', 'string'),
  entity('account', 'int64'),
  entity('device', 'uuid'),
  entity('mixed', 'string', 'int64', 'bool'),
]
/** View name, entity, and the fields of its key: `user` is fed twice by one event. */
const views: readonly [string, string, readonly string[]][] = [
  ['by_user', 'user', ['uid']],
  ['by_other', 'user', ['UID']],
  ['by_account', 'account', ['é']],
  ['by_number', 'account', ['n']],
  ['by_device', 'device', ['device']],
  ['by_mixed', 'mixed', ['uid', 'é', 'b']],
]

const spec: DefinitionsSpec = {
  entities,
  sources: [
    {
      name: 's',
      fields,
      id: 'id',
      time: 'at',
      maxFutureMs: 300_000,
      redeliveryHorizonMs: 1_000,
      from: [{ kind: 'webhook' }],
    },
  ],
  views: views.map(([name, of, key]) => ({
    name,
    entity: of,
    source: 's',
    key: Object.fromEntries(key.map((from, i) => [`k${i}`, from])),
    features: [{ name: 'n', aggregate: 'count', window: { kind: 'lifetime' } }],
    exactRows: 128,
    allowedLatenessMs: 1_000,
  })),
  services: [],
}

export const ARRIVAL_MS = Date.UTC(2026, 0, 1)
export const plan = new Plan(spec)
export const source = plan.sources.get('s') as SourceRuntime
export const shardsOf = (name: string): number => (name === 'device' ? 3 : 5)

/** The shards of a checked event, from its parsed values alone. */
export function shardsOfEvent(event: CheckedEvent): string[] {
  const all = views.map(([, of, key]) => {
    const types = entities.find(({ name }) => name === of)?.keys.map(({ type }) => type) ?? []
    const parts = key.map((name) => event.values[fields.findIndex((f) => f.name === name)] ?? null)
    return `${of}/${shardOf(encodeKey(parts, types), shardsOf(of))}`
  })
  return [...new Set(all)].sort()
}

const TEXTS = ['', 'a', 'a,b', '\\', 'é', 'e\u0301', '😀', '"', 'null', '0', '\u2028', ' a', 'A'.repeat(600)]
const WHOLE = [
  '0',
  '-0',
  '7',
  '-7',
  '9007199254740993',
  '-9223372036854775808',
  '9223372036854775807',
  '9223372036854775808',
  '1.0',
  '1e3',
  '"5"',
]
const UUID = '0192a4c7-3e5b-7c1d-8a2e-3f4b5c6d7e8f'
/** Stands in for digits that JSON.stringify cannot write; no other text has it. */
const PLACE = 777_000_111

/** The JSON of one event: mostly a right one, among other members, in a random order, with a wrong value now and then. */
export function eventText(r: Random, plain: boolean): string {
  const wrong = (value: unknown) => (r.chance(0.04) ? r.pick([null, 'x', 5, {}, ['uid'], { uid: 'x' }, true]) : value)
  const uuid = UUID.replace('0192', String(r.int(1000, 9999)))
  const own: [string, unknown][] = [
    ['id', `e${r.int(0, 1e9)}`],
    ['uid', wrong(r.pick(TEXTS))],
    ['UID', wrong(r.pick(TEXTS) + r.pick(TEXTS))],
    ['é', wrong(PLACE)],
    ['n', wrong(r.int(-3, 3))],
    ['device', wrong(r.chance(0.5) ? uuid.toUpperCase() : uuid)],
    ['b', wrong(r.chance(0.5))],
    ['at', ARRIVAL_MS - r.int(0, 1e6)],
  ]
  const others = Object.entries(nastyEvent(r, 2)).filter(([name]) => !fields.some((f) => f.name === name))
  const members = [...own.filter(() => !r.chance(0.01)), ...others].sort(() => r.next() - 0.5)
  const text = nastyText(r, Object.fromEntries(members), plain)
  return text.replaceAll(String(PLACE), () => r.pick(WHOLE))
}
