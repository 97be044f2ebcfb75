/**
 * `npx tidemark COMMAND`: finds the command's file and runs it with the rest of the arguments. A command is one file in
 * scripts/ and one entry here; `npm run` uses the same files.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nearest } from '../src/util/did-you-mean.ts'

interface Command {
  readonly file: string
  readonly does: string
  readonly usage: string
  readonly example: string
  /** What `--help` says besides. */
  readonly more?: string
}

const commands: Readonly<Record<string, Command>> = {
  check: {
    file: 'check-definitions.ts',
    does: 'check definitions and how regions.ts routes their sources, or with --registry the schemas of writers',
    usage:
      'tidemark check [FILE] [--regions FILE] [--json]\n' +
      'tidemark check [FILE] --registry [NAME=]URL [--subject SOURCE=SUBJECT] [--json]\n' +
      'tidemark check [FILE] --schema SCHEMA.avsc --source NAME [--json]',
    example: 'npx tidemark check features/index.ts --registry http://127.0.0.1:8081',
  },
  start: {
    file: 'start.ts',
    does: 'run every Worker here on real data, and print vectors and predictions',
    usage: 'tidemark start [--once] [--port N]',
    example: 'npx tidemark start --once',
  },
  'dead-letters': {
    file: 'dead-letters.ts',
    does: 'look at what was refused, send it again, or drop it',
    usage: 'tidemark dead-letters [list | show ID | replay [ID...] | drop [ID...]] [--source NAME] [options]',
    example: 'npx tidemark dead-letters --reason wrong_type',
    more: `  npx tidemark dead-letters show 5f0c2d7ab1e34c6f8d90a1b2c3d4e5f6
  npx tidemark dead-letters replay --source flights --reason not_in_enum --since 2h
  npx tidemark dead-letters drop --source flights --until 2026-01-01T00:00:00Z --yes

  --source S      of one source; replay and drop need it
  --reason R      only these, also --field F, --position P (where in its topic it stood: its beginning)
  --since T       kept at or after a time (2026-01-31T12:00:00Z) or a while ago (2h); --until T: before
  --limit N       how many list shows (default 20, at most 1000)
  --url U         the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T       default TIDEMARK_TOKEN, else that of npm start; scopes dead-letters, dead-letters:write
  --json          one JSON object instead of a table
  --yes           drop without asking

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 some letters of a replay stay.`,
  },
  import: {
    file: 'import.ts',
    does: 'import history: Parquet, CSV, NDJSON, through the same contract as events',
    usage: 'tidemark import --source NAME --known-at RULE FILE|FOLDER|GLOB... [options]',
    example: "npx tidemark import --source flights --known-at event-time+5m history.parquet 'more/*.csv'",
    more: `  npx tidemark import --source ltv --known-at column:computed_at --map user_id=uid nightly/ --dry-run

  --source S        into which source; a batch source is one
  --known-at RULE   from when on rows could be known, which training goes by; has no default:
                    column:NAME, event-time+5m, or none (training as it was served then refuses the rows)
  --map F=C         the field F is the column C, where their names differ; again for more
  --time-zone Z     of times without a zone, which are refused without it: UTC, Europe/Berlin
  --format F        parquet, csv or ndjson, where the file's name does not say it
  --dry-run         checks the contract of every row here, and sends none
  --rate N          rows a second, at most
  --batch N         rows of one request, default 2000; --concurrency N requests at once, default 1, which keeps the order of the file
  --restart         begins anew where an import of before was broken off; nothing is counted twice either way
  --definitions F   the file that exports the definitions; default features/index.ts
  --url U           the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T         default TIDEMARK_TOKEN, else that of npm start; scope import:SOURCE
  --json            one JSON object instead of a summary

Exit codes: 0 done, 1 failed and 130 interrupted (the same command goes on), 2 wrong command line or files (nothing was sent),
3 done and some rows were refused.`,
  },
  sources: {
    file: 'sources.ts',
    does: 'see how topics are pulled, and let halted partitions go on',
    usage:
      'tidemark sources [list | show NAME | wake] [--watch]\n' +
      'tidemark sources resume NAME --partition TOPIC/P [--skip | --offset N]\n' +
      'tidemark sources move NAME --partition TOPIC/P --from-url U1 --to-url U2 [--barrier JSON]\n' +
      'tidemark sources skip NAME --home REGION',
    example: 'npx tidemark sources --watch',
    more: `  npx tidemark sources show clicks
  npx tidemark sources resume clicks --partition clicks/1 --skip
  npx tidemark sources move clicks --partition clicks/1 --from-url https://east... --to-url https://west...

  --partition P   a topic and a number, as list prints it
  --skip          go on behind the record that it stands at, which is kept as a dead letter where it can be read
  --offset N      go on at an offset
  --watch         look again each second, on a terminal
  --url U         the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T       default TIDEMARK_TOKEN, else that of npm start; scopes sources, sources:write
  --from-token T  of move, where the regions' tokens differ; --to-token T
  --barrier JSON  ends a move that was broken off: what it printed
  --json          one JSON object instead of a table

Exit codes: 0 all goes on, 1 failed, 2 wrong command line, 3 something stands still until a person acts.`,
  },
  reshard: {
    file: 'reshard.ts',
    does: 'change the number of shards of a region, while it serves',
    usage: 'tidemark reshard --region NAME [--dry-run] [options]',
    example: 'npx tidemark reshard --region weur --dry-run --url https://tidemark-ingest-weur.example.workers.dev',
    more: `
  With \`next\` in regions.ts, deployed: fills the shards of that epoch while those of now serve; as often as you like.
  With it made the epoch, and that deployed: opens them, and says how long each paused (docs/operations.md).

  --region NAME   as regions.ts calls it
  --dry-run       only shows the plan: counts, parents, what there is to copy
  --concurrency N shards that work side by side, 1 to 64; default 4
  --regions F     the file that exports the regions; default regions.ts
  --definitions F the file that exports the definitions; default features/index.ts
  --url U         the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T       default TIDEMARK_TOKEN, else that of npm start; scope admin
  --json          one JSON object instead of a table

Exit codes: 0 done or nothing to do, 1 failed (run it again: it goes on), 2 wrong command line or regions.ts.`,
  },
  backfill: {
    file: 'backfill.ts',
    does: 'give a feature view that came later the history from before it came, out of the log',
    usage:
      'tidemark backfill VIEW [--since beginning|TIME] [--log FOLDER|URL] [--rate N] [options]\n' +
      'tidemark backfill --entity NAME [options]',
    example: 'npx tidemark backfill user_stats',
    more: `  npx tidemark backfill user_stats --since beginning --rate 500
  npx tidemark backfill --entity card    an entity that came later than the sources that feed it

  Events go on meanwhile: the view has all that came after it, and gets what came before, each once. Stopped or broken off, the
  same command goes on where it was.

  --since T         from when on the history is complete then: beginning, or a time; default: when the shards began
  --log FOLDER|URL  the bucket of the region, as files, or its ingest Worker (scope log:read); default that of --url
  --definitions F   default features/index.ts
  --rate N          at most so many entities a second
  --memory MB       of DuckDB, which sorts; default 1024
  --url U           the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T         default TIDEMARK_TOKEN, else that of npm start; scopes admin, log:write
  --json            one JSON object instead of lines

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 stopped before the end.`,
  },
  publish: {
    file: 'publish.ts',
    does: 'see how online stores are published to, and publish everything to one anew',
    usage: 'tidemark publish [--store REGION/NAME [--all [--detach]]] [options]',
    example: 'npx tidemark publish --store weur/redis --all --url https://tidemark-ingest-weur.example.workers.dev',
    more: `
  Each region publishes its own entities: run it for each of them.

  --store S       one store, as regions.ts has it: the region and its name
  --all           every entity anew, also over what the store has of the same commit; Ctrl-C pauses it, the same command
                  goes on; what was put twice does no harm
  --detach        with --all: does not wait
  --url U         the ingest Worker; default TIDEMARK_URL, else npm start on this machine
  --token T       default TIDEMARK_TOKEN, else that of npm start; scopes stores, stores:write
  --json          one JSON object instead of a table

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 paused before the end, or a store has a problem.`,
  },
  source: {
    file: 'source.ts',
    does: 'print the settings of Debezium for a table',
    usage: 'tidemark source NAME --debezium [--server] [options]',
    example: 'npx tidemark source orders --debezium --host db.internal --database shop --user tidemark',
    more: `
  --debezium      the connector of Kafka Connect (debezium-connector-postgres 3.x), as JSON
  --server        with it: application.properties of Debezium Server, whose HTTP sink posts to the webhook
  --host H        of PostgreSQL; also --port N, --database D, --user U; what is not given comes from PGHOST and so on
  --password P    where the password is, such as \${file:/secrets/pg.properties:password}; never the password
  --table S.T     the table, where the topic is not named server.schema.table
  --topic T       of a source that reads several; --prefix P, --name N: other names than the declaration's
  --registry U    the schema registry, for Avro
  --url U         of the ingest Worker, for --server
  --unsigned      for --server: no Standard Webhooks signature
  --definitions F the file that exports them; default features/index.ts

Settings go to stdout, what else there is to do (PostgreSQL, secrets) to stderr.`,
  },
  train: {
    file: 'train.ts',
    does: 'make a point-in-time training set from labels and the log',
    usage:
      'tidemark train --service NAME --labels FILE --out FILE [options]\n' +
      'tidemark train --manifest SET.manifest.json --labels FILE --out FILE',
    example: 'npx tidemark train --service fraud@1 --labels labels.parquet --out set.parquet',
    more: `  npx tidemark train --service fraud@1 --labels labels.csv --out set.csv --mode lag:1h --time-zone Europe/Berlin
  npx tidemark train --manifest set.parquet.manifest.json --labels labels.parquet --out again.parquet

  --labels FILE   Parquet, CSV or NDJSON: the keys of the entities, a time \`at\`, any other columns; a column \`commits\`
                  has what a lookup answered, and then it is that very vector
  --out FILE      .parquet, .arrow or .csv; OUT.manifest.json beside it
  --mode M        as-served (default): what was known where it was served; lag:1h: what had happened an hour before;
                  ideal: all that had happened, which leaks
  --region R      the region that serves, where the log has several; --publish-lag D: how much later it sees the others'
  --columns C     what columns are called: user_id=uid,at=event_time,region=served_in
  --time-zone Z   an IANA zone for times that have none; without it they are refused
  --split S       adds a column split: time:2026-01-01 or hash:0.8 (by the first entity)
  --status        adds the status of each feature as a column
  --manifest F    makes a set again, from the same commits of the log; another content is an error
  --log F         the bucket of the log, as files, or the URL of its ingest Worker (TIDEMARK_TOKEN with log:read);
                  default that of npm start on this machine
  --definitions F the file that exports them; default features/index.ts
  --threads N     default one a core; --memory-mb N: default 1000
  --allow-partial labels whose features reach back to before what the log has (retention): of what is left, with the status partial
  --no-verify     does not compare the checksums of the log's files
  --engine spark  on Apache Spark, beyond one machine: FILE is a folder of Parquet files with the same rows (docs/capacity.md)
  --master M      of Spark: local[2], yarn, spark://...; default local[*]; --spark-conf k=v: any setting, again for more
  --spark-work D  a folder that all its machines see; --spark-node N: the Node there, default node
  --json          the manifest as one JSON object

Exit codes: 0 done, 1 the labels or the log cannot be used (nothing is written), 2 wrong command line.`,
  },
  deploy: {
    file: 'deploy.ts',
    does: 'deploy a region: checks, plan, migrations, upload, smoke test; what fails is rolled back',
    usage:
      'tidemark deploy --region NAME [--dry-run] [--json] [--unasked] [--url WORKER=ADDRESS]\ntidemark deploy --list [--environment NAME] [--json]',
    example: 'npx tidemark deploy --region weur --dry-run',
    more: `
  --dry-run       print the plan and change nothing; asks Cloudflare only where CLOUDFLARE_API_TOKEN is set
  --url W=A       where a Worker answers that has a route of its own: --url ingest=https://events.example.com
  --unasked       do not compare epoch and shard counts with what is deployed: for a deployment that mends one which does not answer
  --json          one JSON object; what happens goes to stderr

Environment: CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID for Wrangler, TIDEMARK_TOKEN with the scopes admin and read; TOKENS and
CONNECTIONS set these secrets with a first deployment, and CONNECTIONS has the addresses of databases to migrate.

Exit codes: 0 done, 1 failed (what was uploaded is rolled back) or something is wrong, 2 wrong command line.`,
  },
  parity: {
    file: 'parity.ts',
    does: 'hold vectors that were served against what the log gives at their commits, bit for bit',
    usage: 'tidemark parity [--since 1h] [--service NAME] [--log FOLDER|URL] [options]',
    example: 'npx tidemark parity --since 1h',
    more: `
  --since T       vectors served from a time on (2026-01-31T12:00:00Z) or a while ago (default 1h); --until T: before
  --service S     of one service, fraud or fraud@1; default all, and reads by a list of features
  --log L         where a region's log is: the folder of its bucket, or the address of its ingest Worker; several regions: several
                  times; default TIDEMARK_URL, else that of npm start on this machine
  --token T       for addresses; default TIDEMARK_TOKEN; scopes log:read, and log:write to keep the report
  --sample N      at most N vectors of each log, each as likely as any other; default 20000; --seed N: others
  --wait 90s      waits so long for a log that does not have the newest commits yet; default not
  --every 15m     runs again and again
  --no-save       the report is not kept in the first bucket (parity/...json)
  --json          one JSON object a run instead of a table

Exit codes: 0 no mismatch, 1 failed, 2 wrong command line, 3 mismatches.`,
  },
  log: {
    file: 'log.ts',
    does: 'see how the log is, and keep it in order: compaction, retention, leftovers',
    usage: 'tidemark log [status | compact [--all] [--days N] | expire --before T | sweep] [options]',
    example: 'npx tidemark log compact',
    more: `  npx tidemark log
  npx tidemark log expire --before 400d --dry-run
  npx tidemark log sweep

  compact         makes few files, sorted by entity, of the many small ones of days that are over
  --all           what arrived today, too; --days N: a file may have so many days (default 1)
  expire          takes away what arrived before a time: --before 2026-01-01T00:00:00Z, or a while ago (400d). Asks; --yes
  sweep           deletes files that no manifest names; --grace 1h: younger ones stay
  --dry-run       of expire and sweep: only says what would go
  --memory MB     of DuckDB, which sorts; default 512
  --url U         the ingest Worker; default TIDEMARK_URL, else npm start on this machine. One region each
  --token T       default TIDEMARK_TOKEN, else that of npm start; scopes log, log:read, log:write
  --json          one JSON object instead of lines

Exit codes: 0 done, 1 failed (run it again: it goes on), 2 wrong command line, 3 some was left, for the log was changed meanwhile.`,
  },
  erase: {
    file: 'erase.ts',
    does: 'forget an entity: state, log, served vectors, dead letters; and prove it',
    usage: 'tidemark erase --entity NAME --key NAME=VALUE... [--yes] [options]',
    example: 'npx tidemark erase --entity user --key user_id=u1',
    more: `  npx tidemark erase --entity user --key user_id=u1 --url https://east... --url https://west...

  Rows of the entity go, in rows of others the key is blanked, then every file of the bucket is read to prove it. Stopped
  anywhere, the same command goes on. What it does not reach: docs/erasure.md.

  --key N=V       each key of the entity
  --blank F       fields that are blanked besides, in rows of others which have the key: --blank email,name
  --keep S.F      a column that has the same value by chance, and is no trace
  --out FILE      the certificate; default erasure-HASH.json
  --definitions F default features/index.ts
  --url U         the ingest Worker of a region, again for each; default TIDEMARK_URL, else npm start on this machine
  --token T       default TIDEMARK_TOKEN, else that of npm start; scopes erase, log, log:read, log:write, dead-letters,
                  dead-letters:write
  --yes           does not ask
  --json          the certificate instead of lines

Exit codes: 0 gone and proved, 1 failed (run it again: it goes on), 2 wrong command line, 3 something is left.`,
  },
  generate: {
    file: 'generate.ts',
    does: 'write the Wrangler configs and types from regions.ts',
    usage: 'tidemark generate [--check]',
    example: 'npx tidemark generate --check',
  },
  bench: {
    file: 'bench.ts',
    does: 'measure, on the bundles of a deploy',
    usage: 'tidemark bench [NAME] [--json]',
    example: 'npx tidemark bench engine --json',
  },
}

const [name, ...rest] = process.argv.slice(2)
if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  console.log(overview())
  process.exit(name === undefined ? 2 : 0)
}
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (command === undefined) {
  const near = nearest(name, Object.keys(commands))
  const hint = near === undefined ? `Commands: ${Object.keys(commands).join(', ')}.` : `Did you mean "${near}"?`
  console.error(`tidemark: there is no command "${name}". ${hint}`)
  process.exit(2)
}
if (rest.includes('--help') || rest.includes('-h')) {
  console.log(
    `${command.usage}\n  ${command.does}\n\nExample:\n  ${command.example}${command.more === undefined ? '' : `\n${command.more}`}`,
  )
  process.exit(0)
}
const file = join(import.meta.dirname, command.file)
if (!existsSync(file)) {
  console.error(`tidemark: the command "${name}" is not in this version (scripts/${command.file} is missing).`)
  process.exit(2)
}
process.argv = [process.execPath, file, ...rest]
await import(file)

function overview(): string {
  const lines = Object.entries(commands).map(
    ([key, { does, example }]) => `  ${key.padEnd(14)}${does}\n                ${example}`,
  )
  return `tidemark COMMAND [options]\n\n${lines.join('\n')}\n\nOne command in detail: npx tidemark COMMAND --help`
}
