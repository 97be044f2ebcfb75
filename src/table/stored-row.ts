import type { Part } from '../engine/index.ts'
import type { RowVersion } from './version.ts'

/** What a table's shard keeps of a key. */
export interface StoredRow {
  /** The change that it is of. */
  readonly version: RowVersion
  /** Null once it is deleted. */
  readonly row: LiveRow | null
  /** A newer change that was refused: since then, what a change leaves out as unchanged is not known. */
  readonly doubt?: RowVersion
}

export interface LiveRow {
  /** JSON of all fields, as the contract had checked them. */
  readonly text: string
  /** The number that it was put in by. */
  readonly seq: number
  /** Equal for rows of equal content. */
  readonly content: string
  /** The contract that it was checked by. */
  readonly contract: number
  /** The shard of the table that put it in, where that is not the one that keeps it now; as its commits name it. */
  readonly part?: Part
}

type StoredVersion = readonly [
  lsn: string | null,
  order: number,
  sequence: string | null,
  incarnation: number,
  offset: number,
]
type StoredPart = readonly [region: number, epoch: number, shard: number]
type StoredLive = readonly [seq: number, content: string, contract: number, text: string, ...part: StoredPart[]]

/** As it is stored: JSON of `[version, row or null, doubt or null]`. */
export function formatRow({ version, row, doubt }: StoredRow): string {
  const live: StoredLive | null = row && [row.seq, row.content, row.contract, row.text, ...storedPart(row)]
  return JSON.stringify([storedVersion(version), live, doubt ? storedVersion(doubt) : null])
}

export function parseRow(body: string): StoredRow {
  const [version, live, doubt] = JSON.parse(body) as [StoredVersion, StoredLive | null, StoredVersion | null]
  return {
    version: versionOf(version),
    row: live && { seq: live[0], content: live[1], contract: live[2], text: live[3], ...partOf(live[4]) },
    ...(doubt && { doubt: versionOf(doubt) }),
  }
}

const storedPart = ({ part }: LiveRow): StoredPart[] => (part ? [[part.region, part.epoch, part.shard]] : [])

const partOf = (stored: StoredPart | undefined): Pick<LiveRow, 'part'> =>
  stored ? { part: { region: stored[0], epoch: stored[1], shard: stored[2] } } : {}

function storedVersion({ lsn, order, position }: RowVersion): StoredVersion {
  const place = position
    ? ([position.sequence, position.incarnation, position.offset] as const)
    : ([null, 0, 0] as const)
  return [lsn === null ? null : String(lsn), order, ...place]
}

function versionOf([lsn, order, sequence, incarnation, offset]: StoredVersion): RowVersion {
  const position = sequence === null ? null : { sequence, incarnation, offset }
  return { lsn: lsn === null ? null : BigInt(lsn), order, position }
}
