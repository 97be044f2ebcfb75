/** Dead letters for people: counts by reason first, then the newest letters. At most 100 columns wide. */
import type { LetterList, ListedLetter } from '../../src/dead-letters/index.ts'
import { age, clock, cut, type Paint, printable } from '../lib/terminal.ts'
import { grouped } from '../start/progress.ts'

const WIDTH = 100
const BAR_WIDTH = 40

/** `where`: what was asked, for the heading. */
export function listText(list: LetterList, where: string, paint: Paint, nowMs: number): string {
  const { bold, dim, warn } = paint
  const { count, byReason, totals, oldestKeptMs, matching, letters } = list
  const gone = [
    `${grouped(totals.kept)} ever`,
    ...(['replayed', 'dropped', 'expired', 'overflowed'] as const)
      .filter((name) => totals[name] > 0)
      .map((name) => `${grouped(totals[name])} ${name}`),
  ]
  const lines = [bold(`${grouped(count)} dead ${count === 1 ? 'letter' : 'letters'} of ${where}`)]
  lines.push(
    dim(`${gone.join(', ')}${oldestKeptMs === null ? '' : `; the oldest is ${age(nowMs - oldestKeptMs)} old`}`),
    '',
  )
  const reasons = Object.entries(byReason).sort(([, a], [, b]) => b - a)
  const most = Math.max(1, ...reasons.map(([, n]) => n))
  const nameWidth = Math.max(0, ...reasons.map(([reason]) => reason.length))
  const numberWidth = Math.max(0, ...reasons.map(([, n]) => grouped(n).length))
  for (const [reason, n] of reasons) {
    const bar = '█'.repeat(Math.max(1, Math.round((n / most) * BAR_WIDTH)))
    lines.push(`  ${warn(reason.padEnd(nameWidth))}  ${grouped(n).padStart(numberWidth)}  ${dim(bar)}`)
  }
  if (reasons.length > 0) lines.push('')
  if (matching < count)
    lines.push(`${grouped(matching)} of them ${matching === 1 ? 'fits' : 'fit'} what was asked for.`, '')
  for (const letter of letters) lines.push(...rowText(letter, paint), '')
  if (letters.length > 0 && letters.length < matching) {
    lines.push(
      dim(`The newest ${grouped(letters.length)} of ${grouped(matching)}; --limit N shows more, show ID one in full.`),
    )
  } else if (letters.length > 0) lines.push(dim('show ID prints one in full.'))
  return lines.join('\n').trimEnd()
}

function rowText(
  { id, reason, field, message, payload, payloadUnits, keptMs, times, replayable }: ListedLetter,
  { dim, warn }: Paint,
) {
  const notes = [...(times > 1 ? [`came ${grouped(times)} times`] : []), ...(replayable ? [] : ['cannot be replayed'])]
  const about = `${warn(reason)}${field === undefined ? '' : ` ${field}`}`
  return [
    `${clock(keptMs)}  ${about}${notes.length === 0 ? '' : dim(`  ${notes.join(', ')}`)}`,
    `  ${cut(message, WIDTH - 2)}`,
    `  ${dim(`${id}  ${cut(payload, WIDTH - 4 - id.length, payloadUnits > payload.length)}`)}`,
  ]
}

/** One letter with everything that is known of it. */
export function letterText(letter: ListedLetter, { bold, dim, warn }: Paint): string {
  const { payload, payloadUnits } = letter
  const isPart = payload.length < payloadUnits
  const facts: [string, string | undefined][] = [
    ['source', letter.source],
    ['reason', warn(letter.reason)],
    ['field', letter.field],
    ['message', letter.message],
    ['arrived', new Date(letter.arrivalMs).toISOString()],
    ['event time', letter.eventTimeMs === undefined ? undefined : new Date(letter.eventTimeMs).toISOString()],
    ['position', letter.position],
    ['event id', letter.eventId],
    ['refused by', letter.by.join(', ')],
    ['times', grouped(letter.times)],
    ['replayable', letter.replayable ? 'yes' : isPart ? 'no: only a part was kept' : 'no: it is no JSON'],
  ]
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined)
  const size = isPart
    ? `the first ${grouped(payload.length)} of ${grouped(payloadUnits)} characters`
    : `${grouped(payloadUnits)} characters`
  return [
    bold(`dead letter ${letter.id}`),
    ...known.map(([name, value]) => `  ${name.padEnd(12)}${value}`),
    '',
    dim(size),
    printable(payload),
  ].join('\n')
}
