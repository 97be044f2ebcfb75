import { type ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { murmur32 } from '../util/murmur3.ts'
import type { Column } from './aggregate.ts'
import { type EntityPlan, EntityState } from './entity-state.ts'
import { evolveView } from './evolve.ts'
import { UNBOUNDED, type ViewPlan } from './plan.ts'
import type { Value } from './spec.ts'
import type { TileLevel } from './tiles.ts'
import { decodeValues, encodeValues } from './values.ts'
import { ViewState } from './view-state.ts'

/** Written first; a reader refuses what is newer than it knows. */
export const STATE_VERSION = 1

const layouts = new WeakMap<ViewPlan, number>()

/** Names what the bytes of a view depend on: its fields, accumulators and levels. Equal layouts read each other's bytes. */
export function layoutOf(plan: ViewPlan): number {
  let layout = layouts.get(plan)
  if (layout === undefined) {
    layout = murmur32(
      canonicalJson({
        view: identityOf(plan),
        fields: plan.fields,
        accumulators: plan.accumulators.map((a) => a.identity),
        levels: plan.levels.map((l) => ({ width: String(l.widthMs), keeps: l.accumulators })),
      }),
    )
    layouts.set(plan, layout)
  }
  return layout
}

/** A view of another source or other keys is another view, also under the same name: nothing of its state fits. */
export const identityOf = ({ spec, types }: ViewPlan): string =>
  canonicalJson([spec.name, spec.source, spec.key, Object.values(spec.key).map((field) => types.get(field) ?? null)])

/** Finds the plan of a view whose definition has changed since its bytes were written; undefined when it is not known. */
export type FindLayout = (layout: number) => ViewPlan | undefined

/** Appends the canonical bytes of a state: equal sets of accepted events give equal bytes. Settles it. */
export function encodeState(out: ByteWriter, state: EntityState): void {
  state.settle()
  out.u8(STATE_VERSION)
  out.varint(state.mark)
  out.varint(state.parts.length)
  for (const { region, epoch, shard, seq } of state.parts) {
    out.varint(region)
    out.varint(epoch)
    out.varint(shard)
    out.varint(seq)
  }
  const present = state.views.filter((view): view is ViewState => view !== null && !view.isEmpty)
  out.varint(present.length)
  for (const view of present) {
    out.u32(layoutOf(view.plan))
    encodeRows(out, view, state.parts.length)
    for (const level of view.levels) encodeLevel(out, level)
  }
}

function encodeRows(out: ByteWriter, { rows, plan }: ViewState, parts: number): void {
  out.varint(rows.length)
  if (rows.length === 0) return
  let time = 0
  for (const next of rows.times) {
    out.varint(next - time)
    time = next
  }
  if (parts > 1) for (const part of rows.parts) out.varint(part)
  let seq = 0
  for (const next of rows.seqs) {
    out.zigzag(next - seq)
    seq = next
  }
  plan.fields.forEach((field, i) => {
    encodeValues(out, rows.fields[i] as Value[], field.type)
  })
}

function encodeLevel(out: ByteWriter, level: TileLevel): void {
  out.varint(level.length)
  if (level.length === 0) return
  let index = 0
  for (let i = 0; i < level.length; i++) {
    const next = level.indexes[i] as number
    out.varint(next - index)
    index = next
    const first = level.firsts[i] as number
    out.varint(level.widthMs === UNBOUNDED ? first : first - next * level.widthMs)
    out.varint((level.lasts[i] as number) - first)
  }
  for (const i of level.kept) (level.columns[i] as Column).encode(out)
}

/**
 * Reads what `encodeState` wrote. A view whose definition has changed since is carried over, one that is gone is dropped.
 * Throws `CorruptBytes` for damage, a newer version, or a layout that `findLayout` does not know.
 */
export function decodeState(
  bytes: ByteReader,
  plan: EntityPlan,
  findLayout: FindLayout = () => undefined,
): EntityState {
  const version = bytes.u8()
  if (version !== STATE_VERSION) throw new CorruptBytes(`state version ${version}; this engine reads ${STATE_VERSION}`)
  const state = new EntityState(plan)
  state.mark = bytes.varint()
  const parts = bytes.varint()
  for (let i = 0; i < parts; i++) {
    state.parts.push({ region: bytes.varint(), epoch: bytes.varint(), shard: bytes.varint(), seq: bytes.varint() })
  }
  const present = bytes.varint()
  for (let i = 0; i < present; i++) {
    const layout = bytes.u32()
    const at = plan.findIndex((view) => layoutOf(view) === layout)
    const written = plan[at] ?? findLayout(layout)
    if (written === undefined) throw new CorruptBytes(`state of layout ${layout}, which no known definition has`)
    const view = new ViewState(written)
    decodeView(bytes, view, parts)
    if (at >= 0) state.views[at] = view
    else carryOver(state, view)
  }
  return state
}

function carryOver(state: EntityState, view: ViewState): void {
  const at = state.plan.findIndex((plan) => identityOf(plan) === identityOf(view.plan))
  const plan = state.plan[at]
  if (plan !== undefined) state.views[at] = evolveView(view, plan)
}

function decodeView(bytes: ByteReader, view: ViewState, parts: number): void {
  const { rows, plan } = view
  const length = bytes.varint()
  if (length > 0) {
    let time = 0
    for (let i = 0; i < length; i++) {
      time += bytes.varint()
      rows.times.push(time)
    }
    for (let i = 0; i < length; i++) rows.parts.push(parts > 1 ? bytes.varint() : 0)
    let seq = 0
    for (let i = 0; i < length; i++) {
      seq += bytes.zigzag()
      rows.seqs.push(seq)
    }
    plan.fields.forEach((field, i) => {
      rows.fields[i] = decodeValues(bytes, length, field.type)
    })
    rows.filled()
  }
  for (const level of view.levels) decodeLevel(bytes, level)
}

function decodeLevel(bytes: ByteReader, level: TileLevel): void {
  const length = bytes.varint()
  if (length === 0) return
  let index = 0
  for (let i = 0; i < length; i++) {
    index += bytes.varint()
    level.indexes.push(index)
    const offset = bytes.varint()
    const first = level.widthMs === UNBOUNDED ? offset : offset + index * level.widthMs
    level.firsts.push(first)
    level.lasts.push(first + bytes.varint())
  }
  for (const i of level.kept) (level.columns[i] as Column).decode(bytes, length)
}

const shared = new ByteWriter()
/** The canonical bytes of a state, in an array of their own. */
export function stateBytes(state: EntityState): Uint8Array {
  encodeState(shared.reset(), state)
  return shared.finish()
}
