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

export const putArguments = ({ address, version, atMs, body, readable }: Copy, key: string) => [
  address.kind,
  address.entity,
  address.region,
  address.place,
  key,
  version.epoch,
  version.mark,
  version.seq,
  version.revision,
  atMs,
  COPY_FORMAT,
  checksum32(body),
  body,
  readable ?? null,
  readable === undefined ? null : atMs,
]

export const getArguments = (addresses: readonly { readonly address: CopyAddress; readonly key: string }[]) => [
  JSON.stringify(
    addresses.map(({ address: { kind, entity, region, place }, key }) => [kind, entity, region, place, key]),
  ),
]
