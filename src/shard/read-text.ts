import type { ReadAnswer, ReadMessage, RowText, ShardUnavailable } from './messages.ts'

/**
 * Reads and their answers as one text each: over RPC a text costs a seventh of an array of objects. Control characters cut
 * the parts, since neither JSON nor an encoded number holds one.
 */
const ROW = '\n'
const FIELD = '\u001f'

/** The message of a read as text; keys may hold any character, so it is JSON. */
export const writeRead = (message: ReadMessage): string => JSON.stringify(message)

export const parseRead = (text: string): ReadMessage => JSON.parse(text) as ReadMessage

/** An answer that has rows is `seq`, then a line a row; any other is JSON, which starts with a brace. */
export function writeReadAnswer(answer: ReadAnswer | ShardUnavailable): string {
  if (!('rows' in answer)) return JSON.stringify(answer)
  let text = String(answer.seq)
  for (const { values, statuses, exact, eventTimeMs, since, reasons } of answer.rows) {
    text += ROW + values + FIELD + statuses + FIELD + exact + FIELD + (eventTimeMs ?? '')
    if (since !== undefined || reasons !== undefined) text += FIELD + JSON.stringify({ since, reasons })
  }
  return text
}

export function parseReadAnswer(text: string): ReadAnswer | ShardUnavailable {
  if (text.startsWith('{')) return JSON.parse(text) as ReadAnswer | ShardUnavailable
  const lines = text.split(ROW)
  const rows: RowText[] = []
  for (let i = 1; i < lines.length; i++) {
    const [values = '', statuses = '', exact = '', time = '', notes] = (lines[i] as string).split(FIELD)
    const row = { values, statuses, exact, eventTimeMs: time === '' ? null : Number(time) }
    rows.push(notes === undefined ? row : { ...row, ...(JSON.parse(notes) as Pick<RowText, 'since' | 'reasons'>) })
  }
  return { rows, seq: Number(lines[0]) }
}
