import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { decimalScale, type FieldSpec, type Value, vectorLength } from '../../src/engine/index.ts'
import {
  type LoggedRow,
  type LogShard,
  type Manifest,
  manifestKey,
  type ObjectStore,
  readManifest,
  sha256,
} from '../../src/offline/index.ts'

/** Reads a log as anybody could, by a library that is not the writer's. */

export async function manifestOf(objects: ObjectStore, shard: LogShard): Promise<Manifest | undefined> {
  const key = manifestKey(shard)
  const stored = await objects.get(key)
  return stored && readManifest(stored.bytes, key)
}

/** All rows that a manifest names, in the order of its segments. Throws for a segment that is not there, or is another one. `unzstd`: of compacted ones. */
export async function rowsOf(
  objects: ObjectStore,
  { segments, contracts }: Manifest,
  unzstd?: (bytes: Uint8Array) => Uint8Array,
): Promise<LoggedRow[]> {
  const all: LoggedRow[] = []
  for (const { key, contract, sha256: sum, bytes } of segments) {
    const stored = await objects.get(key)
    if (stored === undefined) throw new Error(`no segment ${key}`)
    if (stored.bytes.length !== bytes || (await sha256(stored.bytes)) !== sum) throw new Error(`${key} is another one`)
    const source = contracts.find(({ number }) => number === contract)?.source
    if (source === undefined) throw new Error(`${key}: no contract ${contract}`)
    const file = stored.bytes.buffer.slice(
      stored.bytes.byteOffset,
      stored.bytes.byteOffset + stored.bytes.length,
    ) as ArrayBuffer
    const rows = (await parquetReadObjects({
      file,
      metadata: exactDecimals(file),
      ...(unzstd && { compressors: { ZSTD: unzstd } }),
    })) as Record<string, unknown>[]
    all.push(...rows.map((row) => toRow(row, source.fields)))
  }
  return all
}

/** This library gives decimals as numbers, which is not exact: they are read as the bytes that they are. */
function exactDecimals(file: ArrayBuffer): ReturnType<typeof parquetMetadata> {
  const metadata = parquetMetadata(file)
  const schema = metadata.schema.map(({ converted_type, ...element }) =>
    converted_type === undefined || converted_type === 'DECIMAL' ? element : { ...element, converted_type },
  )
  return { ...metadata, schema }
}

function toRow(row: Record<string, unknown>, fields: readonly FieldSpec[]): LoggedRow {
  const ms = (name: string): number | null => (row[name] === null ? null : (row[name] as Date).getTime())
  const number = (name: string): number => Number(row[name] as bigint)
  return {
    key: row.tm_key as string | null,
    seq: number('tm_seq'),
    timeMs: ms('tm_time') as number,
    availableAtMs: ms('tm_available_at') as number,
    sign: row.tm_sign === undefined ? 1 : (number('tm_sign') as 1 | -1),
    id: row.tm_id as string | null,
    row:
      row.tm_row_seq === undefined
        ? null
        : {
            region: number('tm_row_region'),
            epoch: number('tm_row_epoch'),
            shard: number('tm_row_shard'),
            seq: number('tm_row_seq'),
          },
    position:
      row.tm_sequence === null
        ? null
        : { sequence: row.tm_sequence as string, incarnation: number('tm_incarnation'), offset: number('tm_offset') },
    imported: row.tm_imported ? { availableAtMs: ms('tm_known_at') } : null,
    stamps: (row.tm_stamps as string | null | undefined) ?? null,
    values: fields.map(({ name, type }) => toValue(row[name], type)),
  }
}

function toValue(stored: unknown, type: FieldSpec['type']): Value {
  if (stored === null || stored === undefined) return null
  if (stored instanceof Date) return stored.getTime()
  if (decimalScale(type) !== undefined) return signedBigInt(stored as Uint8Array)
  if (type === 'int') return Number(stored)
  if (vectorLength(type) !== undefined) return Float32Array.from(stored as number[])
  return stored as Value
}

/** Two's complement, the most significant byte first. */
function signedBigInt(bytes: Uint8Array): bigint {
  const whole = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return BigInt.asIntN(bytes.length * 8, whole)
}
