/** A change of the shard counts, for people: at most 100 columns wide. */
import { type Paint, printable } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'
import type { ShardStatus } from './client.ts'
import type { Move, ReshardPlan } from './plan.ts'
import type { Outcome } from './run.ts'

const HEADINGS = ['', 'shards', 'each of', 'about', 'in storage'] as const

/** The plan as a table: what has how many shards, and what there is to copy. */
export function planText(
  region: string,
  { step, from, to, moves }: ReshardPlan,
  sizes: ReadonlyMap<Move, readonly ShardStatus[]>,
  { bold, dim }: Paint,
): string {
  const rows = moves.map((move) => {
    const { kind, name, from: before, to: after } = move
    const shards = sizes.get(move) ?? []
    const entities = shards.reduce((sum, one) => sum + one.entities, 0)
    const bytes = shards.reduce((sum, one) => sum + one.bytes, 0)
    const what = kind === 'table' ? 'rows' : 'entities'
    const children = after / before
    return [
      `${kind} ${printable(name)}`,
      `${before} -> ${after}`,
      children === 1 ? 'one becomes one' : `one becomes ${children}`,
      `${grouped(entities)} ${what}`,
      bytesText(bytes),
    ]
  })
  const widths = HEADINGS.map((heading, i) => Math.max(heading.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  const what = step === 'prepare' ? 'to fill while the old one serves' : 'deployed, to be opened'
  return [
    bold(`region ${printable(region)}: epoch ${from} -> ${to} (${what})`),
    '',
    dim(line(HEADINGS)),
    ...rows.map(line),
  ].join('\n')
}

/** What was done, and what is next. */
export function doneText(
  region: string,
  { step, to }: ReshardPlan,
  outcomes: readonly Outcome[],
  paint: Paint,
): string {
  const entities = outcomes.reduce((sum, { status }) => sum + (status.taken?.cells ?? 0), 0)
  const bytes = outcomes.reduce((sum, { status }) => sum + (status.taken?.bytes ?? 0), 0)
  if (step === 'prepare') {
    return [
      paint.good(
        `${countOf(outcomes)} of epoch ${to} have ${grouped(entities)} entities and rows, ${bytesText(bytes)}.`,
      ),
      `Next, soon: make \`next\` the epoch of region ${printable(region)}, move what it was to \`previous\`, deploy, and run this again.`,
    ].join('\n')
  }
  const pauses = outcomes.map(({ status }) => status.taken?.pauseMs ?? 0).sort((a, b) => a - b)
  const slowest = [...outcomes]
    .sort((a, b) => (b.status.taken?.pauseMs ?? 0) - (a.status.taken?.pauseMs ?? 0))
    .slice(0, 3)
  const at = (share: number) => pauses[Math.min(pauses.length - 1, Math.floor(share * pauses.length))] ?? 0
  return [
    paint.good(`${countOf(outcomes)} of epoch ${to} are open.`),
    `Pause of a shard: ${at(0.5)} ms in the middle, ${pauses.at(-1) ?? 0} ms at most.`,
    ...slowest.map(({ of, shard, status }) =>
      paint.dim(`  ${of.kind} ${printable(of.name)}, shard ${shard}: ${status.taken?.pauseMs ?? 0} ms`),
    ),
    `\`previous\` stays in regions.ts: it says where these shards came from.`,
  ].join('\n')
}

const countOf = (outcomes: readonly Outcome[]): string =>
  outcomes.length === 1 ? '1 shard' : `${grouped(outcomes.length)} shards`

const UNITS = ['bytes', 'KB', 'MB', 'GB'] as const

export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}
