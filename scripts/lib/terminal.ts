/** Text for people at a terminal. */

/** Marks up a text, or leaves it as it is where colours are not wanted. */
export interface Paint {
  bold(text: string): string
  dim(text: string): string
  warn(text: string): string
  good(text: string): string
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** Colours on a terminal, unless NO_COLOR is set (https://no-color.org); FORCE_COLOR asks for them anywhere. */
export function paint(
  output: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Paint {
  const isWanted = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0'
  const isOn = !env.NO_COLOR && (isWanted || output.isTTY === true)
  const mark = (on: number, off: number) => (text: string) => (isOn ? `\u001b[${on}m${text}\u001b[${off}m` : text)
  return { bold: mark(1, 22), dim: mark(2, 22), warn: mark(33, 39), good: mark(32, 39) }
}

/** A length of time in words: `3 hours`. */
export function age(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} days`
  if (ms >= 2 * HOUR_MS) return `${Math.floor(ms / HOUR_MS)} hours`
  if (ms >= 2 * MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} minutes`
  return 'less than two minutes'
}

/** A length of time in a table's cell: `3 h`, at most 6 characters below a thousand days. */
export function shortAge(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} d`
  if (ms >= 2 * HOUR_MS) return `${Math.floor(ms / HOUR_MS)} h`
  if (ms >= 2 * MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  return ms < 1_000 ? '< 1 s' : `${Math.floor(ms / 1_000)} s`
}

/** `2026-01-31 12:00:00`, UTC. */
export const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

/** One printable line of at most `width` characters; `isPart`: there is more of it elsewhere. */
export function cut(text: string, width: number, isPart = false): string {
  const line = printable(text).replaceAll(/\s+/g, ' ')
  return line.length > width || isPart ? `${line.slice(0, width - 3)}...` : line
}

/** Printable lines of at most `width` characters, broken between words where there are any. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(/\s+/).filter(Boolean)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
    for (; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width))
  }
  if (line !== '') lines.push(line)
  return lines
}

/** What a sender wrote must not move the cursor or colour the screen of who reads it. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
