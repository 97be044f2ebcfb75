import type { FeatureSpec, FieldType, JoinSpec, Predicate, Value, ViewPlan, ViewSpec } from '../../src/engine/index.ts'
import type { SideEvent } from '../oracle/joins.ts'
import type { Random } from './random.ts'
import { FIELDS, randomEvents, randomFields, randomView } from './streams.ts'

/** Random joins, and streams of both their sides. */

/** The right side calls its texts something else, too. */
export const RIGHT_FIELDS: ReadonlyMap<string, FieldType> = new Map([...FIELDS, ['word', 'string']])
export const JOIN_TYPES: ReadonlyMap<string, FieldType> = new Map<string, FieldType>([
  ...[...FIELDS].map(([name, type]) => [`left.${name}`, type] as const),
  ...[...RIGHT_FIELDS].map(([name, type]) => [`right.${name}`, type] as const),
  ['left.uid', 'string'],
  ['right.user', 'string'],
])
/** With what a joined row has besides. */
export const PAIR_TYPES = new Map<string, FieldType>([...JOIN_TYPES, ['matched', 'bool'], ['delay_ms', 'int']])

const same = (name: string) => ({ left: name, right: name })
const ONS: readonly JoinSpec['on'][] = [
  [same('kind')],
  [{ left: 'kind', right: 'word' }],
  [same('units')],
  [same('account'), same('ok')],
  [same('ok')],
  [same('kind'), same('units')],
  [],
]

export type JoinView = ViewSpec & { readonly join: JoinSpec }

export function randomJoinView(r: Random, withins: readonly number[] = [0, 1, 50, 1_000, 60_000, 3_600_000]): JoinView {
  const { features, exactRows: _, ...view } = randomView(r)
  const join: JoinSpec = {
    on: r.pick(ONS),
    withinMs: r.pick(withins),
    order: r.pick(['any', 'left-first']),
    maxPairs: r.pick([1, 5, 30, 10_000, 10_000, 10_000]),
  }
  return {
    ...view,
    source: 'shown_clicked',
    key: {},
    inputs: [
      { name: 'left', source: 'shown', key: { user_id: 'uid' } },
      { name: 'right', source: 'clicked', key: { user_id: 'user' } },
    ],
    join,
    // Alone they reach back no further than they must: what they need and no other keeps is gone.
    features: r.chance(0.3) ? OWN.slice(0, r.int(1, 3)) : [...features.map((feature) => overJoin(r, feature)), ...OWN],
    exactRows: r.pick([1, 8, 40, 1_000, 1_000]),
  }
}

/** What every test of joins asks. */
const OWN: readonly FeatureSpec[] = [
  { name: 'short', aggregate: 'count', window: { kind: 'sliding', widthMs: 1_000, delayMs: 0 } },
  {
    name: 'newest',
    aggregate: 'lastN',
    field: 'left.units',
    options: { n: 3 },
    window: { kind: 'sliding', widthMs: 60_000, delayMs: 0 },
  },
  { name: 'pairs', aggregate: 'count', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } },
  {
    name: 'matched',
    aggregate: 'rate',
    matches: { op: 'eq', field: 'matched', value: true },
    window: { kind: 'sliding', widthMs: 60_000, delayMs: 0 },
  },
  {
    name: 'delay',
    aggregate: 'avg',
    field: 'delay_ms',
    window: { kind: 'sliding', widthMs: 86_400_000, delayMs: 1_000 },
  },
]

/** The same feature, of fields of one side or the other. */
function overJoin(r: Random, { where, matches, window, groupBy, field, orderBy, ...rest }: FeatureSpec): FeatureSpec {
  const side = (name: string) => `${r.pick(['left', 'right'])}.${name}`
  const { tailLimit: _, ...over } = window
  return {
    ...rest,
    ...(field !== undefined && { field: side(field) }),
    ...(orderBy !== undefined && { orderBy: side(orderBy) }),
    ...(where !== undefined && { where: renamed(where, side) }),
    ...(matches !== undefined && { matches: renamed(matches, side) }),
    ...(groupBy !== undefined && { groupBy: { ...groupBy, field: side(groupBy.field) } }),
    window: over,
  }
}

function renamed(predicate: Predicate, rename: (name: string) => string): Predicate {
  if (predicate.op === 'not') return { op: 'not', of: renamed(predicate.of, rename) }
  if ('of' in predicate) return { op: predicate.op, of: predicate.of.map((one) => renamed(one, rename)) }
  return { ...predicate, field: rename(predicate.field) }
}

/** Events of both sides in the order of their commits; many stand exactly `within` from another, or at one time with it. */
export function randomSides(r: Random, count: number, { withinMs }: JoinSpec, shards = 1): SideEvent[] {
  const events = randomEvents(r, count, shards)
  return events.map((event, i): SideEvent => {
    const side = r.pick(['left', 'right'] as const)
    const near = (events[r.int(0, i)] ?? event).time + r.pick([withinMs, -withinMs, withinMs + 1, 0, 1])
    const time = r.chance(0.4) ? near : event.time
    const fields: Record<string, Value> = { ...randomFields(r), ...(r.chance(0.5) && { kind: 'a' }) }
    if (side === 'right') fields.word = r.chance(0.2) ? null : r.pick(['a', 'click', ''])
    return { ...event, side, time, availableAt: Math.max(event.availableAt, time - 300_000), fields }
  })
}

/** What a view over a join keeps of a row. */
export function keptOf(plan: ViewPlan, { side, fields }: SideEvent): Value[] {
  return plan.fields.map(({ name }) => {
    if (name === '$side') return side === 'right'
    return name.startsWith(`${side}.`) ? (fields[name.slice(side.length + 1)] ?? null) : null
  })
}
