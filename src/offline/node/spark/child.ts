import { readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { compileContract } from '../../../contract/index.ts'
import type { ViewPlan } from '../../../engine/index.ts'
import { type EntityRuntime, type FeatureRef, Plan } from '../../../plan/index.ts'
import { type LabelProblem, Lineage, type MergedBatch, Replays, runMergedPass } from '../../training/index.ts'
import { Tally } from '../training/tally.ts'
import type { ChildJob, ChildNote } from './job.ts'
import { type MergedSource, mergedBatches } from './merged-batches.ts'
import { ResultStream } from './result-stream.ts'

/**
 * The engine between two streams of Arrow: sorted rows and labels in, features out. It takes the next batch only when what it
 * wrote has been read. The last row that it writes is its note; a stream without it is not whole. Throws for input that is cut.
 */
export async function runChild(job: ChildJob, input: Readable, output: Writable): Promise<void> {
  const plan = new Plan(job.definitions)
  const entity = plan.entities.get(job.entity) as EntityRuntime
  const vector = plan.vectorOf(null, job.features)
  if (typeof vector === 'string') throw new Error(vector)
  const features = vector.features as readonly FeatureRef[]
  const types = features.map(({ feature }) => feature.resultType)
  const lineage = new Lineage(entity, job.parts)
  const sources = job.sources.map(({ spec, fields, slots }): MergedSource => {
    const gone = { spec, contract: compileContract(spec), routes: [], table: null }
    return { source: plan.sources.get(spec.name) ?? gone, fields, slots }
  })
  const results = new ResultStream(output, types, job.withStatus)
  const tally = new Tally(job.run, types)
  const problems: LabelProblem[] = []
  let refused = 0
  const onProblem = (problem: LabelProblem): void => {
    refused++
    if (problems[0] === undefined || problem.row < problems[0].row) problems[0] = problem
  }
  const lateness = features.map(({ view }) => (entity.plan[view] as ViewPlan).spec.allowedLatenessMs)
  const pass = {
    lineage,
    latenessMs: Math.min(...lateness),
    replays: new Replays(entity, features, lineage),
    onProblem,
  }
  const batches = paced(mergedBatches(input, sources, job.slots), results)
  const labels = await runMergedPass(pass, batches, (row, values) => {
    tally.add(row, values)
    results.add(row, values)
  })
  if (tally.rows + refused !== labels) throw new Error(`of ${labels} labels ${tally.rows} were computed`)
  const [first] = problems
  const note: ChildNote = {
    tally: tally.parts,
    problem: first === undefined ? null : { row: first.row, message: first.message },
    problems: refused,
    node: process.version,
    peakKb: peakKb(),
  }
  await results.finish(JSON.stringify(note))
}

async function* paced(batches: AsyncIterable<MergedBatch>, results: ResultStream): AsyncGenerator<MergedBatch> {
  for await (const batch of batches) {
    yield batch
    await results.drained()
  }
}

/** The most memory that this process had. What the kernel tells of children is that of their parents too. */
function peakKb(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
