import { describe, expect, it } from 'vitest'
import { zoneSpec } from '../../src/define/time-zones.ts'
import {
  compileView,
  decodeState,
  EntityState,
  type FeatureSpec,
  type FeatureValue,
  type FieldType,
  stateBytes,
  ViewReader,
  type ViewSpec,
  type WindowSpec,
  type ZoneSpec,
} from '../../src/engine/index.ts'
import { ByteReader } from '../../src/util/byte-reader.ts'

// What a deploy that changes a view does to the state that is there: features that stay keep their values, new ones do not
// claim what they have not seen.

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = Date.UTC(2026, 0, 1)
const TYPES = new Map<string, FieldType>([['amount', 'float64']])
const PART = { region: 1, epoch: 0, shard: 0 }

const count = (name: string, window: WindowSpec): FeatureSpec => ({ name, aggregate: 'count', window })
const session: WindowSpec = {
  kind: 'session',
  gapMs: 5 * MINUTE,
  maxMs: 24 * HOUR,
  keepLastMs: 24 * HOUR,
  value: 'last',
}
const sliding = (widthMs: number, more: { tailLimit?: number } = {}): WindowSpec => ({
  kind: 'sliding',
  widthMs,
  delayMs: 0,
  ...more,
})

/** An entity of one view, whose definition changes under it. */
class Deployed {
  state: EntityState
  t = START
  private seq = 0

  constructor(features: readonly FeatureSpec[], more: Partial<ViewSpec> = {}) {
    this.state = new EntityState([viewOf(features, more)])
  }

  put(time: number, amount = 1): number {
    this.state.raiseMark(time, this.t)
    const seq = ++this.seq
    const row = (this.state.plan[0]?.fields ?? []).map(() => amount)
    this.state.apply(0, time, this.state.commit(PART, seq), seq, row)
    return seq
  }

  /** So many rows, this far apart. */
  run(rows: number, stepMs: number): void {
    for (let i = 0; i < rows; i++) {
      this.t += stepMs
      this.put(this.t)
    }
  }

  takeBack(time: number, seq: number, amount: number): void {
    const row = (this.state.plan[0]?.fields ?? []).map(() => amount)
    this.state.retract(0, time, 0, seq, row)
  }

  deploy(features: readonly FeatureSpec[], more: Partial<ViewSpec> = {}): void {
    const before = this.state.plan[0]
    this.state = decodeState(new ByteReader(stateBytes(this.state)), [viewOf(features, more)], () => before)
  }

  /** Values with status; `since` of the features that are named is the time of the last deploy. */
  read(since: Readonly<Record<string, number>> = {}): Record<string, string> {
    const [view] = this.state.plan
    if (view === undefined) throw new Error('no view')
    this.state.settle()
    const out: FeatureValue[] = []
    const sinces = view.features.map(({ spec }) => since[spec.name] ?? Number.NEGATIVE_INFINITY)
    new ViewReader(view).read(this.state.views[0] ?? null, this.state.mark, this.t + 1, sinces, out)
    return Object.fromEntries(
      view.features.map(({ spec, index }) => {
        const { value, status, exact, reason } = out[index] as FeatureValue
        return [spec.name, `${value} ${status}${reason ? ` ${reason}` : ''}${exact ? '' : ' inexact'}`]
      }),
    )
  }
}

function viewOf(features: readonly FeatureSpec[], more: Partial<ViewSpec>) {
  const spec = { name: 'v', entity: 'u', source: 's', key: {}, exactRows: 128, allowedLatenessMs: 5 * MINUTE }
  return compileView({ ...spec, features, ...more }, TYPES)
}

describe('features that stay', () => {
  it('keep their buckets when the zone data of a later year has become other', () => {
    const zone = zoneSpec('Europe/Berlin')
    const newer: ZoneSpec = { ...zone, transitions: zone.transitions.filter(([at]) => at < Date.UTC(2050, 0, 1)) }
    const month = (value: 'running' | 'closed') =>
      count(value, { kind: 'calendar', unit: 'month', zone: 'Europe/Berlin', offsetMs: 0, delayMs: 0, value })
    const features = [month('running'), month('closed')]
    const entity = new Deployed(features, { zones: { 'Europe/Berlin': zone } })
    entity.run(5_000, 10 * MINUTE)
    const before = entity.read()
    entity.deploy(features, { zones: { 'Europe/Berlin': newer } })
    expect(entity.read()).toEqual(before)
    expect(before).toEqual({ running: '543 present', closed: '4457 present' })
  })

  it('say that a bucket is in doubt whose border the new zone data has moved', () => {
    const moved = (hours: number): ZoneSpec => ({ offsetMs: hours * HOUR, transitions: [] })
    const day = count('day', {
      kind: 'calendar',
      unit: 'day',
      zone: 'Europe/Berlin',
      offsetMs: 0,
      delayMs: 0,
      value: 'closed',
    })
    const entity = new Deployed([day], { zones: { 'Europe/Berlin': moved(0) } })
    entity.run(48 * 60, MINUTE)
    entity.deploy([day], { zones: { 'Europe/Berlin': moved(2) } })
    expect(entity.read().day).toMatch(/present inexact$/)
  })

  it('find a whole session though a late row lies in a narrower tile than those around it', () => {
    const staying = count('session', session)
    const entity = new Deployed([staying])
    entity.run(540, 20_000)
    entity.deploy([staying, count('new', sliding(3 * HOUR))])
    entity.put(entity.t - 2 * HOUR - 7_000)
    expect(entity.read().session).toBe('541 present')
  })

  it('do not take rows for all that there were when a limit is raised and a late one comes', () => {
    const staying = count('a', sliding(HOUR, { tailLimit: 5 }))
    const entity = new Deployed([staying], { exactRows: 1 })
    entity.run(30, MINUTE)
    expect(entity.read()).toEqual({ a: 'null error limit' })
    entity.deploy([staying, count('b', sliding(24 * HOUR, { tailLimit: 100 }))], { exactRows: 1 })
    entity.put(entity.t - 2 * HOUR)
    expect(entity.read({ b: entity.t }).a).toBe('null error limit')
  })

  it('keep a row that comes late in a window that begins before older tiles, when more rows are kept than before', () => {
    const staying = count('session', session)
    const entity = new Deployed([staying], { exactRows: 2 })
    entity.run(100, MINUTE)
    entity.deploy([staying], { exactRows: 50 })
    entity.put(entity.t - 50 * MINUTE - 1)
    expect(entity.read().session).toBe('101 present')
  })
})

describe('a new feature', () => {
  it('counts no tile that is wider than its own, and is partial until its window has filled', () => {
    const staying = count('ever', { kind: 'lifetime' })
    const entity = new Deployed([staying])
    entity.run(10_000, MINUTE)
    const deployed = entity.t
    entity.deploy([staying, count('hour', sliding(HOUR)), count('session', session)])
    const since = { hour: deployed, session: deployed }
    expect(entity.read(since)).toEqual({
      ever: '10000 present',
      hour: '60 partial',
      session: '128 partial',
    })
    entity.run(400, MINUTE)
    expect(entity.read(since)).toEqual({ ever: '10400 present', hour: '60 present', session: '528 partial' })
  })

  it('counts nothing at or after its end, though an older and wider tile lies across it', () => {
    const total = (name: string, window: WindowSpec): FeatureSpec => ({
      name,
      aggregate: 'sum',
      field: 'amount',
      window,
    })
    const staying = total('six', sliding(6 * HOUR))
    const delayed = total('delayed', { kind: 'sliding', widthMs: HOUR, delayMs: HOUR })
    const entity = new Deployed([staying], { exactRows: 1 })
    for (let second = 3 * 3_600; second > 0; second--) {
      entity.t += 1_000
      // Those of the last hour before the read weigh a million.
      entity.put(entity.t, second > 3_600 ? 1 : 1_000_000)
    }
    entity.deploy([staying, delayed], { exactRows: 1 })
    const [value, status, exact] = String(entity.read({ delayed: entity.t }).delayed).split(' ')
    expect([status, exact]).toEqual(['partial', 'inexact'])
    expect(Number(value)).toBeLessThan(3_600)
    expect(Number(value)).toBeGreaterThan(3_600 - 3 * 131)
  })

  it('takes back no row that it never counted', () => {
    const staying = count('ever', { kind: 'lifetime' })
    const sum: FeatureSpec = { name: 'sum', aggregate: 'sum', field: 'amount', window: { kind: 'lifetime' } }
    const spread: FeatureSpec = { ...sum, name: 'spread', aggregate: 'stddev', options: { kind: 'population' } }
    const entity = new Deployed([staying], { exactRows: 1 })
    entity.run(10, 1_000)
    entity.deploy([staying, sum, spread], { exactRows: 1 })
    entity.takeBack(START + 1_000, 1, 100)
    entity.run(3, 1_000)
    const since = { sum: entity.t, spread: entity.t }
    // Of the old rows one was still a row, without an amount.
    expect(entity.read(since)).toEqual({ ever: '12 present', sum: '3 partial', spread: '0 partial' })
    // And not after the state has been away either.
    entity.deploy([staying, sum, spread], { exactRows: 1 })
    entity.takeBack(START + 2_000, 2, 100)
    entity.run(1, 1_000)
    expect(entity.read(since)).toEqual({ ever: '12 present', sum: '4 partial', spread: '0 partial' })
  })

  it('is empty, and no error, between a row that was taken back and the row itself', () => {
    const spread: FeatureSpec = { name: 'spread', aggregate: 'stddev', field: 'amount', window: { kind: 'lifetime' } }
    const rate: FeatureSpec = {
      name: 'rate',
      aggregate: 'rate',
      matches: { op: 'gt', field: 'amount', value: 50 },
      window: { kind: 'lifetime' },
    }
    const entity = new Deployed([spread, rate], { exactRows: 1 })
    entity.takeBack(START - 1_000, 99, 100)
    entity.run(1, 1_000)
    expect(entity.read()).toEqual({ spread: 'null empty', rate: 'null empty' })
    entity.run(2, 1_000)
    expect(Object.values(entity.read()).join()).not.toMatch(/NaN|-/)
  })
})
