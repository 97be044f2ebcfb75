export { LabelProblem } from './by-commits.ts'
export { chainsOf } from './chains.ts'
export { type FeatureColumn, featureColumns, statusColumn } from './columns.ts'
export { computeHeld, type HeldLabel, type HeldLog, type HeldSet } from './in-memory.ts'
export { isTimeZone, labelTime, type RawTime } from './label-time.ts'
export { type Cut, Lineage, type LogPart } from './lineage.ts'
export { BY_PARTS, KIND, type MergedBatch, orderedBy, runMergedPass } from './merged-pass.ts'
export { type Arrival, type Mode, modeText, parseMode, type Seen, seenFrom } from './mode.ts'
export {
  type Cursor,
  type Emit,
  type LabelBatch,
  type RowBatch,
  runPass,
  type SourceRows,
} from './pass.ts'
export { rowText } from './row-text.ts'
export { Replays } from './since.ts'
