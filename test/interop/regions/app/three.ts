import type { Region } from '../../../../src/plan/index.ts'

/** What regions.ts says of this app when no test says more. */
export const THREE: readonly Region[] = ['east', 'west', 'south'].map((name, i) => ({
  name,
  id: i + 1,
  epoch: 0,
  shards: { default: 2 },
}))
