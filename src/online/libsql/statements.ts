import type { InValue } from '@libsql/client/web'
import { checksum32 } from '../../util/checksum.ts'
import type { Copy, CopyAddress } from '../copy.ts'
import { COPY_FORMAT } from '../copy-text.ts'

const COLUMNS = [
  'kind',
  'entity',
  'region',
  'place',
  'key',
  'epoch',
  'mark',
  'seq',
  'revision',
  'at_ms',
  'format',
  'sum',
  'body',
  'features',
  'finalised_ms',
] as const
const OF_KEY = COLUMNS.slice(0, 5)
const OF_VERSION = COLUMNS.slice(5, 9)

/** One statement that decides: a row that is there is replaced by a greater version only. Changes one row, or none. */
export const PUT = [
  `insert into tidemark_copies (${COLUMNS.join(', ')})`,
  `values (${COLUMNS.map(() => '?').join(', ')})`,
  `on conflict (${OF_KEY.join(', ')}) do update set`,
  COLUMNS.slice(OF_KEY.length)
    .map((column) => `${column} = excluded.${column}`)
    .join(', '),
  `where (${OF_VERSION.map((column) => `excluded.${column}`).join(', ')})`,
  `> (${OF_VERSION.map((column) => `tidemark_copies.${column}`).join(', ')})`,
].join(' ')

/** Any number of rows by one argument: a JSON list of `[kind, entity, region, place, key]`. `n`: which of them it is. */
export const GET = [
  'select a.key as n, c.epoch, c.mark, c.seq, c.revision, c.at_ms, c.format, c.sum, c.body',
  'from json_each(?) as a cross join tidemark_copies as c',
  `where ${OF_KEY.map((column, i) => `c.${column} = a.value ->> ${i}`).join(' and ')}`,
].join(' ')

/** Whole numbers are bound as bigints: a number travels as a float, which SQLite keeps as one beyond 2^51. */
export const putArguments = ({ address, version, atMs, body, readable }: Copy, key: string): InValue[] => [
  address.kind,
  address.entity,
  address.region,
  BigInt(address.place),
  key,
  BigInt(version.epoch),
  BigInt(version.mark),
  BigInt(version.seq),
  BigInt(version.revision),
  BigInt(atMs),
  BigInt(COPY_FORMAT),
  BigInt(checksum32(body)),
  body,
  readable ?? null,
  readable === undefined ? null : BigInt(atMs),
]

/** A row that was asked for: its address, and its key as the table has it. */
export interface WantedRow {
  readonly address: CopyAddress
  readonly key: string
}

export const getArguments = (wanted: readonly WantedRow[]): InValue[] => [
  JSON.stringify(wanted.map(({ address: { kind, entity, region, place }, key }) => [kind, entity, region, place, key])),
]
