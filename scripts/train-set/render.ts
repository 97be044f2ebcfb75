/** What `npx tidemark train` says of a set that is done. */
import type { SetManifest } from '../../src/offline/node/index.ts'
import type { Paint } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'

const HEAD = ['feature', 'null', 'present', 'empty', 'missing', 'other', 'inexact']

/** The set in a few lines, and a table of its features. */
export function setText(manifest: SetManifest, out: string, paint: Paint): string {
  const { rows, features, counts, mode, region, labels, definitions } = manifest
  const lines = features.map((name) => {
    const { nullShare, statuses, inexact } = counts[name] as SetManifest['counts'][string]
    const { present = 0, empty = 0, missing = 0, ...rest } = statuses
    const other = Object.values(rest).reduce((sum, count) => sum + count, 0)
    const share = (count: number): string => (count === 0 ? '-' : percent(count / rows))
    return [name, nullShare === 0 ? '-' : percent(nullShare), ...[present, empty, missing, other, inexact].map(share)]
  })
  const widths = HEAD.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`
  const seen =
    labels.byCommits === rows ? 'by the commits of each label' : [mode, region].filter(Boolean).join(', as in ')
  const leak =
    mode === 'ideal'
      ? [paint.warn('ideal: labels see what nobody could know at their time. Do not judge a model by it.')]
      : []
  return [
    `${paint.bold(out)}: ${grouped(rows)} rows, ${features.length} features of ${manifest.service}, ${seen}`,
    ...leak,
    ...gaps(manifest).map(paint.warn),
    '',
    paint.dim(line(HEAD)),
    ...lines.map(line),
    '',
    paint.dim(`${out}.manifest.json has what it takes to make it again (definitions ${definitions.slice(0, 12)}).`),
  ].join('\n')
}

/** Logs that do not have everything: labels that reach back before see too little. */
function gaps({ log }: SetManifest): string[] {
  return log.flatMap(({ shard: { region, entity, epoch, shard }, fromSeq, previous, removed }) => {
    const name = `the log of ${region}/${entity}/${epoch}/${shard}`
    const begun =
      (previous?.seq ?? 0) + 1 < fromSeq
        ? [`${name} begins at commit ${fromSeq}: what came before is in no value.`]
        : []
    const kept = removed.filter(({ why }) => why === 'retention').map(({ beforeMs = 0 }) => beforeMs)
    if (kept.length === 0) return begun
    const before = new Date(Math.max(...kept)).toISOString()
    return [...begun, `${name} was kept for a while only: what arrived before ${before} is in no value.`]
  })
}

const percent = (share: number): string => (share > 0 && share < 0.0005 ? '<0.1%' : `${(share * 100).toFixed(1)}%`)
