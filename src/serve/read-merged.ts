import { type Plan, sliceShard, spreadOf, type VectorRun } from '../plan/index.ts'
import { type History, LETTER_OF, type RowText, type SinceTable, VectorReader } from '../shard/index.ts'
import { mergedSince, mergedState } from './merge.ts'
import type { Part, PartRequest } from './part.ts'
import { readParts } from './parts.ts'
import type { Reach } from './reach.ts'
import { commitOf, type KeyRead, oldestParts, type PartAge, type RunFailure, type RunRead } from './run.ts'

/** Compiled readers that are held: one a run of a service, or a list of features. */
const MOST_READERS = 64

/** Reads a run of features here, from the parts of every region and slice that may have one. */
export async function readMerged(
  plan: Plan,
  reach: Reach,
  read: RunRead,
): Promise<readonly KeyRead[] | { failed: RunFailure }> {
  const { entity, keys, after, t } = read
  const { name } = entity.spec
  const spread = spreadOf(entity)
  const requests: PartRequest[] = []
  const holders = reach.holders(entity).map((region) => {
    return { region, own: after.filter((commit) => commit.region === region.region && commit.entity === name) }
  })
  for (const key of keys) {
    for (const { region, own } of holders) {
      for (let slice = 0; slice < spread; slice++) {
        const shard = sliceShard(key, slice, region.shardsOf(name))
        requests.push({ entity, key, slice, region, shard, ...(own.length > 0 && { after: own }) })
      }
    }
  }
  const found = await readParts(plan, reach, requests, read.maxStalenessMs)
  const reader = readerOf(plan, read.vector.runs[read.run] as VectorRun)
  const each = requests.length / keys.length
  const rows: KeyRead[] = []
  for (let k = 0; k < keys.length; k++) {
    const own = requests.slice(k * each, (k + 1) * each)
    const parts: { readonly request: PartRequest; readonly part: Part }[] = []
    const ages: PartAge[] = []
    let isDamaged = false
    for (let i = 0; i < each; i++) {
      const request = own[i] as PartRequest
      const part = found[k * each + i]
      const { region } = request.region
      if (part === undefined) {
        ages.push({ region, ageMs: null })
        continue
      }
      if ('damaged' in part) {
        isDamaged = true
        ages.push({ region, ageMs: 0, tier: 'shard' })
        continue
      }
      if ('notYet' in part)
        return { failed: { notYet: commitOf(region, request.region.epoch, name, request.shard, part.notYet) } }
      parts.push({ request, part })
      ages.push({ region, ageMs: Math.max(0, reach.now() - part.asOfMs), tier: part.tier })
    }
    if (isDamaged) {
      rows.push({ text: reader.damaged(), commits: [], parts: each === 1 ? ages : oldestParts(ages) })
      continue
    }
    if (parts.length === 0)
      return { failed: { unavailable: `no part of ${name} could be read: neither its shards nor a store answered` } }
    const row = finalise(
      reader,
      parts.map(({ part }) => part),
      t,
    )
    if (typeof row === 'number') return { failed: { tooOld: { key: k, oldestMs: row } } }
    const commits = parts.flatMap(({ request, part: { epoch, shard, seq } }) =>
      shard === null ? [] : [commitOf(request.region.region, epoch, name, shard, seq)],
    )
    const text = parts.length < each ? undercounting(row) : row
    rows.push({ text, commits, parts: each === 1 ? ages : oldestParts(ages) })
  }
  return rows
}

const readers = new WeakMap<Plan, Map<string, VectorReader>>()

function readerOf(plan: Plan, { ref, entity, features }: VectorRun): VectorReader {
  let known = readers.get(plan)
  if (known === undefined) {
    known = new Map()
    readers.set(plan, known)
  }
  let reader = known.get(ref)
  if (reader === undefined) {
    if (known.size >= MOST_READERS) known.clear()
    // Each read brings its own: it depends on the parts.
    reader = new VectorReader(entity, features, () => Number.POSITIVE_INFINITY)
    known.set(ref, reader)
  }
  return reader
}

/** The row of all parts together; the earliest time that can be read when `t` is before that. */
function finalise(reader: VectorReader, parts: readonly Part[], t: number): RowText | number {
  const state = mergedState(parts.map((part) => part.state))
  if (state === null) return reader.row(null, t)
  const oldestMs = reader.oldest(state.mark)
  return t < oldestMs ? oldestMs : reader.row(state, t, sincesOf(reader, parts))
}

const tables = new WeakMap<
  History,
  { histories: readonly (History | null)[]; reader: VectorReader; table: SinceTable }
>()

/** A part whose history is not known makes everything partial. */
function sincesOf(reader: VectorReader, parts: readonly Part[]): SinceTable {
  const histories = parts.map(({ history }) => history)
  const [first = null] = histories
  const known = first === null ? undefined : tables.get(first)
  const isAlike = known?.reader === reader && known.histories.length === histories.length
  if (isAlike && histories.every((history, i) => history === known.histories[i])) return known.table
  const all = histories.filter((history) => history !== null)
  const isKnown = all.length === histories.length
  const table = reader.sinceTable((feature) => (isKnown ? mergedSince(feature, all) : Number.POSITIVE_INFINITY))
  if (first !== null) tables.set(first, { histories, reader, table })
  return table
}

const PARTIAL: Readonly<Record<string, string>> = {
  [LETTER_OF.present]: LETTER_OF.partial,
  [LETTER_OF.empty]: LETTER_OF.partial,
  [LETTER_OF.missing]: LETTER_OF.partial,
}

/** A row that lacks a part: each value may be too small. */
function undercounting(row: RowText): RowText {
  return { ...row, statuses: Array.from(row.statuses, (letter) => PARTIAL[letter] ?? letter).join('') }
}
