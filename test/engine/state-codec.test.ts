import { describe, expect, it } from 'vitest'
import { compileView, decodeState, type EntityPlan, EntityState, stateBytes } from '../../src/engine/index.ts'
import { ByteReader, CorruptBytes } from '../../src/util/byte-reader.ts'
import { forSeeds } from '../support/random.ts'
import { FIELDS, randomEvents, randomView } from '../support/streams.ts'

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

/** Version 1, written when it was made. A change of these bytes is a new version, which must still read them. */
const GOLDEN_V1 =
  '01e0f7fcb6b733010100030601cfaafb820280a3f9b6b733e0d4030a020001080a01020105636c69636b0004eab6b73380500004e0240003c0790004a04e0001010101010101010f00000000000000009a9999999999b93f9a9999999999c93f343333333333d33f00000001c0c9dcedee6602000180d30e04010a0105636c69636b00'

describe('state bytes', () => {
  it('of version 1 are these, and are read back to the same state', () => {
    const { plan, state } = golden()
    const bytes = stateBytes(state)
    expect(Buffer.from(bytes).toString('hex')).toBe(GOLDEN_V1)
    expect(stateBytes(decodeState(new ByteReader(Buffer.from(GOLDEN_V1, 'hex')), plan))).toEqual(bytes)
  })

  it('of a newer version are refused by number', () => {
    const { plan, state } = golden()
    const bytes = stateBytes(state)
    bytes[0] = 2
    expect(() => decodeState(new ByteReader(bytes), plan)).toThrow(/state version 2; this engine reads 1/)
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
