import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  compileView,
  decodeState,
  type EntityPlan,
  EntityState,
  type FeatureValue,
  jsonText,
  stateBytes,
  ViewReader,
  type ViewSpec,
  type ZoneSpec,
} from '../../src/engine/index.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { canonicalJson, parseCanonicalJson } from '../../src/util/canonical-json.ts'
import { forSeeds, random } from '../support/random.ts'
import { FIELDS, randomEvents, randomSteps, randomView } from '../support/streams.ts'

const T0 = Date.UTC(2026, 0, 1)

function golden(): { plan: EntityPlan; state: EntityState } {
  const plan = [
    compileView(
      {
        name: 'golden',
        entity: 'user',
        source: 's',
        key: {},
        features: [
          { name: 'n', aggregate: 'count', window: { kind: 'sliding', widthMs: 3_600_000, delayMs: 0 } },
          { name: 'sum', aggregate: 'sum', field: 'amount', window: { kind: 'lifetime' } },
          { name: 'last', aggregate: 'latest', field: 'kind', window: { kind: 'lifetime' } },
        ],
        exactRows: 2,
        allowedLatenessMs: 5_000,
        since: 'beginning',
      },
      FIELDS,
    ),
  ]
  const state = new EntityState(plan)
  for (let i = 0; i < 6; i++) {
    const time = T0 + i * 60_000
    state.raiseMark(time, time)
    state.apply(0, time, state.commit({ region: 1, epoch: 0, shard: 3 }, i + 1), i + 1, [
      i * 0.1,
      i % 2 ? 'click' : null,
    ])
  }
  return { plan, state }
}

/** Version 1, as it was written when it was the newest. */
const GOLDEN_V1 =
  '01e0f7fcb6b733010100030601cfaafb820280a3f9b6b733e0d4030a020001080a01020105636c69636b0004eab6b73380500004e0240003c0790004a04e0001010101010101010f00000000000000009a9999999999b93f9a9999999999c93f343333333333d33f00000001c0c9dcedee6602000180d30e04010a0105636c69636b00'

/**
 * Definitions with every window, aggregate and type, the bytes that version 2 wrote for them, and the values read from those.
 * A change of the bytes is a new version with a file of its own, beside this one. `TIDEMARK_GOLDEN=write` writes it.
 */
const GOLDEN_V2 = new URL('./golden/state-v2.txt', import.meta.url)

/** As many as there were when the file was written. */
const AGGREGATES_OF_V2 = 22

interface Golden {
  readonly views: readonly ViewSpec[]
  readonly bytes: string
  /** Of each view at the mark: values as JSON text, with status. */
  readonly values: readonly (readonly string[])[]
}

function everything(): Golden {
  const r = random(20_261_121)
  const views = Array.from({ length: 32 }, (_, i) => {
    const view = randomView(r, i % 3 === 0)
    return { ...view, name: `view_${i}`, exactRows: 5, zones: aroundNow(view.zones ?? {}) }
  })
  const state = new EntityState(views.map((view) => compileView(view, FIELDS)))
  for (const { event, sign } of randomSteps(r, randomEvents(r, 60, 2), 0.3)) {
    state.raiseMark(event.time, event.availableAt)
    const part = state.commit(event, event.seq)
    state.plan.forEach((view, i) => {
      const values = view.fields.map((field) => event.fields[field.name] ?? null)
      if (sign === 1) state.apply(i, event.time, part, event.seq, values)
      else if (i % 3 === 0) state.retract(i, event.time, part, event.seq, values)
    })
  }
  return { views, bytes: Buffer.from(stateBytes(state)).toString('hex'), values: valuesOf(state) }
}

/** The transitions that the events meet: those of 130 years would make the file ten times as long. */
function aroundNow(zones: Readonly<Record<string, ZoneSpec>>): Record<string, ZoneSpec> {
  const [from, to] = [Date.UTC(2025, 0, 1), Date.UTC(2028, 0, 1)]
  return Object.fromEntries(
    Object.entries(zones).map(([name, { transitions }]) => {
      const before = transitions.filter(([at]) => at < from).at(-1)?.[1] ?? 0
      return [name, { offsetMs: before, transitions: transitions.filter(([at]) => at >= from && at < to) }]
    }),
  )
}

function valuesOf(state: EntityState): string[][] {
  return state.plan.map((view, i) => {
    const out: FeatureValue[] = []
    const since = view.features.map(() => Number.NEGATIVE_INFINITY)
    new ViewReader(view).read(state.views[i] ?? null, state.mark, state.mark + 1, since, out)
    return view.features.map(
      ({ resultType }, f) => `${jsonText(out[f]?.value ?? null, resultType)} ${out[f]?.status} ${out[f]?.exact}`,
    )
  })
}

describe('state bytes', () => {
  it('of version 1 are still read, to the state that they were written from', () => {
    const { plan, state } = golden()
    const read = decodeState(new ByteReader(Buffer.from(GOLDEN_V1, 'hex')), plan)
    expect(stateBytes(read)).toEqual(stateBytes(state))
  })

  it('of version 2 are read to the same values, and written again to the same bytes', () => {
    if (process.env.TIDEMARK_GOLDEN === 'write') writeFileSync(GOLDEN_V2, `${canonicalJson(everything())}\n`)
    const { views, bytes, values } = parseCanonicalJson(readFileSync(GOLDEN_V2, 'utf8').trim()) as Golden
    const plan = views.map((view) => compileView(view, FIELDS))
    const state = decodeState(new ByteReader(Buffer.from(bytes, 'hex')), plan)
    state.settle()
    expect(valuesOf(state)).toEqual(values)
    expect(Buffer.from(stateBytes(state)).toString('hex')).toBe(bytes)
    const covered = new Set(plan.flatMap((view) => view.features.map(({ spec }) => spec.aggregate)))
    expect(covered.size).toBe(AGGREGATES_OF_V2)
  })

  it('of a newer version are refused by number', () => {
    const { plan, state } = golden()
    const bytes = stateBytes(state)
    bytes[0] = 3
    expect(() => decodeState(new ByteReader(bytes), plan)).toThrow(/state version 3; this engine reads 1 to 2/)
  })

  it('that are flipped in any bit are refused, and never give a state', () => {
    const { plan, state } = golden()
    const bytes = stateBytes(state)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => decodeState(new ByteReader(flipped), plan), `bit ${bit}`).toThrow(CorruptBytes)
    }
  })

  it('with more behind them are refused', () => {
    const { plan, state } = golden()
    const longer = Uint8Array.from([...stateBytes(state), 0])
    expect(() => decodeState(new ByteReader(longer), plan)).toThrow(CorruptBytes)
    const longerV1 = Buffer.from(`${GOLDEN_V1}00`, 'hex')
    expect(() => decodeState(new ByteReader(longerV1), plan)).toThrow(/1 bytes after the end/)
  })

  it('that are cut anywhere throw, and never give a state', () => {
    forSeeds(40, (r) => {
      const plan = [compileView(randomView(r), FIELDS)]
      const state = new EntityState(plan)
      for (const event of randomEvents(r, r.int(1, 80))) {
        state.raiseMark(event.time, event.availableAt)
        const values = plan[0]?.fields.map((field) => event.fields[field.name] ?? null) ?? []
        state.apply(0, event.time, state.commit(event, event.seq), event.seq, values)
      }
      const bytes = stateBytes(state)
      for (let cut = 0; cut < bytes.length; cut += r.int(1, 5)) {
        expect(() => decodeState(new ByteReader(bytes.subarray(0, cut)), plan), `cut at ${cut}`).toThrow(CorruptBytes)
      }
    })
  })
})
