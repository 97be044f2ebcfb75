import type { FieldType, ScalarType } from '../../../src/engine/index.ts'
import type { Random } from '../../support/random.ts'

/** A writer's type for a field, and values of it that keep the contract's limits. */
export interface WriterType {
  readonly schema: object
  readonly value: (r: Random) => unknown
}

const plain = (type: string, value: (r: Random) => unknown): WriterType => ({ schema: { type }, value })
const logical = (type: string, logicalType: string, value: (r: Random) => unknown): WriterType => ({
  schema: { type, logicalType },
  value,
})
const time = (perMs: number) => (r: Random) => (1_700_000_000_000 + r.int(0, 10 ** 10)) * perMs
const iso = (r: Random) => new Date(time(1)(r)).toISOString()
const text = (r: Random) => r.pick(['', 'a', 'é😀', '"\\\n', 'infinity'])
const int = (r: Random) => r.int(-(2 ** 31), 2 ** 31 - 1)
const long = (r: Random) => r.pick([0, -1, 2 ** 40, -(2 ** 52), 2 ** 52])
const double = (r: Random) => r.pick([0, -0, 0.1, -1e300, 5e-324])
const float = (r: Random) => Math.fround(r.next() * 100)
const bytes = (length: number) => (r: Random) => Buffer.from(Array.from({ length }, () => r.int(0, 255)))
const decimal = (scale: number): WriterType => ({
  schema: { type: 'bytes', logicalType: 'decimal', precision: 30, scale },
  value: (r) => bytes(r.int(1, 12))(r),
})

const names = (schema: object, name: string) => ({ ...schema, name })
const date = logical('int', 'date', (r) => r.int(15_000, 25_000))
const uuid = '0192a4c7-3e5b-7c1d-8a2e-3f4b5c6d7e8f'

/** What a contract's type takes from writers. `field` makes names unique. */
export function takenBy(type: ScalarType, format: 'iso' | 'ms' | 'uuid' | undefined, field: string): WriterType[] {
  switch (type) {
    case 'string':
      if (format === 'uuid') {
        return [
          plain('string', () => uuid),
          logical('string', 'uuid', () => uuid),
          {
            schema: names({ type: 'fixed', size: 16, logicalType: 'uuid' }, field),
            value: () => Buffer.from(uuid.replaceAll('-', ''), 'hex'),
          },
        ]
      }
      return [
        plain('string', text),
        plain('bytes', bytes(5)),
        decimal(3),
        { schema: names({ type: 'enum', symbols: ['A', 'B'] }, field), value: (r) => r.pick(['A', 'B']) },
      ]
    case 'bool':
      return [plain('boolean', (r) => r.chance(0.5))]
    case 'int':
    case 'int64':
      return [
        plain('int', int),
        plain('long', long),
        logical('long', 'timestamp-micros', time(1000)),
        { ...decimal(0), value: (r) => bytes(r.int(1, 6))(r) },
      ]
    case 'float64':
      return [plain('int', int), plain('long', long), plain('float', float), plain('double', double), decimal(4)]
    case 'timestamp':
      return [
        date,
        logical('long', 'timestamp-millis', time(1)),
        logical('long', 'timestamp-micros', time(1_000)),
        plain('string', iso),
        ...(format === 'ms' ? [plain('long', time(1))] : []),
      ]
    default:
      return [
        plain('int', int),
        plain('long', long),
        decimal(2),
        decimal(1),
        plain('string', () => '-12.30'),
        plain('double', (r) => r.pick([0, 1.5, -0.25])),
      ]
  }
}

/** What it does not take. */
export function notTakenBy(type: ScalarType, format: 'iso' | 'ms' | 'uuid' | undefined, field: string): object[] {
  const record = { type: 'record', name: field, fields: [] }
  const everyone = [record, { type: 'array', items: 'int' }, { type: 'map', values: 'string' }]
  switch (type) {
    case 'string':
      return [
        ...everyone,
        { type: 'int' },
        { type: 'boolean' },
        { type: 'double' },
        ...(format === 'uuid' ? [{ type: 'bytes' }] : []),
      ]
    case 'bool':
      return [...everyone, { type: 'int' }, { type: 'string' }]
    case 'int':
    case 'int64':
      return [
        ...everyone,
        { type: 'string' },
        { type: 'double' },
        { type: 'float' },
        decimal(1).schema,
        { type: 'bytes' },
      ]
    case 'float64':
      return [...everyone, { type: 'string' }, { type: 'bytes' }, { type: 'boolean' }]
    case 'timestamp':
      return [
        ...everyone,
        { type: 'int' },
        { type: 'double' },
        { type: 'bytes' },
        ...(format === 'ms' ? [] : [{ type: 'long' }]),
      ]
    default:
      return [...everyone, { type: 'bytes' }, decimal(3).schema, { type: 'boolean' }]
  }
}

export interface RandomField {
  readonly type: FieldType
  readonly format: 'iso' | 'ms' | 'uuid' | undefined
  readonly element: ScalarType
}

const scalars: readonly ScalarType[] = ['string', 'bool', 'int', 'int64', 'float64', 'timestamp', 'decimal(2)']

export function randomFieldType(r: Random): RandomField {
  const element = r.pick(scalars)
  const format =
    element === 'timestamp'
      ? r.pick(['iso', 'ms'] as const)
      : element === 'string' && r.chance(0.3)
        ? 'uuid'
        : undefined
  return { type: r.chance(0.2) ? `list(${element})` : element, format, element }
}
