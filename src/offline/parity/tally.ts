import { isMismatch, type Reading, VERDICTS, type Verdict } from './judge.ts'

/** How many features of a name were found to be what. */
export interface FeatureTally {
  readonly feature: string
  readonly verdicts: Readonly<Record<Verdict, number>>
}

/**
 * Why a vector was not compared at all. `behind`: the log does not have its commits yet. `unlogged`: the log of a shard that it
 * saw was not given, or keeps none. `erased`: what its entity was computed from was erased. `definitions`: nobody knows what it
 * was computed by. `untold`: its commits do not name every shard that it saw. `damaged`: no line of a sample.
 */
export const SKIPS = ['behind', 'unlogged', 'erased', 'definitions', 'untold', 'damaged'] as const
export type Skip = (typeof SKIPS)[number]

/** One value that is not what the log gives. */
export interface Mismatch {
  readonly feature: string
  readonly verdict: Verdict
  readonly service: string | null
  readonly region: string
  readonly keys: Readonly<Record<string, string>>
  readonly served: string
  readonly at: string
  readonly commits: readonly string[]
  readonly plan: string
  readonly servedAs: Reading
  readonly recomputedAs: Reading
  /** What the value is made of, a sentence a line. */
  readonly explanation: readonly string[]
}

/** What a run of parity found: as it is printed by `--json` and kept in the bucket. */
export interface ParityReport {
  readonly format: 1
  /** When it ran, RFC 3339. */
  readonly ranAt: string
  /** Vectors that were served from here on, and before. */
  readonly from: string
  readonly to: string
  readonly service: string | null
  readonly regions: readonly string[]
  readonly vectors: {
    /** Of the sample, in that time. */
    readonly sampled: number
    /** All of whose features were looked at. */
    readonly compared: number
    /** With at least one value that is another. */
    readonly mismatched: number
    /** Of `compared`: computed by definitions that are not those of now. */
    readonly earlierDefinitions: number
    readonly skipped: Readonly<Record<Skip, number>>
  }
  readonly values: Readonly<Record<Verdict, number>>
  readonly features: readonly FeatureTally[]
  /** The first ones. */
  readonly mismatches: readonly Mismatch[]
  /** Sentences for people. */
  readonly notes: readonly string[]
}

const noVerdicts = (): Record<Verdict, number> =>
  Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>

/** Counts verdicts, by feature. */
export class Tally {
  private readonly byFeature = new Map<string, Record<Verdict, number>>()
  private readonly skipped = Object.fromEntries(SKIPS.map((skip) => [skip, 0])) as Record<Skip, number>
  private compared = 0
  private mismatched = 0
  private earlier = 0

  skip(why: Skip): void {
    this.skipped[why]++
  }

  /** One vector. */
  add(features: readonly string[], verdicts: readonly Verdict[], isEarlier: boolean): void {
    this.compared++
    if (isEarlier) this.earlier++
    if (verdicts.some(isMismatch)) this.mismatched++
    for (let i = 0; i < features.length; i++) {
      const name = features[i] as string
      let own = this.byFeature.get(name)
      if (own === undefined) {
        own = noVerdicts()
        this.byFeature.set(name, own)
      }
      own[verdicts[i] as Verdict]++
    }
  }

  get vectors(): ParityReport['vectors'] {
    const { compared, mismatched, earlier, skipped } = this
    const sampled = compared + Object.values(skipped).reduce((sum, count) => sum + count, 0)
    return { sampled, compared, mismatched, earlierDefinitions: earlier, skipped: { ...skipped } }
  }

  /** Those with mismatches first, then by name. */
  get features(): readonly FeatureTally[] {
    const bad = ({ verdicts }: FeatureTally): number =>
      VERDICTS.filter(isMismatch).reduce((sum, verdict) => sum + verdicts[verdict], 0)
    return [...this.byFeature]
      .map(([feature, verdicts]) => ({ feature, verdicts: { ...verdicts } }))
      .sort((a, b) => bad(b) - bad(a) || (a.feature < b.feature ? -1 : 1))
  }

  get values(): Readonly<Record<Verdict, number>> {
    const all = noVerdicts()
    for (const own of this.byFeature.values()) for (const verdict of VERDICTS) all[verdict] += own[verdict]
    return all
  }
}
