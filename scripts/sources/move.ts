/** Moves a partition from one region to another: stops it here, then goes on there from the very place. */
import type { Barrier } from '../../src/source/index.ts'
import { type PartitionName, type PartitionStatus, partitionText, type SourcesClient } from './client.ts'

/** What can go wrong, or be repeated, half way: each is for a person to read. */
export class MoveError extends Error {}

export interface Move {
  readonly name: PartitionName
  /** Absent: it is not asked whether it has stopped there. */
  readonly from?: SourcesClient
  readonly to: SourcesClient
  /** Where to go on, of a move that was begun: nothing is handed over again. */
  readonly barrier?: Barrier
  /** Told before anything depends on it: whoever has it can go on by hand. */
  readonly onBarrier: (barrier: Barrier) => void
}

/**
 * Hands over where `from` pulls, takes over where `to` does. At no time do both pull, and every step can be repeated: a move
 * that is done changes nothing.
 *
 * @returns the partition in its new region
 */
export async function move({ name, from, to, barrier: given, onBarrier }: Move): Promise<PartitionStatus> {
  // The second half would fail where the region is away or does not know the partition: better before the first.
  const there = await to.partition(name)
  const here = await from?.partition(name)
  if (given === undefined) {
    if (from === undefined || here === undefined) throw new MoveError('a move begins where the partition is pulled now')
    refuseToBegin(name, here, there)
    const barrier = await from.handOver(name)
    onBarrier(barrier)
    return await to.takeOver(name, barrier)
  }
  if (here !== undefined && here.phase !== 'away')
    throw new MoveError(`${partitionText(name)} is still ${here.phase} where it comes from: leave out --barrier.`)
  if (!isFree(there)) return finished(name, there, given)
  return await to.takeOver(name, given)
}

function refuseToBegin(name: PartitionName, here: PartitionStatus, there: PartitionStatus): void {
  const what = partitionText(name)
  if (!isFree(there)) {
    const also = here.phase === 'away' ? 'It has been moved already.' : 'Both would pull it: hand one of them over.'
    throw new MoveError(`${what} is ${there.phase} where it is to go. ${also}`)
  }
  if (here.phase === 'waiting' && here.offset < 0)
    throw new MoveError(
      `${what} waits itself where it is to come from${here.problem === null ? '' : `: ${here.problem}`}`,
    )
  if (here.phase !== 'away') return
  const { topicId, incarnation, offset, generation } = here
  const barrier = JSON.stringify({ topicId, incarnation, offset, generation })
  throw new MoveError(
    `neither region pulls ${what}. If a third one does, move it from there; if a move was broken off, end it with --barrier '${barrier}'`,
  )
}

/** Nothing is pulled there, and nothing of it is to be handed over first: a region that its source has come to waits for it. */
const isFree = ({ phase, offset }: PartitionStatus): boolean => phase === 'away' || (phase === 'waiting' && offset < 0)

function finished(name: PartitionName, there: PartitionStatus, barrier: Barrier): PartitionStatus {
  const isBehind = there.incarnation < barrier.incarnation || there.offset < barrier.offset
  if (there.generation >= barrier.generation && !isBehind) return there
  throw new MoveError(
    `${partitionText(name)} is ${there.phase} at offset ${there.offset} where it is to go, and not from this barrier on. Hand it over there first if it is to start again.`,
  )
}
