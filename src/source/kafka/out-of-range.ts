import type { KafkaIntake } from '../../engine/index.ts'
import type { OffsetRange, TopicInfo } from './kafka-http.ts'
import type { Halt, PullerState } from './puller-state.ts'

/** What follows when a broker says that it has no such offset. */
export type RangeVerdict =
  /** The topic was deleted and made again. */
  | { readonly kind: 'next_topic'; readonly id: string }
  /** Records were deleted before they were read: go on at `to`. */
  | { readonly kind: 'gap'; readonly to: number; readonly lost: number }
  | { readonly kind: 'halt'; readonly reason: Halt['reason']; readonly message: string }
  /** It has it after all. */
  | { readonly kind: 'again'; readonly message: string }

/** Judges an offset that is out of range, by what the topic is now and what the source wants. `sequence`: `topic/partition`. */
export function judgeRange(
  { offset, topicId }: PullerState,
  topic: TopicInfo,
  { begin, end }: OffsetRange,
  onGap: KafkaIntake['onGap'],
  sequence: string,
): RangeVerdict {
  if (topic.id !== null && topicId !== null && topic.id !== topicId) return { kind: 'next_topic', id: topic.id }
  if (offset > end) {
    const known =
      topic.id === null
        ? 'this server tells no id of the topic, so it may have been made again'
        : 'it is still the same topic'
    const what = `${sequence} ends at ${end}, but everything before ${offset} was read from it; ${known}.`
    return { kind: 'halt', reason: 'beyond_end', message: `${what} Resume with the offset to go on at.` }
  }
  if (offset >= begin) {
    return {
      kind: 'again',
      message: `${sequence} says that ${offset} is out of range, and that it has ${begin} to ${end}`,
    }
  }
  const lost = begin - offset
  if (onGap === 'halt') {
    const what = `${lost} records of ${sequence} were deleted before they were read: ${offset} to ${begin - 1}.`
    return { kind: 'halt', reason: 'gap', message: `${what} Resume to go on behind them.` }
  }
  const to = onGap === 'latest' ? end : begin
  return { kind: 'gap', to, lost: to - offset }
}
