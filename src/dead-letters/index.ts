export type { Totals } from './accounts.ts'
export {
  type DeadLetter,
  deadLetter,
  isReplayable,
  type LetterOrigin,
  letterOrigin,
  PAYLOAD_UNITS,
  placeOfLetter,
  replayId,
} from './letter.ts'
export {
  type DropAnswer,
  type DropRequest,
  Letters,
  type ReplayCursor,
  type TakenLetters,
  type TakeRequest,
} from './letters.ts'
export { DEFAULT_LIMITS, type LetterLimits, parseLimits } from './limits.ts'
export type { LetterFilter, LetterList, ListedLetter, ListRequest, TakenLetter } from './reader.ts'
export { type Replay, type ReplayReport, type ReplayRequest, replay } from './replay.ts'
export type { Sql, SqlValue } from './sql.ts'
