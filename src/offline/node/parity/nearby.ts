import { parseCommit } from '../../../plan/index.ts'
import type { Reading } from '../../parity/index.ts'
import { type LoggedRead, type ReadsOptions, recomputeReads } from './reads.ts'

/** So many commits before and after are tried. */
const BEFORE = 16
const AFTER = 4

/** Looks for the commit near those that a read says it saw at which the log gives what was served. */
export async function nearbyCommit(
  about: Omit<ReadsOptions, 'reads'>,
  read: LoggedRead,
  feature: number,
  served: Reading,
): Promise<string[]> {
  const tries: { readonly text: string; readonly read: LoggedRead; readonly distance: number }[] = []
  for (const [i, text] of read.commits.entries()) {
    const commit = parseCommit(text)
    const manifest = about.logs.find(({ manifest: { shard } }) => {
      return shard.region === commit?.region && shard.epoch === commit.epoch && shard.shard === commit.shard
    })?.manifest
    if (commit === undefined || manifest === undefined || commit.entity !== about.entity.spec.name) continue
    for (let seq = Math.max(1, commit.seq - BEFORE); seq <= Math.min(manifest.seq, commit.seq + AFTER); seq++) {
      if (seq === commit.seq) continue
      const near = text.replace(/\d+$/, String(seq))
      tries.push({
        text: near,
        read: { ...read, commits: read.commits.with(i, near) },
        distance: Math.abs(seq - commit.seq),
      })
    }
  }
  if (tries.length === 0) return []
  const found = await recomputeReads({ ...about, reads: tries.map((one) => one.read) })
  const hits = tries.filter((_, i) => {
    const answer = found[i]
    const reading = answer !== undefined && 'readings' in answer ? answer.readings[feature] : undefined
    return reading?.value === served.value && reading.exact === served.exact
  })
  const [nearest] = hits.sort((a, b) => a.distance - b.distance)
  if (nearest === undefined) return [`At no commit near these does the log give what was served.`]
  return [`At commit ${nearest.text} the log gives what was served: it may have seen that one.`]
}
