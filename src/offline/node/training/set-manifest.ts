import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest, Removal } from '../../index.ts'
import type { LogPart } from '../../training/index.ts'
import { OfflineError } from '../offline-error.ts'
import type { ShardLog } from '../open-log.ts'
import type { FeatureTally } from './tally.ts'

export const SET_MANIFEST_FORMAT = 1

/** Up to where one shard's log was read. */
export interface LogCut extends LogPart {
  readonly availableAtMs: number
  readonly segments: number
  /** The SHA-256 of the checksums of its segments, in the order of their names. */
  readonly segmentsSha256: string
  /** What had been taken out of it. */
  readonly removed: readonly Removal[]
}

/** All that it takes to make a set again, and what came out. Lies beside the set as `OUT.manifest.json`. */
export interface SetManifest {
  readonly format: number
  readonly service: string
  readonly features: readonly string[]
  /** The hash of the definitions: others may give other values. */
  readonly definitions: string
  readonly engine: { readonly tidemark: string; readonly node: string; readonly zones: string }
  readonly mode: string
  /** The region that serves; null where a column of the labels says it, or every label goes by its commits. */
  readonly region: string | null
  readonly publishLagMs: number
  readonly timeZone: string | null
  /** The columns of the labels, by what they are. */
  readonly columns: Readonly<Record<string, string>>
  readonly split: string | null
  readonly status: boolean
  /** Nothing is drawn by lot: the same inputs give the same set. */
  readonly seed: null
  readonly labels: { readonly sha256: string; readonly rows: number; readonly byCommits: number }
  readonly log: readonly LogCut[]
  readonly rows: number
  readonly counts: Readonly<Record<string, FeatureTally & { readonly nullShare: number }>>
  /** By entity, of the values and statuses in the order of the labels, whatever file they are in. */
  readonly content: Readonly<Record<string, string>>
}

export const manifestOf = (out: string): string => `${out}.manifest.json`

/** What of a shard's log a set was read from. */
export function cutOf({ manifest, files }: ShardLog, features: readonly string[]): LogCut {
  const { shard, bornMs, previous, fromSeq, seq, availableAtMs, removed } = manifest
  const sorted = [...files].sort((a, b) => (a.segment.key < b.segment.key ? -1 : 1))
  const hash = createHash('sha256')
  for (const { segment } of sorted) hash.update(segment.sha256)
  return {
    shard,
    bornMs,
    previous,
    fromSeq,
    seq,
    since: sinceOf(manifest, features),
    availableAtMs,
    segments: files.length,
    segmentsSha256: hash.digest('hex'),
    removed,
  }
}

function sinceOf({ since }: Manifest, features: readonly string[]): Record<string, number | null> {
  return Object.fromEntries(features.flatMap((name) => (name in since ? [[name, since[name] ?? null]] : [])))
}

/** The version of this package, as manifests have it. */
export function engineVersion(): SetManifest['engine'] {
  const file = join(import.meta.dirname, '..', '..', '..', '..', 'package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }
  return { tidemark: version, node: process.version, zones: process.versions.tz ?? 'unknown' }
}

/** Throws an {@link OfflineError} for a file that is none, or of a newer version. */
export function readSetManifest(file: string): SetManifest {
  let manifest: SetManifest
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8')) as SetManifest
  } catch (error) {
    throw new OfflineError(
      `--manifest ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (manifest.format !== SET_MANIFEST_FORMAT)
    throw new OfflineError(
      `--manifest ${file} is no manifest of a set that this version reads (format ${manifest.format}).`,
    )
  return manifest
}
