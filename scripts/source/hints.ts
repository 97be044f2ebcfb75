/** What the database and whoever runs the connector have to do besides, as lines for stderr. */
import { elementType, type FieldSpec } from '../../src/engine/index.ts'
import type { Capture } from './capture.ts'
import type { Options } from './options.ts'

/**
 * Comments on what was printed, each beginning with `#`: statements for PostgreSQL, where secrets come from, and what the
 * contract of the source cannot take.
 */
export function hintsOf(capture: Capture, options: Options): string[] {
  return [...databaseHints(capture), '', ...secretHints(capture, options), ...contractHints(capture)].map((line) =>
    line === '' ? '#' : `# ${line}`,
  )
}

function databaseHints({ source, table, name }: Capture): string[] {
  const full = `${quoted(table.schema)}.${quoted(table.table)}`
  const lines = [
    'PostgreSQL: wal_level = logical, and a role that may replicate and read the table:',
    '  CREATE ROLE tidemark REPLICATION LOGIN;  -- its password with \\password',
    `  GRANT USAGE ON SCHEMA ${quoted(table.schema)} TO tidemark; GRANT SELECT ON ${full} TO tidemark;`,
    `  CREATE PUBLICATION ${name} FOR TABLE ${full};  -- only the owner of the table may; the connector then finds it`,
  ]
  if (source.changes === undefined) return lines
  const key = source.changes.key.map(quoted).join(', ')
  return [
    ...lines,
    `REPLICA IDENTITY DEFAULT is enough where (${key}) is the primary key of ${full}. Otherwise:`,
    `  ALTER TABLE ${full} REPLICA IDENTITY FULL;`,
    ...(source.fields.some(isLarge)
      ? [
          'Large texts that did not change are not sent with an update: they are kept from the row as it was last seen, which',
          'is always so with snapshot.mode=initial. With FULL they are always sent.',
        ]
      : []),
    `The slot ${name} outlives the connector, and keeps the log until it is dropped: SELECT pg_drop_replication_slot('${name}');`,
  ]
}

/** A column that PostgreSQL may store beside its row. */
function isLarge({ type, values, format }: FieldSpec): boolean {
  return (type === 'string' && values === undefined && format !== 'uuid') || elementType(type) !== undefined
}

const quoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)

function secretHints({ format }: Capture, { database, output, signed, registryUrl, source }: Options): string[] {
  const missing = [
    ...(database.host === undefined ? ['PGHOST'] : []),
    ...(database.user === undefined ? ['PGUSER'] : []),
    ...(database.password === undefined ? ['PGPASSWORD'] : []),
    ...(database.name === undefined ? ['PGDATABASE'] : []),
    ...(output === 'connect' && format.value.kind === 'avro' && registryUrl === undefined
      ? ['SCHEMA_REGISTRY_URL']
      : []),
  ]
  if (output === 'server') {
    const variables = [...missing, ...(signed ? ['WEBHOOK_SECRET'] : [])]
    return [
      ...(variables.length > 0 ? [`From the environment of Debezium Server: ${variables.join(', ')}.`] : []),
      signed
        ? `WEBHOOK_SECRET is one of the keys that the secret CONNECTIONS has for this source: {"webhooks": {"${source}": ["whsec_..."]}}.`
        : 'Unsigned: the secret TOKENS must let "anonymous" ingest into this source, for the HTTP sink sends no token.',
      'The process ends after its last try: have something start it again. It goes on where it was.',
    ]
  }
  return [
    ...(missing.length > 0
      ? [
          `From the environment of Kafka Connect: ${missing.join(', ')}. Its workers need`,
          '  config.providers=env',
          '  config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider',
        ]
      : []),
    `Send it: npx tidemark source ${source} --debezium ... | curl -X POST -H 'content-type: application/json' -d @- http://CONNECT:8083/connectors`,
  ]
}

function contractHints({ source, format }: Capture): string[] {
  const decimals = source.fields.filter(({ type }) => type.startsWith('decimal('))
  const times = source.fields.filter(({ type, name }) => type === 'timestamp' && !name.startsWith('$'))
  const names = (fields: readonly FieldSpec[]) => fields.map(({ name }) => name).join(', ')
  if (format.value.kind === 'avro') return []
  return [
    ...(decimals.length > 0 && format.decimals === 'precise'
      ? [`Without schemas the scale is the contract's: ${names(decimals)} must be numeric(p, s) with the s declared.`]
      : []),
    ...(times.length > 0 && format.times.startsWith('adaptive')
      ? [`Without schemas ${names(times)} must be timestamptz, or timestamp of precision 4 to 6.`]
      : []),
  ]
}
