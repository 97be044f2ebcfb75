/** What a puller is doing. */
export type PullerPhase =
  /** Another region pulls the partition, or did before it was handed on. */
  | 'away'
  /**
   * Stands still until the partition is moved: in a region that its source has left, until it is handed over; in one that its source
   * has come to, until it is taken over.
   */
  | 'waiting'
  | 'running'
  /** Waits for a person: `halt` says what for. */
  | 'halted'

/** Why a partition stands still, and how to make it go on. */
export interface Halt {
  /**
   * `schema`: the writer's schema does not fit the contract · `poison`: a record that cannot be taken, where the source says to
   * halt · `gap`: records were deleted before they were read, where it says to halt · `beyond_end`: the topic is shorter than
   * what was read from it · `fenced`: a newer reader has taken over · `denied`: the server refuses us for good
   */
  readonly reason: 'schema' | 'poison' | 'gap' | 'beyond_end' | 'fenced' | 'denied'
  readonly message: string
  /** The record that is not yet taken. */
  readonly offset: number
  readonly sinceMs: number
}

/** What a puller has done since it was made. Records of a page that was handed over twice are counted once. */
export interface PullerCounts {
  readonly records: number
  readonly accepted: number
  readonly duplicates: number
  readonly refused: number
  /** Tombstones, heartbeats and what else is nothing to take in. */
  readonly skipped: number
  /** Records that were deleted at the broker before they were read. */
  readonly lost: number
}

/** Everything a puller remembers; saved after each page, once all shards have it. */
export interface PullerState {
  readonly phase: PullerPhase
  readonly halt: Halt | null
  /** Raised whenever the puller begins anew: shards turn an older one away. */
  readonly generation: number
  /** The broker's id of the topic; null where it is not told. */
  readonly topicId: string | null
  /** Counts the topics of this name. */
  readonly incarnation: number
  /** How many partitions the topic had when this one was first read, or 0 before. */
  readonly firstPartitions: number
  /** The partition was added when others had been read already. */
  readonly isLater: boolean
  /** The next record to read; -1 before it is known where to begin. */
  readonly offset: number
  /** Where the topic ended when last asked, or -1. */
  readonly end: number
  /** When the newest record that was taken was written, ms, or 0. */
  readonly newestMs: number
  /** When this was last known to be all there is, or to be behind, ms. */
  readonly seenMs: number
  /** Looks in a row that found nothing, and tries in a row that failed. */
  readonly idle: number
  readonly failures: number
  /** What the last failure was, until something succeeds. */
  readonly problem: string | null
  /** What was noted about writer schemas that fit. */
  readonly notes: readonly string[]
  readonly counts: PullerCounts
}

/** Where a partition is handed from one region to another: every shard of the first has everything before it. */
export interface Barrier {
  readonly topicId: string | null
  readonly incarnation: number
  readonly offset: number
  readonly generation: number
}

/** What a region has to do with a partition, by the routing of its source. */
export type Pulls =
  /** It is the home of the source, and pulls it. */
  | 'home'
  /** It is the first region, and pulls it when no other one has: of a source without a home. */
  | 'first'
  /** It pulls it once it was moved here: of a source without a home, in the other regions. */
  | 'moved'
  /** Another region is the home of the source: this one never pulls it. */
  | 'never'

/** Whether another region has read a partition. */
export type ReadElsewhere =
  | { readonly kind: 'nobody' }
  /** `next`: the record that it would read next, or -1. */
  | { readonly kind: 'read'; readonly region: string; readonly next: number }
  | { readonly kind: 'failed'; readonly message: string }

/** Whether any record was, or may have been, read by this puller; or it was told where to begin. */
export const hasBegun = ({ generation, offset }: Pick<PullerState, 'generation' | 'offset'>): boolean =>
  generation > 0 || offset >= 0

/** Told where a source has left. */
const LEFT = 'its source has another home now, which waits for it: move it there'

/** What a puller does when it is opened: what it did, as far as the routing still lets it. */
export function openedState(saved: PullerState | undefined, pulls: Pulls): PullerState {
  const state = saved ?? newPuller('away')
  const { phase, halt } = state
  if (!hasBegun(state)) {
    if (pulls === 'home' && phase === 'waiting') return state
    return { ...state, phase: pulls === 'home' || pulls === 'first' ? 'running' : 'away' }
  }
  if (phase === 'away') return state
  if (pulls === 'never') return { ...state, phase: 'waiting', problem: LEFT }
  // Not handed over: nobody else has gone on from there, so it may, also when its source has come back.
  return { ...state, phase: halt === null ? 'running' : 'halted' }
}

export const newPuller = (phase: PullerPhase): PullerState => ({
  phase,
  halt: null,
  generation: 0,
  topicId: null,
  incarnation: 0,
  firstPartitions: 0,
  isLater: false,
  offset: -1,
  end: -1,
  newestMs: 0,
  seenMs: 0,
  idle: 0,
  failures: 0,
  problem: null,
  notes: [],
  counts: { records: 0, accepted: 0, duplicates: 0, refused: 0, skipped: 0, lost: 0 },
})
