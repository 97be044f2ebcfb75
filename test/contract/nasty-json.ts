import type { Random } from '../support/random.ts'

// No key starts with a backslash: after one at a place, V8 13.6 takes an escaped key of one letter at the same place for it
// (JSON.parse('{"a":1,"\\\\":2}'), then JSON.parse('{"a":1,"\\u006e":2}') has the key "\\").
const keys = ['uid', 'a', 'key', 'b', 'UID', 'uid"', 'ui', '', 'b\\', '__proto__x', 'é', '😀']
const strings = [
  '',
  'x',
  'uid',
  '"uid":"x"',
  'a"b',
  '},{',
  '[]',
  '\\',
  '\\"',
  '\n',
  'é',
  '😀',
  '\u2028',
  '{"',
  '":',
  ',',
]

/** A value that is hard on scanners: brackets, quotes and backslashes in texts, nesting, names that are also values. */
export function nastyValue(r: Random, depth: number): unknown {
  const kind = r.int(0, depth > 0 ? 6 : 4)
  if (kind === 0) return r.pick(strings) + r.pick(strings)
  if (kind === 1) return r.pick([0, 1, -1, 42, 1.5, 1e21, -7, 123456789012345, true, false])
  if (kind === 2) return r.pick([true, false, null])
  if (kind === 3) return String(r.int(0, 1000))
  if (kind === 4) return r.int(-1000, 1000)
  if (kind === 5) return Array.from({ length: r.int(0, 3) }, () => nastyValue(r, depth - 1))
  return nastyEvent(r, depth - 1)
}

export function nastyEvent(r: Random, depth: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: r.int(0, 6) }, () => [r.pick(keys), nastyValue(r, depth)]))
}

/** JSON text of a value with random white space, escapes and repeated keys; `plain` without those. */
export function nastyText(r: Random, value: unknown, plain = false): string {
  if (plain) return JSON.stringify(value)
  const space = () => (r.chance(0.2) ? r.pick([' ', '\n', '\t', '\r\n', '  ']) : '')
  const write = (v: unknown): string => {
    if (typeof v === 'string') {
      const text = JSON.stringify(v)
      return r.chance(0.1)
        ? `"${[...v].map((c) => [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join('')}"`
        : text
    }
    if (Array.isArray(v)) return `[${space()}${v.map((item) => write(item) + space()).join(`,${space()}`)}]`
    if (typeof v !== 'object' || v === null) return JSON.stringify(v)
    const members = Object.entries(v).flatMap(([key, item]) => {
      const member = `${write(key)}${space()}:${space()}${write(item)}${space()}`
      return r.chance(0.1) ? [`${write(key)}:${write(r.pick(['old', 1, null, { uid: 'old' }]))}`, member] : [member]
    })
    return `{${space()}${members.join(`,${space()}`)}}`
  }
  return write(value)
}
