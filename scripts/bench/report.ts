/** How results are shown: one JSON object a line for programs, an aligned table for people. Pure. */
import { aims, type Result, type RowName } from './rows.ts'

/** Lines of cells as aligned text; the first line is the head. Numbers, in the second column, are set right. */
export function table(lines: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const line of lines) {
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  }
  const text = (line: readonly string[]) =>
    line
      .map((cell, i) => (i === 1 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  return lines.map(text).join('\n')
}

export function jsonLine(result: Result): string {
  return JSON.stringify(result)
}

/** All results with their aims. */
export function report(results: readonly Result[]): string {
  const head = ['name', 'value', 'unit', 'aim', 'no-op', 'note']
  const lines = results.map(({ name, value, unit, noop, note }) => [
    name,
    short(value),
    unit,
    aimOf(name),
    noop === undefined ? '' : short(noop),
    note ?? '',
  ])
  return table([head, ...lines])
}

const aimOf = (name: RowName): string => (name in aims ? aims[name as keyof typeof aims] : '')

/** Four figures that mean something, whatever the size. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(4)))
}
