import { expect, test } from 'vitest'
import * as z from 'zod'
import * as t from '../../src/define/index.ts'
import { columnTypes, type FieldType, type JoinSpec, type ViewSpec } from '../../src/engine/index.ts'
import { Plan } from '../../src/plan/index.ts'
import { MESSAGE_VERSION, Shard, STATUS_OF } from '../../src/shard/index.ts'
import { oracleJoinValue, type SideEvent } from '../oracle/joins.ts'
import { markOf, oracleValue } from '../oracle/oracle.ts'
import { Crash, CrashingStorage } from '../support/crashing-storage.ts'
import { forSeeds, type Random } from '../support/random.ts'

// A join and a union of the same two sources, in shards that die and page out, against the oracle of each: of the union as if it
// were one stream.

const PART = { region: 1, epoch: 0, shard: 0 }
const KEYS = ['u1', 'u1', 'u1', 'u2']
const WITHIN_MS = 60_000

const user = t.entity('user', { user_id: z.string() })
const event = z.object({ id: z.string(), item: z.string().nullable(), amount: z.int(), at: t.epochMs() })
const shown = t.streamSource('shown', {
  event: event.extend({ uid: z.string() }),
  id: 'id',
  time: 'at',
  maxFuture: '1d',
  from: [t.webhook()],
})
const clicked = t.streamSource('clicked', {
  event: event.extend({ user: z.string() }),
  id: 'id',
  time: 'at',
  maxFuture: '1d',
  from: [t.webhook()],
})

function viewsOf(r: Random) {
  const joined = t.featureView(
    'joined',
    {
      entity: user,
      source: t.intervalJoin('shown_clicked', shown, clicked, {
        on: 'item',
        within: WITHIN_MS,
        order: r.pick(['any', 'left-first']),
        maxPairs: r.pick([3, 10_000]),
      }),
      key: { user_id: { left: 'uid', right: 'user' } },
      since: 'beginning',
      exactRows: r.pick([10, 1_000]),
    },
    (e) => ({
      rate_1h: t.rate(e.matched.eq(true)).over('1h'),
      unmatched_5m: t.count().where(e.matched.eq(false)).over('5m'),
      delay_1h: t.avg(e.delay_ms).over('1h'),
      items_1h: t.sum(e.right.amount).by(e.left.item).over('1h'),
      last_10m: t.lastN(e.left.amount, 5).over('10m'),
    }),
  )
  const united = t.featureView(
    'united',
    {
      entity: user,
      source: t.union({ left: shown, right: clicked }),
      key: { user_id: { left: 'uid', right: 'user' } },
      since: 'beginning',
      exactRows: r.pick([2, 128]),
    },
    (e) => ({
      all_1h: t.count().over('1h'),
      rights_1h: t.count().where(e.$source.eq('right')).over('1h'),
      amount_5m: t.sum(e.amount).over('5m'),
      last_item: t.latest(e.item).over('1h'),
    }),
  )
  return new Plan(t.definitions({ services: [], views: [joined, united] }).spec)
}

interface Sent {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly id: string
  readonly item: string | null
  readonly amount: number
  readonly at: number
}

interface Accepted {
  readonly key: string
  readonly row: SideEvent
}

/** Batches of one source each; a shard that dies is opened anew and the batch sent again. */
function drive(r: Random, plan: Plan, sent: readonly Sent[]): { shard: Shard; accepted: Accepted[] } {
  const storage = new CrashingStorage()
  let clock = 0
  const entity = plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity user')
  const open = () =>
    new Shard({
      plan,
      entity,
      part: PART,
      shards: 1,
      storage,
      now: () => clock,
      memoryBytes: r.pick([0, 4_000, 1_000_000]),
    })
  const accepted: Accepted[] = []
  let shard = open()
  for (let at = 0; at < sent.length; ) {
    const { side } = sent[at] as Sent
    const end = at + r.int(1, 12)
    const batch = sent.slice(at, end).filter((one) => one.side === side)
    const rest = sent.slice(at, end).filter((one) => one.side !== side)
    at = end
    for (const events of [batch, rest]) {
      const [first] = events
      if (first === undefined) continue
      clock = Math.max(clock, ...events.map((one) => one.at - r.int(0, 1_000)))
      const message = {
        version: MESSAGE_VERSION,
        plan: plan.hash,
        source: first.side === 'left' ? 'shown' : 'clicked',
        arrivalMs: clock,
        events: JSON.stringify(
          events.map(({ side: of, key, ...fields }) => ({
            ...fields,
            ...(of === 'left' ? { uid: key } : { user: key }),
          })),
        ),
        fanout: '1'.repeat(events.length),
      }
      const apply = () => {
        const answer = shard.apply(message)
        if ('unavailable' in answer) throw new Error(answer.message)
        return answer.verdicts
      }
      storage.next = r.chance(0.1) ? r.pick(['lose', 'keep'] as const) : null
      let verdicts = ''
      try {
        verdicts = apply()
      } catch (cause) {
        if (!(cause instanceof Crash)) throw cause
        shard = open()
        verdicts = apply()
      }
      // Every id is sent once: what is known is what the shard took before it died.
      events.forEach(({ side: of, key, at: time, item, amount }, i) => {
        if (verdicts[i] === 'r') return
        const row = { ...PART, side: of, time, availableAt: clock, seq: accepted.length + 1, fields: { item, amount } }
        accepted.push({ key, row })
      })
      if (r.chance(0.1)) shard = open()
    }
  }
  return { shard, accepted }
}

function randomSent(r: Random): Sent[] {
  let clock = Date.UTC(2026, 0, 1)
  const sent: Sent[] = []
  for (let i = r.pick([10, 60, 150]); i > 0; i--) {
    clock += r.pick([0, 1, 1_000, 30_000, 600_000])
    const near = sent.length > 0 && r.chance(0.5) ? r.pick(sent).at + r.pick([0, WITHIN_MS, -WITHIN_MS, 1]) : clock
    const fields = { item: r.chance(0.1) ? null : r.pick(['a', 'b', 'c']), amount: r.int(0, 9) }
    sent.push({ side: r.pick(['left', 'right']), key: r.pick(KEYS), id: `e${i}`, at: Math.max(near, 1), ...fields })
  }
  return sent
}

test('a join and a union have the value of their oracles, whatever dies and is paged out', () => {
  let checks = 0
  let refused = 0
  forSeeds(150, (r) => {
    const plan = viewsOf(r)
    const sent = randomSent(r)
    const { shard, accepted } = drive(r, plan, sent)
    refused += sent.length - accepted.length
    for (const key of new Set(KEYS)) {
      const rows = accepted.filter((one) => one.key === key).map(({ row }) => row)
      if (rows.length === 0) continue
      const mark = markOf(rows)
      const times = [mark, mark + 1, mark + WITHIN_MS, mark + 3_600_000, r.pick(rows).time + r.pick([0, 1, WITHIN_MS])]
      for (const asked of times) {
        const at = Math.max(asked, mark - 300_000)
        for (const view of plan.spec.views) {
          const run = view.features.map((feature) => `${view.name}.${feature.name}`).join()
          const answer = shard.read({ version: MESSAGE_VERSION, plan: plan.hash, t: at, keys: [key], run })
          const row = 'rows' in answer ? answer.rows[0] : undefined
          if (row === undefined) throw new Error(JSON.stringify(answer))
          const values = JSON.parse(`[${row.values}]`) as unknown[]
          view.features.forEach((_, i) => {
            const want = wanted(plan, view, i, rows, mark, at)
            const got = { value: values[i], status: STATUS_OF[row.statuses[i] ?? ''], exact: row.exact[i] === '1' }
            const { value, status, exact } = want
            expect(got, `${view.name}.${view.features[i]?.name} of ${key} at ${at}`).toEqual({ value, status, exact })
            checks++
          })
        }
      }
    }
  })
  expect(checks).toBeGreaterThan(10_000)
  expect(refused).toBeGreaterThan(0)
})

function wanted(plan: Plan, view: ViewSpec, i: number, rows: readonly SideEvent[], mark: number, t: number) {
  const feature = view.features[i]
  if (feature === undefined) throw new Error('no such feature')
  const own = columnTypes(view, (name) => plan.sources.get(name)?.spec.fields ?? [])
  const types = new Map<string, FieldType>([...own, ['matched', 'bool'], ['delay_ms', 'int']])
  if (view.join !== undefined) {
    const joined = view as ViewSpec & { readonly join: JoinSpec }
    return plain(oracleJoinValue(joined, feature, rows, mark, t, Number.NEGATIVE_INFINITY, types))
  }
  const one = rows.map((row) => ({ ...row, fields: { ...row.fields, $source: row.side } }))
  return plain(oracleValue(view, feature, one, mark, t, Number.NEGATIVE_INFINITY, types))
}

/** A map has no prototype in the oracle, and one in what JSON gives. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
