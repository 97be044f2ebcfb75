import type { EntityRuntime } from '../../plan/index.ts'
import { hashKey, parseCommit, sliceIn, sliceShard, spreadOf } from '../../plan/index.ts'
import type { Manifest } from '../log/manifest.ts'

/** What a set has to know of one shard's log. */
export type LogPart = Pick<Manifest, 'shard' | 'bornMs' | 'previous' | 'fromSeq' | 'seq' | 'since'> & {
  /** The entity's logs have everything since then, event time in ms; absent: always. Values that reach back further are partial. */
  readonly wholeMs?: number
}

/** By the place of each part in the lineage: its last commit that counts; 0 where none does. */
export type Cut = Float64Array

/**
 * The shards of one entity in all regions and epochs, and which commits of each count for a key: of an epoch that was handed
 * over, those that the next one took over.
 */
export class Lineage {
  readonly parts: readonly LogPart[]
  private readonly spread: number
  private readonly entity: string
  private readonly byName = new Map<string, number>()
  /** Parts of the next epoch by their parent's place. */
  private readonly children: readonly (readonly number[])[]
  private readonly whole: Cut
  private readonly hasEpochs: boolean

  constructor(entity: EntityRuntime, parts: readonly LogPart[]) {
    this.parts = parts
    this.spread = spreadOf(entity)
    this.entity = entity.spec.name
    parts.forEach(({ shard }, i) => {
      this.byName.set(nameOf(shard), i)
    })
    const children: number[][] = parts.map(() => [])
    parts.forEach((part, i) => {
      const parent = this.parentOf(part)
      if (parent !== undefined) children[parent]?.push(i)
    })
    this.children = children
    this.hasEpochs = children.some((own) => own.length > 0)
    this.whole = Float64Array.from(parts, ({ seq }) => seq)
  }

  private parentOf({ shard, previous }: LogPart): number | undefined {
    return previous === null ? undefined : this.byName.get(nameOf({ ...shard, ...previous }))
  }

  /** The first shard whose log ends before the commit at which another took over from it: what is in between would be missing. */
  get behind(): { readonly name: string; readonly seq: number; readonly needed: number } | undefined {
    for (const part of this.parts) {
      const parent = this.parentOf(part)
      const { seq = 0, shard } = (parent === undefined ? undefined : this.parts[parent]) ?? {}
      if (part.previous === null || seq >= part.previous.seq) continue
      const { region, entity } = part.shard
      const { epoch, shard: number } = shard ?? part.previous
      return { name: `${region}/${entity}/${epoch}/${number}`, seq, needed: part.previous.seq }
    }
    return undefined
  }

  /** All that the log has of a key. */
  limitsOf(key: string): Cut {
    if (!this.hasEpochs) return this.whole
    return this.whole.map((seq, i) => {
      const child = this.childOf(i, key)
      return child === undefined ? seq : (this.parts[child]?.previous?.seq ?? seq)
    })
  }

  /** The part of the next epoch that took a key over. */
  private childOf(part: number, key: string): number | undefined {
    const own = this.children[part] as readonly number[]
    if (own.length === 0) return undefined
    const { shard, shards } = (this.parts[part] as LogPart).shard
    const slice = sliceIn(shard, hashKey(key), shards)
    return own.find((child) => {
      const next = (this.parts[child] as LogPart).shard
      return sliceShard(key, slice, next.shards) === next.shard
    })
  }

  /** The parts that a key lives in now: those that no later epoch took over. */
  leavesOf(key: string): number[] {
    const hash = hashKey(key)
    return [...this.parts.keys()].filter((i) => {
      const { shard, shards } = (this.parts[i] as LogPart).shard
      return sliceIn(shard, hash, shards) < this.spread && this.childOf(i, key) === undefined
    })
  }

  /**
   * What a lookup had seen that answered with these commits; of shards that they do not name nothing. Texts of other entities
   * are passed over. An error says which commit the log does not have.
   */
  cutOf(commits: readonly string[]): Cut | { readonly error: string } {
    const cut = new Float64Array(this.parts.length)
    for (const text of commits) {
      const commit = parseCommit(text)
      if (commit === undefined)
        return { error: `${JSON.stringify(text)} is no commit: it is written as region/entity/epoch/shard/seq` }
      if (commit.entity !== this.entity) continue
      const place = this.byName.get(nameOf(commit))
      if (place === undefined) {
        if (commit.seq === 0) continue
        return { error: `commit ${text}: the log has no such shard` }
      }
      const late = this.include(cut, place, commit.seq)
      if (late !== undefined) return { error: `commit ${text}: the log of this shard has commits up to ${late} only` }
    }
    return cut
  }

  /** A commit, and whatever its shard had begun with; how far the log is, where it does not reach that far. */
  private include(cut: Cut, place: number, seq: number): number | undefined {
    const part = this.parts[place] as LogPart
    if (seq > part.seq) return part.seq
    cut[place] = Math.max(cut[place] as number, seq)
    const parent = this.parentOf(part)
    return parent === undefined || part.previous === null ? undefined : this.include(cut, parent, part.previous.seq)
  }
}

const nameOf = ({ region, epoch, shard }: { region: string; epoch: number; shard: number }): string =>
  `${region}/${epoch}/${shard}`
