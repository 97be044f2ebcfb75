/** The rows of the bar that the bench reaches, with the aims that are printed beside them. Nothing is asserted. */

/** Name of a row, and what is aimed at. */
export const aims = {
  'engine.apply_us': '<= 1.5',
  'engine.read_us': '<= 10',
  'engine.read_growth': '<= 3',
  'engine.apply_growth': '<= 3',
  'state.bytes': '<= 3,000',
  'state.hot_bytes': '<= 32,000',
  'ingest.events_per_core_s': '>= 100,000',
  'ingest.rows_written_per_event': '<= 0.05',
  'ingest.pause_ms': '<= 40',
  'cost.per_million_events.shard': '<= 0.30',
  'recovery.ms': '<= 250',
  'lookup.edge.ratio_to_noop': '>= 0.6',
  'lookup.shard.ratio_to_ping': '>= 0.75',
  'lookup.assembly_us': '<= 10',
  'lookup.p50_ratio': '<= 2',
  'lookup.p99_ms': '<= 10, quiet',
  'lookup.batch_100x50_p99_ms': '<= 8',
  'freshness.shard_p99_ms': '<= 25',
  'lookup.store.ratio_to_get': '',
  'publish.copies_per_s': '',
  'freshness.store_p99_ms': '<= 1,050',
  'cost.per_million_events.publish': '',
  'cost.per_million_lookups': '<= 0.60',
  'kafka.records_per_s_ratio': '>= 0.5',
  'kafka.total_records_per_s_ratio': '>= 0.5',
  'kafka.rows_written_per_record': '<= 0.05',
  'kafka.lag_p99_ms': '',
  'kafka.large_records_mb': '<= 64',
  'growth.lookup': '<= 1.3',
  'reshard.pause_ms': '',
  'log.us_per_event': '',
  'log.bytes_per_event': '',
  'cost.per_million_events.log': '',
  'backfill.events_per_s': '',
  'training.rows_per_s': '>= 50,000',
  'training.peak_mb': '<= 2,000',
  'setup.seconds': '<= 120',
  'bundle.lookup_kib': '<= 100',
} as const

/** A row of the bar, or one of its rows at so many events an entity. */
export type RowName = keyof typeof aims | `engine.read_us.${number}` | `engine.apply_us.${number}`

/** One measured row, as `--json` prints it. */
export interface Result {
  readonly name: RowName
  readonly value: number
  readonly unit: string
  /** The yardstick of the same run, in the same unit. */
  readonly noop?: number
  readonly note?: string
}

/** What every part of the bench is called with. */
export interface BenchOptions {
  /** Smaller sizes, so that it fits CI. */
  readonly quick: boolean
  /** Tells a person what goes on; not part of the results. */
  readonly say: (text: string) => void
  /** Writes a CPU profile where the part can. */
  readonly profile: boolean
}

/** A part of the bench: yields rows as they are measured. */
export type Part = (options: BenchOptions) => AsyncGenerator<Result>
