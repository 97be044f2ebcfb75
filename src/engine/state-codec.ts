import { type ByteReader, CorruptBytes } from '../util/byte-reader.ts'
import { ByteWriter } from '../util/byte-writer.ts'
import { checksum32 } from '../util/checksum.ts'
import type { Column } from './aggregate.ts'
import { type EntityPlan, EntityState } from './entity-state.ts'
import { evolveView } from './evolve.ts'
import { identityOf, layoutOf } from './layout.ts'
import type { ViewPlan } from './plan.ts'
import type { Rows, Sign } from './rows.ts'
import type { TileLevel } from './tiles.ts'
import { decodeValues, encodeValues } from './values.ts'
import { ViewState } from './view-state.ts'
import { UNBOUNDED } from './windows.ts'

/**
 * Written first; a reader refuses what is newer than it knows. Version 1 had no checksum, no signs of rows, no tails, and one
 * track of tiles a view; it is still read.
 */
export const STATE_VERSION = 2
const OLDEST_VERSION = 1
const CHECKSUM_BYTES = 4

/** Finds the plan of a view whose definition has changed since its bytes were written; undefined when it is not known. */
export type FindLayout = (layout: number) => ViewPlan | undefined

/** Appends the canonical bytes of a state: equal sets of accepted events give equal bytes. Settles it. */
export function encodeState(out: ByteWriter, state: EntityState): void {
  state.settle()
  const start = out.length
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
    encodeView(out, view, state.parts.length)
  }
  out.u32(checksum32(out.peek().subarray(start)))
}

function encodeView(out: ByteWriter, { plan, rows, tracks, tail, unseen }: ViewState, parts: number): void {
  encodeRows(out, rows, plan, parts)
  for (const track of tracks) for (const level of track.levels) encodeLevel(out, level)
  out.varint(unseen.size)
  for (const [accumulator, commits] of [...unseen].sort(([a], [b]) => a - b)) {
    out.varint(accumulator)
    for (let part = 0; part < parts; part++) out.varint(commits[part] ?? 0)
  }
  if (tail === null) return
  encodeRows(out, tail.rows, plan, parts)
  // One more, so that 0 is for none: event times are positive.
  out.varint(tail.letGo === -UNBOUNDED ? 0 : tail.letGo + 1)
}

function encodeRows(out: ByteWriter, rows: Rows, plan: ViewPlan, parts: number): void {
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
    encodeValues(out, rows.fields[i] as Rows['fields'][number], field.type)
  })
  const hasSigns = rows.signs?.some((sign) => sign !== 1) ?? false
  out.u8(hasSigns ? 1 : 0)
  if (hasSigns) for (const sign of rows.signs ?? []) out.u8(sign + 1)
}

function encodeLevel(out: ByteWriter, level: TileLevel): void {
  out.varint(level.length)
  if (level.length === 0) return
  let previous = 0
  for (let i = 0; i < level.length; i++) {
    const first = level.firsts[i] as number
    const index = indexOf(level, level.starts[i] as number)
    out.varint(index - previous)
    previous = index
    out.varint(first - baseOf(level, index))
    out.varint((level.lasts[i] as number) - first)
  }
  for (const i of level.kept) (level.columns[i] as Column).encode(out)
}

/** A tile by the number of its width; where cells cut it its start itself, and 0 for the one tile of everything. */
function indexOf({ widthMs, cutter }: TileLevel, start: number): number {
  if (cutter !== null) return start
  return widthMs === UNBOUNDED ? 0 : start / widthMs
}

/** What a tile's first time is counted from. */
function baseOf({ widthMs, cutter }: TileLevel, index: number): number {
  if (cutter !== null) return index
  return widthMs === UNBOUNDED ? 0 : index * widthMs
}

/**
 * Reads what `encodeState` wrote, to the reader's end. A view whose definition has changed since is carried over, one that is
 * gone is dropped. Throws `CorruptBytes` for damage, a newer version, or a layout that `findLayout` does not know.
 */
export function decodeState(
  bytes: ByteReader,
  plan: EntityPlan,
  findLayout: FindLayout = () => undefined,
): EntityState {
  const start = bytes.at
  const version = bytes.u8()
  if (version < OLDEST_VERSION || version > STATE_VERSION)
    throw new CorruptBytes(`state version ${version}; this engine reads ${OLDEST_VERSION} to ${STATE_VERSION}`)
  if (version > 1) checkSum(bytes, start)
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
    decodeView(bytes, view, parts, version)
    if (at >= 0) state.views[at] = view
    else carryOver(state, view)
  }
  const rest = bytes.end - bytes.at - (version > 1 ? CHECKSUM_BYTES : 0)
  if (rest !== 0) throw new CorruptBytes(`${rest} bytes after the end of the state`)
  return state
}

function checkSum(bytes: ByteReader, start: number): void {
  const end = bytes.end - CHECKSUM_BYTES
  if (end < bytes.at) throw new CorruptBytes('a state that ends before its checksum')
  const at = bytes.at
  bytes.at = end
  const written = bytes.u32()
  bytes.at = at
  if (checksum32(bytes.between(start, end)) !== written)
    throw new CorruptBytes('a state that its checksum does not fit')
}

function carryOver(state: EntityState, view: ViewState): void {
  const at = state.plan.findIndex((plan) => identityOf(plan) === identityOf(view.plan))
  const plan = state.plan[at]
  const commits = state.parts.map((part) => part.seq)
  if (plan !== undefined) state.views[at] = evolveView(view, plan, commits)
}

function decodeView(bytes: ByteReader, view: ViewState, parts: number, version: number): void {
  decodeRows(bytes, view.rows, view.plan, parts, version)
  for (const track of view.tracks) for (const level of track.levels) decodeLevel(bytes, level)
  if (version > 1) decodeUnseen(bytes, view, parts)
  if (view.tail === null) return
  decodeRows(bytes, view.tail.rows, view.plan, parts, version)
  const letGo = bytes.varint()
  view.tail.letGo = letGo === 0 ? -UNBOUNDED : letGo - 1
}

function decodeUnseen(bytes: ByteReader, view: ViewState, parts: number): void {
  for (let left = bytes.varint(); left > 0; left--) {
    const accumulator = bytes.varint()
    if (accumulator >= view.plan.accumulators.length) throw new CorruptBytes(`an accumulator ${accumulator}`)
    view.unseen.set(
      accumulator,
      Array.from({ length: parts }, () => bytes.varint()),
    )
  }
}

function decodeRows(bytes: ByteReader, rows: Rows, plan: ViewPlan, parts: number, version: number): void {
  const length = bytes.varint()
  if (length === 0) return
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
  if (version > 1 && bytes.u8() === 1) {
    const signs: Sign[] = []
    for (let i = 0; i < length; i++) signs.push((bytes.u8() - 1) as Sign)
    rows.signs = signs
  }
  rows.filled()
}

function decodeLevel(bytes: ByteReader, level: TileLevel): void {
  const length = bytes.varint()
  if (length === 0) return
  const isWhole = level.widthMs === UNBOUNDED && level.cutter === null
  let index = 0
  for (let i = 0; i < length; i++) {
    index += bytes.varint()
    const base = baseOf(level, index)
    level.starts.push(isWhole ? -UNBOUNDED : base)
    const first = base + bytes.varint()
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
