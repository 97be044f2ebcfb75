/** Debezium's settings for a source's table: for Kafka Connect, and for Debezium Server. */
import type { Capture } from './capture.ts'
import type { DatabaseOptions, Options } from './options.ts'

type Settings = Readonly<Record<string, string>>

/** How a setting that was not given is read from the environment: Connect and the server write that differently. */
export type FromEnvironment = (variable: string) => string

export const inConnect: FromEnvironment = (variable) => `\${env:${variable}}`
export const inServer: FromEnvironment = (variable) => `\${${variable}}`

/** A connector as Kafka Connect's `POST /connectors` takes it. */
export interface Connector {
  readonly name: string
  readonly config: Settings
}

/**
 * The connector (debezium-connector-postgres 3.x) whose records the source takes.
 *
 * @example connectorOf(captureOf(source, options), options).config['topic.prefix'] // 'shop'
 */
export function connectorOf(capture: Capture, { database, registryUrl }: Options): Connector {
  const { name, format } = capture
  return {
    name: name.replaceAll('_', '-'),
    config: {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'tasks.max': '1',
      ...databaseSettings(database, inConnect),
      ...captureSettings(capture),
      // The topic, and that of the heartbeats: a broker that makes none by itself would have the connector wait for ever.
      'topic.creation.default.replication.factor': '-1',
      'topic.creation.default.partitions': '-1',
      'key.converter': JSON_CONVERTER,
      'key.converter.schemas.enable': 'false',
      ...(format.value.kind === 'json'
        ? { 'value.converter': JSON_CONVERTER, 'value.converter.schemas.enable': 'false' }
        : {
            'value.converter': 'io.confluent.connect.avro.AvroConverter',
            'value.converter.schema.registry.url': registryUrl ?? inConnect('SCHEMA_REGISTRY_URL'),
            // Avro allows fewer characters in names than PostgreSQL and topics do.
            'schema.name.adjustment.mode': 'avro',
          }),
      ...transforms(capture),
    },
  }
}

const JSON_CONVERTER = 'org.apache.kafka.connect.json.JsonConverter'

/** Rows without envelopes are wanted, or the topic has another name than Debezium gives it. */
function transforms(capture: Capture): Settings {
  const settings = { ...unwrapping(capture, 'tombstone', UNWRAPPED_FIELDS), ...renaming(capture) }
  const names = ['unwrap', 'name'].filter((name) => `transforms.${name}.type` in settings)
  return names.length === 0 ? {} : { transforms: names.join(), ...settings }
}

const UNWRAPPED_FIELDS = 'op,source.lsn,source.ts_ms'

function unwrapping({ format }: Capture, deletes: 'tombstone' | 'rewrite', fields: string): Settings {
  if (format.unwrapped !== true) return {}
  return {
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    'transforms.unwrap.add.fields': fields,
    'transforms.unwrap.delete.tombstone.handling.mode': deletes,
  }
}

function renaming({ renamed, prefix, table }: Capture): Settings {
  if (renamed === undefined) return {}
  const literal = `${prefix}.${table.schema}.${table.table}`.replaceAll(/[.\\+*?[\](){}^$|]/g, '\\$&')
  return {
    'transforms.name.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.name.regex': literal,
    'transforms.name.replacement': renamed,
  }
}

/**
 * The `application.properties` of Debezium Server, whose HTTP sink posts to the source's webhook; signed, unless
 * `options.signed` is false.
 */
export function serverProperties(capture: Capture, { database, url, signed }: Options): Settings {
  const { source, format } = capture
  const unwrapped = unwrapping(capture, 'rewrite', `${UNWRAPPED_FIELDS},transaction.total_order`)
  const connector = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    ...databaseSettings(database, inServer),
    ...captureSettings(capture),
    // Nothing says where a change stood in a topic: its place in its transaction has to.
    'provide.transaction.metadata': String(source.changes !== undefined),
    'tombstones.on.delete': 'false',
    'offset.storage.file.filename': 'data/offsets.dat',
    // How far it is, is written after each post: less is sent again when it is started anew.
    'offset.flush.interval.ms': '0',
  }
  return {
    ...Object.fromEntries(Object.entries(connector).map(([name, value]) => [`debezium.source.${name}`, value])),
    // A request has no key, which a tombstone would need.
    ...(format.unwrapped && { 'debezium.transforms': 'unwrap' }),
    ...Object.fromEntries(Object.entries(unwrapped).map(([name, value]) => [`debezium.${name}`, value])),
    'debezium.format.key': 'json',
    'debezium.format.value': 'json',
    'debezium.format.value.schemas.enable': 'false',
    'debezium.sink.type': 'http',
    'debezium.sink.http.url': `${url}/v1/sources/${source.name}/events`,
    'debezium.sink.http.batch.enabled': 'true',
    'debezium.sink.http.batch.max-size': '500',
    // After the last try the process ends: it should outlive a deploy, or a minute without a network.
    'debezium.sink.http.retries': '120',
    'debezium.sink.http.retry.interval.ms': '1000',
    ...(signed && {
      'debezium.sink.http.authentication.type': 'standard-webhooks',
      'debezium.sink.http.authentication.webhook.secret': inServer('WEBHOOK_SECRET'),
    }),
  }
}

/** As a properties file. */
export function propertiesText(settings: Settings): string {
  const escaped = (value: string) => value.replaceAll('\\', '\\\\')
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${escaped(value)}`)
    .join('\n')
}

function databaseSettings({ host, port, name, user, password }: DatabaseOptions, from: FromEnvironment): Settings {
  return {
    'database.hostname': host ?? from('PGHOST'),
    'database.port': String(port),
    'database.user': user ?? from('PGUSER'),
    'database.password': password ?? from('PGPASSWORD'),
    'database.dbname': name ?? from('PGDATABASE'),
  }
}

function captureSettings({ source, format, table, prefix, name }: Capture): Settings {
  const isTable = source.changes !== undefined
  return {
    'topic.prefix': prefix,
    'table.include.list': `${literal(table.schema)}.${literal(table.table)}`,
    'plugin.name': 'pgoutput',
    'slot.name': name,
    'publication.name': name,
    'publication.autocreate.mode': 'filtered',
    'snapshot.mode': 'initial',
    // Truncates are left out by default; a stream wants nothing but what was inserted.
    'skipped.operations': isTable ? 'none' : 'u,d,t',
    'tombstones.on.delete': String(isTable),
    'decimal.handling.mode': format.decimals,
    'time.precision.mode': format.times,
    // Without them the slot of a quiet table keeps the log of the whole server.
    'heartbeat.interval.ms': '10000',
    // Debezium looks every 500 ms by default, which would be most of the way from a commit to its features.
    'poll.interval.ms': '50',
  }
}

/** The list is of regular expressions; the dot between schema and table is one too, and harmless. */
const literal = (name: string): string => name.replaceAll(/[\\+*?[\](){}^$|]/g, '\\$&')
