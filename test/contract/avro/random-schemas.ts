import type { Random } from '../../support/random.ts'

/** A schema as JSON, and a maker of values of it, in the form that avsc takes. */
export interface RandomType {
  readonly schema: unknown
  readonly value: (r: Random) => unknown
  /** JSON of a value, as this project writes it; written here apart from the code under test. */
  readonly json: (value: never) => unknown
}

const texts = ['', 'a', 'é', '😀', '"\\\n', 'x'.repeat(30), '\u2028', '__proto__']
// avsc 5.7 doubles a long as a float, and writes -(2^53) + 2 as its opposite: it is only right up to 2^52.
const longs = [0, 1, -1, 63, 64, -64, -65, 2 ** 31, -(2 ** 31), 2 ** 48, 2 ** 52, -(2 ** 52)]
const doubles = [0, -0, 1.5, -2.25, 1e300, 5e-324, 0.1, 123456789.123]

/** Numbers the names, so that no two types of a schema have the same. */
let names = 0
const unique = (kind: string) => `${kind}${names++}`

const base64 = (value: Buffer) => value.toString('base64')

export function randomType(r: Random, depth: number): RandomType {
  const kind = r.int(0, depth > 0 ? 13 : 8)
  switch (kind) {
    case 0:
      return { schema: 'null', value: () => null, json: () => null }
    case 1:
      return { schema: 'boolean', value: (v) => v.chance(0.5), json: (value) => value }
    case 2:
      return { schema: 'int', value: (v) => v.int(-(2 ** 31), 2 ** 31 - 1), json: (value) => value }
    case 3:
      return { schema: 'long', value: (v) => v.pick(longs), json: (value) => value }
    case 4:
      return { schema: 'double', value: (v) => v.pick(doubles), json: (value) => value }
    case 5:
      return { schema: 'float', value: (v) => Math.fround(v.pick(doubles.slice(0, 4))), json: (value) => value }
    case 6:
      return { schema: { type: 'string' }, value: (v) => v.pick(texts), json: (value) => value }
    case 7:
      return { schema: 'bytes', value: (v) => bytes(v, v.int(0, 40)), json: base64 }
    case 8:
      return randomNamed(r)
    case 9:
    case 10:
      return randomRecord(r, depth)
    case 11:
      return randomList(r, depth)
    case 12:
      return randomMap(r, depth)
    default:
      return randomUnion(r, depth)
  }
}

function bytes(r: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => r.int(0, 255)))
}

function randomNamed(r: Random): RandomType {
  if (r.chance(0.5)) {
    const size = r.int(0, 20)
    return { schema: { type: 'fixed', name: unique('Fixed'), size }, value: (v) => bytes(v, size), json: base64 }
  }
  const symbols = Array.from({ length: r.int(1, 9) }, (_, i) => `S${i}`)
  return {
    schema: { type: 'enum', name: unique('Enum'), symbols },
    value: (v) => v.pick(symbols),
    json: (value) => value,
  }
}

export function randomRecord(r: Random, depth: number): RandomType {
  const parts = Array.from({ length: r.int(0, 5) }, (_, i) => ({ name: `f${i}`, type: randomType(r, depth - 1) }))
  return {
    schema: {
      type: 'record',
      name: unique('Record'),
      ...(r.chance(0.3) && { namespace: 'a.b' }),
      fields: parts.map(({ name, type }) => ({ name, type: type.schema })),
    },
    value: (v) => Object.fromEntries(parts.map(({ name, type }) => [name, type.value(v)])),
    json: (value: Record<string, never>) =>
      Object.fromEntries(parts.map(({ name, type }) => [name, type.json(value[name] as never)])),
  }
}

function randomList(r: Random, depth: number): RandomType {
  const items = randomType(r, depth - 1)
  return {
    schema: { type: 'array', items: items.schema },
    value: (v) => Array.from({ length: v.int(0, 4) }, () => items.value(v)),
    json: (value: never[]) => value.map(items.json),
  }
}

function randomMap(r: Random, depth: number): RandomType {
  const values = randomType(r, depth - 1)
  return {
    schema: { type: 'map', values: values.schema },
    value: (v) => Object.fromEntries(Array.from({ length: v.int(0, 3) }, (_, i) => [`k${i}`, values.value(v)])),
    json: (value: Record<string, never>) =>
      Object.fromEntries(Object.entries(value).map(([key, item]) => [key, values.json(item)])),
  }
}

/** Null or one other: what nearly all unions are. avsc's own way to tell branches apart is not at issue here. */
function randomUnion(r: Random, depth: number): RandomType {
  let inner = randomType(r, depth - 1)
  while (inner.schema === 'null' || Array.isArray(inner.schema)) inner = randomType(r, depth - 1)
  const isFirst = r.chance(0.5)
  return {
    schema: isFirst ? ['null', inner.schema] : [inner.schema, 'null'],
    value: (v) => (v.chance(0.4) ? null : inner.value(v)),
    json: (value) => (value === null ? null : inner.json(value)),
  }
}
