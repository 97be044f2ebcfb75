export { isMismatch, judge, type Reading, VERDICTS, type Verdict } from './judge.ts'
export { elementsOf, parseServedLine, type ServedRow } from './served-line.ts'
export { type FeatureTally, type Mismatch, type ParityReport, SKIPS, type Skip, Tally } from './tally.ts'
