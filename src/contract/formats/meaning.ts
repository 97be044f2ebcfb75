/** What an integer of a time counts. */
export type TimeUnit = 'days' | 'ms' | 'us' | 'ns'

/** What a value stands for beyond its plain type, by its writer's schema. */
export type Meaning =
  /** Bytes of the unscaled number, big-endian two's complement. */
  | { readonly kind: 'decimal'; readonly scale: number }
  /** A record of `scale` and `value`, each value with a scale of its own. */
  | { readonly kind: 'variable_decimal' }
  /** An integer since the epoch, UTC. */
  | { readonly kind: 'time'; readonly unit: TimeUnit }
  /** Sixteen bytes, or a text. */
  | { readonly kind: 'uuid' }
  /** What its plain type says. */
  | { readonly kind: 'plain' }

export const PLAIN: Meaning = { kind: 'plain' }
const time = (unit: TimeUnit): Meaning => ({ kind: 'time', unit })

/** By the names that Debezium and Kafka Connect give their types; times of a day have no date and stay integers. */
const named: Readonly<Record<string, Meaning>> = {
  'io.debezium.time.Date': time('days'),
  'io.debezium.time.Timestamp': time('ms'),
  'io.debezium.time.MicroTimestamp': time('us'),
  'io.debezium.time.NanoTimestamp': time('ns'),
  'org.apache.kafka.connect.data.Date': time('days'),
  'org.apache.kafka.connect.data.Timestamp': time('ms'),
  'io.debezium.data.VariableScaleDecimal': { kind: 'variable_decimal' },
}

const DECIMAL = 'org.apache.kafka.connect.data.Decimal'

/** What a type of Kafka Connect with this name and these parameters stands for. */
export function meaningOf(name: unknown, parameters: unknown): Meaning {
  if (typeof name !== 'string') return PLAIN
  if (name !== DECIMAL) return (Object.hasOwn(named, name) ? named[name] : undefined) ?? PLAIN
  const given = typeof parameters === 'object' && parameters !== null ? Reflect.get(parameters, 'scale') : undefined
  const scale = Number(given ?? 0)
  return Number.isInteger(scale) ? { kind: 'decimal', scale } : PLAIN
}
