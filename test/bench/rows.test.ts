import { expect, test } from 'vitest'
import { jsonLine, report, short, table } from '../../scripts/bench/report.ts'
import { aims, type Result } from '../../scripts/bench/rows.ts'
import { stagesOf } from '../../scripts/bench/stages.ts'

/** The names of the bar, all that later versions will have as well: a renamed row is a row that is no longer compared. */
const bar = [
  'lookup.edge.ratio_to_noop',
  'lookup.shard.ratio_to_ping',
  'lookup.store.ratio_to_get',
  'publish.copies_per_s',
  'lookup.assembly_us',
  'lookup.p50_ratio',
  'lookup.p99_ms',
  'lookup.batch_100x50_p99_ms',
  'ingest.events_per_core_s',
  'ingest.rows_written_per_event',
  'ingest.pause_ms',
  'recovery.ms',
  'freshness.shard_p99_ms',
  'freshness.store_p99_ms',
  'engine.apply_us',
  'engine.read_us',
  'engine.read_growth',
  'engine.apply_growth',
  'state.bytes',
  'state.hot_bytes',
  'growth.lookup',
  'reshard.pause_ms',
  'training.rows_per_s',
  'training.peak_mb',
  'kafka.records_per_s_ratio',
  'kafka.total_records_per_s_ratio',
  'kafka.rows_written_per_record',
  'kafka.lag_p99_ms',
  'kafka.large_records_mb',
  'cost.per_million_events.shard',
  'cost.per_million_events.publish',
  'cost.per_million_events.log',
  'log.us_per_event',
  'log.bytes_per_event',
  'backfill.events_per_s',
  'cost.per_million_lookups',
  'setup.seconds',
  'bundle.lookup_kib',
]

test('every row has a name of the bar', () => {
  for (const name of Object.keys(aims)) expect(bar).toContain(name)
})

const result: Result = { name: 'recovery.ms', value: 123.456, unit: 'ms', noop: 1, note: 'a note' }

test('a row is one line of JSON', () => {
  expect(JSON.parse(jsonLine(result))).toEqual(result)
  expect(jsonLine(result)).not.toContain('\n')
})

test('the report shows a row with its aim', () => {
  expect(report([result])).toMatch(/recovery\.ms +123\.5 +ms +<= 250 +1 +a note/)
})

test('columns are aligned, numbers to the right', () => {
  expect(
    table([
      ['a', 'b'],
      ['cc', '10'],
      ['d', '2'],
    ]),
  ).toBe('a    b\ncc  10\nd    2')
})

test.each([
  [0.012345, '0.01235'],
  [12.3456, '12.35'],
  [1234567, '1,234,567'],
])('%d is shown as %s', (value, text) => {
  expect(short(value)).toBe(text)
})

test('a sample of a profile counts for the innermost stage around it', () => {
  const node = (id: number, functionName: string, file: string, children: number[] = []) => {
    return { id, children, callFrame: { functionName, url: `file:///x/${file}`, lineNumber: 1 } }
  }
  const nodes = [
    node(1, '(root)', '', [2]),
    node(2, 'apply', 'src/shard/shard.ts', [3, 5]),
    node(3, 'compact', 'src/shard/cell.ts', [4]),
    node(4, 'encodeState', 'src/engine/state-codec.ts'),
    node(5, 'check', 'src/shard/id-index.ts'),
  ]
  expect(stagesOf(nodes, [4, 2, 5, 4], [10, 1, 2, 20])).toEqual([
    { name: 'compaction', us: 30 },
    { name: 'dedupe: check and add', us: 2 },
    { name: 'shard, the rest', us: 1 },
  ])
})
