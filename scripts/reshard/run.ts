/** Has all shards of an epoch copy or open, some at a time. What was done is done: broken off, it goes on where it was. */
import type { Counted, EpochsClient, ShardStatus, Worked } from './client.ts'
import type { Move, ReshardPlan } from './plan.ts'

/** One shard that is to work. */
export interface Task {
  readonly of: Counted
  readonly shard: number
}

export interface Outcome extends Task {
  readonly status: ShardStatus
}

export const tasksOf = ({ to }: ReshardPlan, moves: readonly Move[]): Task[] =>
  moves.flatMap(({ kind, name, to: shards }) =>
    Array.from({ length: shards }, (_, shard) => ({ of: { epoch: to, kind, name }, shard })),
  )

/** `onStep` is told after each answer, with how many are done. Throws what the first one fails with, when all others have stopped. */
export async function work(
  client: EpochsClient,
  { step }: Pick<ReshardPlan, 'step'>,
  tasks: readonly Task[],
  concurrency: number,
  onStep: (done: number, last: Task & Worked) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const waiting = [...tasks]
  const failures: unknown[] = []
  const worker = async () => {
    for (let task = waiting.shift(); task !== undefined && failures.length === 0; task = waiting.shift()) {
      try {
        let worked: Worked
        do {
          worked =
            step === 'prepare' ? await client.prepare(task.of, task.shard) : await client.open(task.of, task.shard)
          if (worked.done) outcomes.push({ ...task, status: worked.status })
          onStep(outcomes.length, { ...task, ...worked })
        } while (!worked.done)
      } catch (cause) {
        failures.push(cause)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  if (failures.length > 0) throw failures[0]
  return outcomes
}

/** What the shards of the epoch before say, for the plan. */
export async function sizesOf(
  client: EpochsClient,
  { from, moves }: ReshardPlan,
): Promise<Map<Move, readonly ShardStatus[]>> {
  const sizes = new Map<Move, readonly ShardStatus[]>()
  for (const move of moves) sizes.set(move, await client.shards({ epoch: from, kind: move.kind, name: move.name }))
  return sizes
}
