/** What an import has done, for people. */
import { cut, type Paint, printable } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'
import type { Tally } from './tally.ts'

export interface Summary {
  readonly source: string
  readonly files: number
  readonly seconds: number
  readonly isDryRun: boolean
  readonly tally: Tally
}

const REASON_WIDTH = 20

export function summaryText(
  { source, files, seconds, isDryRun, tally }: Summary,
  { bold, dim, warn, good }: Paint,
): string {
  const { rows, accepted, duplicates, forwarded, refused, reasons } = tally
  const took = `${seconds.toFixed(1)} s`
  const what = `${grouped(rows)} ${rows === 1 ? 'row' : 'rows'} of ${files === 1 ? 'one file' : `${grouped(files)} files`}`
  const lines = [`${bold(source)}: ${what} ${isDryRun ? 'checked, nothing was sent,' : 'imported'} in ${took}`]
  const line = (name: string, count: number, note = '') =>
    lines.push(`  ${name.padEnd(REASON_WIDTH)}${grouped(count).padStart(12)}${note === '' ? '' : `  ${dim(note)}`}`)
  line(isDryRun ? 'keep the contract' : 'accepted', accepted)
  if (!isDryRun) line('duplicates', duplicates, duplicates > 0 ? 'were there already' : '')
  if (forwarded > 0) line('forwarded', forwarded, 'on their way to the region that keeps them')
  line('refused', refused)
  for (const [reason, { count, first }] of Object.entries(reasons).sort(([, a], [, b]) => b.count - a.count)) {
    lines.push(`    ${warn(reason.padEnd(REASON_WIDTH - 2))}${grouped(count).padStart(12)}`)
    for (const { at, message } of first) lines.push(`      ${printable(at)}  ${dim(cut(message, 160))}`)
  }
  if (refused > 0 && !isDryRun) lines.push(`  Refused rows are kept: npx tidemark dead-letters --source ${source}`)
  else if (refused === 0) lines.push(`  ${good(isDryRun ? 'Every row keeps the contract.' : 'Nothing was refused.')}`)
  return lines.join('\n')
}

/** One JSON object for programs. */
export function summaryJson({ source, files, seconds, isDryRun, tally }: Summary, isDone: boolean): string {
  const { reasons, ...counts } = tally
  const refusals = Object.entries(reasons).map(([reason, one]) => ({ reason, ...one }))
  return JSON.stringify({ source, files, ...counts, refusals, seconds, dryRun: isDryRun, done: isDone })
}
