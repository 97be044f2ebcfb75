import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FeatureSpec, FeatureValue, SourceSpec, ViewSpec } from '../../src/engine/index.ts'
import {
  type LoggedRow,
  type LogShard,
  MANIFEST_FORMAT,
  type Manifest,
  manifestKey,
  type Segment,
  SegmentBuilder,
  segmentKey,
  sha256,
  writeManifest,
} from '../../src/offline/index.ts'
import { FileObjects, openLog, recompute } from '../../src/offline/node/index.ts'
import { computeHeld, type HeldLabel, type HeldLog, type Mode } from '../../src/offline/training/index.ts'
import { Plan, shardOf, type VectorPlan } from '../../src/plan/index.ts'
import { agrees } from '../oracle/agreement.ts'
import { type OracleEvent, oracleValue } from '../oracle/oracle.ts'
import { type Random, random } from '../support/random.ts'
import { ACTIVITY, definitionsOf } from '../support/shards.ts'
import { FIELDS, randomEvents, randomSteps, randomView } from '../support/streams.ts'

const KEY = 'u1'
const OTHER = 'u2'
const SEEDS = 150

/** One row as the oracle has it, and as the log does. */
interface Entry {
  readonly event: OracleEvent
  readonly sign: 1 | -1
  readonly key: string
  readonly part: number
  readonly row: LoggedRow
  readonly contract: SourceSpec
}

interface Case {
  readonly plan: Plan
  readonly view: ViewSpec
  readonly vector: VectorPlan
  readonly parts: readonly HeldLog['part'][]
  readonly entries: readonly Entry[]
  readonly source: SourceSpec
  /** Rows below this place were accepted by a contract that lacks some fields. */
  readonly olderUntil: number
  readonly labels: readonly HeldLabel[]
  readonly mode: Mode
  readonly publishLagMs: number
}

/** What later contracts have besides. */
const NEW_FIELDS = ['units', 'price', 'tags']

/** The contract of a row. */
const contractOf = ({ source, olderUntil }: Pick<Case, 'source' | 'olderUntil'>, place: number): SourceSpec =>
  place < olderUntil ? { ...source, fields: source.fields.filter(({ name }) => !NEW_FIELDS.includes(name)) } : source

/** Two regions; the first one went from one shard to two, and lost what its old shard took in after that. */
function partsOf(): HeldLog['part'][] {
  const part = (shard: Omit<LogShard, 'entity'>, previous: Manifest['previous']) => ({
    shard: { entity: 'user', ...shard },
    bornMs: 0,
    previous,
    fromSeq: 1,
    seq: 0,
    since: {},
  })
  const inherited = { epoch: 0, shard: 0, shards: 1, seq: 0 }
  return [
    part({ region: 'weur', regionId: 1, epoch: 0, shard: 0, shards: 1 }, null),
    part({ region: 'weur', regionId: 1, epoch: 1, shard: 0, shards: 2 }, inherited),
    part({ region: 'weur', regionId: 1, epoch: 1, shard: 1, shards: 2 }, inherited),
    part({ region: 'apac', regionId: 2, epoch: 0, shard: 0, shards: 1 }, null),
  ]
}

function randomCase(r: Random): Case {
  const isTable = r.chance(0.3)
  const view = { ...randomView(r, isTable), name: 'v', entity: 'user', source: 'activity', key: { user_id: 'uid' } }
  const source: SourceSpec = isTable ? { ...ACTIVITY, changes: { key: ['id'] } } : ACTIVITY
  const plan = new Plan(definitionsOf([view], source))
  const vector = plan.vectorOf(null, plan.featureNames)
  if (typeof vector === 'string') throw new Error(vector)
  const events = randomEvents(r, r.pick([1, 10, 60, 200]))
  const steps = randomSteps(r, events, isTable ? 0.3 : 0)
  const resharded = r.int(0, steps.length)
  const olderUntil = r.chance(0.3) ? r.int(0, steps.length) : 0
  // Of a table nothing is lost: nobody takes out a row that was never put in.
  const lost = !isTable && r.chance(0.3) ? r.int(0, 5) : 0
  const parts = partsOf()
  const seqs = parts.map(() => 0)
  const entries: Entry[] = []
  let clock = 0
  const placed = new Map<OracleEvent, { readonly event: OracleEvent; readonly key: string; readonly isHere: boolean }>()
  steps.forEach((step, i) => {
    const before = placed.get(step.event)
    // What takes a row out before it came is nothing that a shard accepts.
    if (step.sign === -1 && before === undefined) return
    clock = Math.max(clock, step.event.availableAt)
    const isHome = before?.isHere ?? (isTable || r.chance(0.7))
    const key = before?.key ?? (r.chance(0.8) ? KEY : OTHER)
    const epoch = i < resharded ? 0 : 1 + shardOf(key, 2)
    const part = isHome ? epoch : 3
    const { shard } = parts[part] as Case['parts'][number]
    seqs[part] = (seqs[part] ?? 0) + 1
    const seq = seqs[part] ?? 0
    const order = { region: shard.regionId, epoch: shard.epoch, shard: shard.shard, seq }
    const lacks = Object.fromEntries(i < olderUntil ? NEW_FIELDS.map((name) => [name, null]) : [])
    const fields = { ...step.event.fields, ...lacks }
    const event = before?.event ?? { ...step.event, fields, availableAt: clock, ...order }
    if (step.sign === 1) placed.set(step.event, { event, key, isHere: isHome })
    const { region, epoch: ownEpoch, shard: number, seq: own } = event
    const contract = contractOf({ source, olderUntil }, i)
    const values = contract.fields.map(({ name }) => (name === 'uid' ? key : (event.fields[name] ?? null)))
    const known = r.chance(0.1) ? { availableAtMs: event.time + r.int(0, 60_000) } : null
    const row: LoggedRow = {
      key,
      seq,
      timeMs: event.time,
      availableAtMs: clock,
      sign: step.sign,
      id: null,
      row: isTable ? { region, epoch: ownEpoch, shard: number, seq: own } : null,
      position: null,
      imported: step.sign === 1 && !isTable ? known : null,
      stamps: null,
      values,
    }
    entries.push({ event, sign: step.sign, key, part, row, contract })
  })
  const inherited = Math.max(0, (seqs[0] ?? 0) - lost)
  const done = parts.map(({ previous, ...part }, i) => ({
    ...part,
    seq: seqs[i] ?? 0,
    previous: previous && { ...previous, seq: inherited },
  }))
  const mode = r.pick<Mode>([
    { kind: 'as-served' },
    { kind: 'lag', lagMs: r.pick([1, 60_000, 3_600_000]) },
    { kind: 'ideal' },
  ])
  const labels = Array.from({ length: 12 }, () => randomLabel(r, done, entries, clock))
  return {
    plan,
    view,
    vector,
    parts: done,
    entries,
    source,
    olderUntil,
    labels,
    mode,
    publishLagMs: r.pick([0, 1_000, 3_600_000]),
  }
}

function randomLabel(r: Random, parts: Case['parts'], entries: readonly Entry[], clock: number): HeldLabel {
  const { event } = r.pick(entries) as Entry
  const t = r.pick([event.time, event.availableAt, clock]) + r.pick([0, 1, -1, 1_000, 86_400_000])
  const key = r.chance(0.1) ? 'nobody' : r.pick([KEY, KEY, OTHER])
  const label = { key, t, region: r.pick(['weur', 'apac']), commits: null }
  if (r.chance(0.6)) return label
  // As lookups name them: one shard of the newest epoch that they read, of each region that answered.
  const [old, , , far] = parts as [Case['parts'][number], unknown, unknown, Case['parts'][number]]
  const leaf = r.chance(0.3) ? old : (parts[1 + shardOf(key, 2)] as Case['parts'][number])
  const named = r.pick([[leaf], [leaf, far], [far]])
  const commits = named.map(
    ({ shard: { region, epoch, shard }, seq }) => `${region}/user/${epoch}/${shard}/${r.int(0, seq)}`,
  )
  // No lookup answers for a time that is behind its mark by more than is kept.
  return { ...label, t: clock + r.int(0, 86_400_000), commits: [...commits, 'weur/other/0/0/5'] }
}

/** What a label sees, by the words of the design: one row after the other, no streams and no cuts. */
function sees({ parts, mode, publishLagMs }: Case, { key, t, region, commits }: HeldLabel, entry: Entry): boolean {
  const { row, part } = entry
  if (entry.key !== key) return false
  const inherited = parts[1]?.previous?.seq ?? 0
  if (commits !== null) {
    return commits.some((text) => {
      const [ofRegion = '', entity, epoch, shard, seq] = text.split('/')
      const own = (parts[part] as Case['parts'][number]).shard
      if (entity !== 'user' || ofRegion !== own.region) return false
      if (Number(epoch) === own.epoch) return Number(shard) === own.shard && row.seq <= Number(seq)
      return Number(epoch) > own.epoch && row.seq <= inherited
    })
  }
  if (part === 0 && row.seq > inherited) return false
  const own = (parts[part] as Case['parts'][number]).shard
  const known = row.imported?.availableAtMs ?? row.availableAtMs
  const served = known + (own.region === region ? 0 : publishLagMs) <= t
  if (mode.kind === 'as-served') return served
  const happened = mode.kind === 'ideal' ? row.timeMs < t : row.timeMs + mode.lagMs <= t
  return row.sign === 1 ? happened : happened && served
}

function availableAt({ mode }: Case, { commits }: HeldLabel, { row }: Entry): number {
  if (commits !== null) return row.availableAtMs
  if (mode.kind === 'as-served' || row.sign === -1) return row.imported?.availableAtMs ?? row.availableAtMs
  return mode.kind === 'lag' ? row.timeMs + mode.lagMs : row.timeMs
}

function expected(one: Case, label: HeldLabel) {
  const seen = one.entries.filter((entry) => sees(one, label, entry))
  const gone = new Set(seen.filter(({ sign }) => sign === -1).map(({ event }) => event))
  const events = seen
    .filter(({ sign }) => sign === 1)
    .map(({ event }) => (gone.has(event) ? { ...event, retracted: true } : event))
  const mark = Math.max(0, ...seen.map((entry) => Math.min(entry.row.timeMs, availableAt(one, label, entry))))
  const values = one.view.features.map((feature) =>
    oracleValue(one.view, feature, events, mark, label.t, Number.NEGATIVE_INFINITY, FIELDS),
  )
  return { isMissing: mark === 0, values }
}

function heldLogs({ parts, entries }: Case): HeldLog[] {
  return parts.map((part, i) => ({
    part,
    rows: entries.filter((entry) => entry.part === i).map(({ row, contract }) => ({ source: contract, rows: [row] })),
  }))
}

const heldSet = (one: Case) => {
  const entity = one.plan.entities.get('user')
  if (entity === undefined) throw new Error('no entity')
  const { plan, vector, labels, mode, publishLagMs } = one
  return { plan, entity, features: vector.features, logs: heldLogs(one), labels, mode, publishLagMs }
}

test('training is the naive truth over what each label sees, in every mode and by any commits', async () => {
  let compared = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const one = randomCase(random(seed))
    const found = await computeHeld(heldSet(one))
    if ('error' in found) throw new Error(found.error)
    one.labels.forEach((label, i) => {
      const { isMissing, values } = expected(one, label)
      values.forEach((want, f) => {
        compared++
        const got = found[i]?.[f] as FeatureValue
        const feature = one.view.features[f] as FeatureSpec
        const where = `seed ${seed}, label ${i} ${JSON.stringify(label)}, ${JSON.stringify(one.mode)}, ${feature.name}`
        expect(got.status === 'missing', where).toBe(isMissing)
        const told: FeatureValue = isMissing ? { ...got, status: want.status } : got
        if (!agrees(feature, told, want)) expect(shown(told), where).toEqual(shown(want as FeatureValue))
      })
    })
  }
  expect(compared).toBeGreaterThan(5_000)
})

const shown = ({ value, status, exact }: FeatureValue) => ({ value, status, exact })

test('from files, cut into segments anywhere, it is the same as from memory', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const r = random(seed * 1_000)
    const one = randomCase(r)
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-oracle-'))
    try {
      await writeLog(r, one, folder)
      const held = await computeHeld(heldSet(one))
      if ('error' in held) throw new Error(held.error)
      const logs = await openLog(folder)
      for (const region of ['weur', 'apac']) {
        const labels = one.labels.flatMap((label, i) => (label.region === region ? [{ ...label, i }] : []))
        const requests = labels.map(({ key, t, commits }) => ({ keys: { user_id: key }, t, commits }))
        let at = 0
        for await (const found of recompute({ ...one, logs, region }, requests)) {
          if ('problem' in found) throw new Error(found.problem)
          expect(found.values.map(shown), `seed ${seed * 1_000}`).toEqual(held[labels[at++]?.i ?? 0]?.map(shown))
        }
        expect(at).toBe(labels.length)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
})

async function writeLog(r: Random, one: Case, folder: string): Promise<void> {
  const objects = new FileObjects(folder)
  for (const [place, part] of one.parts.entries()) {
    const entries = one.entries.filter((entry) => entry.part === place)
    const rows = entries.map(({ row }) => row)
    const older = contractOf(one, -1)
    const segments: Segment[] = []
    for (let at = 0; at < rows.length; ) {
      const isNow = entries[at]?.contract === one.source
      const few = entries.slice(at, at + r.int(1, 40))
      const other = few.findIndex(({ contract }) => (contract === one.source) !== isNow)
      const own = rows.slice(at, at + (other < 0 ? few.length : other))
      at += own.length
      const contract = isNow ? 1 : 2
      const builder = new SegmentBuilder(isNow ? one.source : older)
      for (const row of own) builder.add(row)
      const { entity, region, epoch, shard } = part.shard
      const footer = { format: 1, source: 'activity', entity, region, epoch, shard, contract }
      const bytes = await builder.finish(footer, async () => {})
      const seqs = own.map(({ seq }) => seq)
      const about = {
        source: 'activity',
        contract,
        fromSeq: Math.min(...seqs),
        toSeq: Math.max(...seqs),
        fromMs: 0,
        toMs: 0,
        fromArrivalMs: own[0]?.availableAtMs ?? 0,
        toArrivalMs: own.at(-1)?.availableAtMs ?? 0,
      }
      const key = segmentKey(part.shard, about)
      await objects.put(key, bytes)
      segments.push({
        key,
        ...about,
        rows: own.length,
        bytes: bytes.length,
        sha256: await sha256(bytes),
        order: 'commit',
      })
    }
    const manifest: Manifest = {
      format: MANIFEST_FORMAT,
      ...part,
      availableAtMs: rows.at(-1)?.availableAtMs ?? 0,
      contracts: [
        { number: 1, source: one.source },
        { number: 2, source: older },
      ],
      removed: [],
      segments,
    }
    await objects.put(manifestKey(part.shard), writeManifest(manifest))
  }
}

test('imported rows without a rule are refused as served, by source and file, and taken by lag', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-oracle-'))
  try {
    const r = random(3)
    const one = randomCase(r)
    const ruleless = one.entries.map((entry) => ({
      ...entry,
      row: { ...entry.row, imported: { availableAtMs: null } },
    }))
    await writeLog(r, { ...one, entries: ruleless }, folder)
    const logs = await openLog(folder)
    const asked = async (mode: Mode, commits: readonly string[] | null) => {
      const requests = [{ keys: { user_id: KEY }, t: 2e12, commits }]
      for await (const found of recompute({ ...one, logs, region: 'weur', mode }, requests)) return found
      return undefined
    }
    const message = /source activity: \d+ rows of .*\.parquet were imported without a rule/
    await expect(asked({ kind: 'as-served' }, null)).rejects.toThrow(message)
    expect(await asked({ kind: 'lag', lagMs: 1 }, null)).toHaveProperty('values')
    expect(await asked({ kind: 'as-served' }, [])).toHaveProperty('values')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
