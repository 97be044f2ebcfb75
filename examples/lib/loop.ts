/** The steps that every loop has: labels to a training set, to a model, to predictions that are held against the set. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Definitions } from 'tidemark'
import { type ParityReport, trainingSet } from 'tidemark/offline'
import { root } from '../../scripts/lib/paths.ts'
import { run } from '../../scripts/lib/run.ts'
import { areaUnderCurve } from '../../scripts/train/logistic.ts'
import { prediction, rawScore, readGbdt } from './gbdt.ts'
import type { LightGbm, Settings } from './lightgbm.ts'
import type { ModelInputs, Values } from './model-inputs.ts'
import type { Prediction } from './predictor.ts'
import { type TrainingRow, trainingRows } from './training-rows.ts'

/** A moment at which a model was asked, or would have been, and what turned out. */
export interface Label {
  readonly atMs: number
  /** Keys and columns of the model. */
  readonly row: Values
  readonly label: 0 | 1
  /** What the Worker answered at that moment; without it the set goes by time. */
  readonly served?: Prediction
}

export interface Trained {
  readonly rows: number
  readonly baseRate: number
  readonly trees: number
}

export interface Judged {
  readonly rows: number
  readonly baseRate: number
  /** 0.5 is guessing. */
  readonly auc: number
  /** Of the training rows' raw scores those that are the Worker's own, bit for bit; and how far the others are. */
  readonly equal: number
  readonly greatestDifference: number
  /** The same against LightGBM itself. */
  readonly equalToLightGbm: number
}

export interface Parity {
  readonly vectors: number
  readonly values: number
  readonly mismatches: number
  /** Vectors that could not be compared. */
  readonly skipped: number
}

export interface LoopOptions {
  readonly definitions: Definitions
  /** The bucket of the log. */
  readonly log: string
  /** Where files go. */
  readonly folder: string
  readonly lightgbm: LightGbm
}

export class Loop {
  private readonly options: LoopOptions

  constructor(options: LoopOptions) {
    this.options = options
  }

  /** Makes the training set of labels, in their order: what `npx tidemark train` does. */
  async setOf(model: ModelInputs, labels: readonly Label[], name: string): Promise<TrainingRow[]> {
    const { definitions, log, folder } = this.options
    const file = join(folder, `${name}.labels.ndjson`)
    const out = join(folder, `${name}.parquet`)
    writeFileSync(file, labels.map((label) => `${JSON.stringify(lineOf(label))}\n`).join(''))
    await trainingSet({ definitions, service: model.service, labels: file, out, log })
    const rows = await trainingRows(out, model)
    if (rows.length !== labels.length) throw new Error(`${labels.length} labels gave ${rows.length} rows`)
    return rows
  }

  /** Learns from labels. Gives the model as JSON. */
  async train(
    model: ModelInputs,
    labels: readonly Label[],
    settings: Settings,
  ): Promise<{ readonly json: string; readonly trained: Trained }> {
    const rows = await this.setOf(model, labels, `${model.service}.learn`)
    const outcomes = labels.map(({ label }) => label)
    const json = await this.options.lightgbm.train(model.service, matrixOf(model, rows), outcomes, settings)
    return { json, trained: { rows: rows.length, baseRate: mean(outcomes), trees: settings.trees } }
  }

  /** Holds what was predicted online against the training rows of the same labels. */
  async judge(
    model: ModelInputs,
    json: string,
    labels: readonly Label[],
  ): Promise<{ readonly judged: Judged; readonly rows: readonly TrainingRow[] }> {
    const gbdt = readGbdt(JSON.parse(json))
    if ('error' in gbdt) throw new Error(`The model of ${model.service}: ${gbdt.error}`)
    const rows = await this.setOf(model, labels, `${model.service}.judge`)
    const raws = rows.map(({ values }) => rawScore(gbdt, values))
    const theirs = await this.options.lightgbm.score(model.service, matrixOf(model, rows))
    const scored = raws.map((raw, i) => ({ probability: prediction(gbdt, raw), y: labels[i]?.label ?? 0 }))
    const online = labels.map(({ served }) => served?.raw ?? Number.NaN)
    const judged = {
      rows: rows.length,
      baseRate: mean(scored.map(({ y }) => y)),
      auc: areaUnderCurve(scored),
      equal: raws.filter((raw, i) => Object.is(raw, online[i])).length,
      greatestDifference: raws.reduce((most, raw, i) => Math.max(most, Math.abs(raw - (online[i] ?? Number.NaN))), 0),
      equalToLightGbm: raws.filter((raw, i) => Object.is(raw, theirs[i])).length,
    }
    return { judged, rows }
  }

  /** `npx tidemark parity` over everything that was served. */
  async parity(): Promise<Parity> {
    const args = ['parity', '--log', this.options.log, '--since', '1d', '--sample', '1000000', '--no-save', '--json']
    // 3: there are mismatches, and the report has them.
    const { output } = await run(process.execPath, [join(root, 'scripts', 'tidemark.ts'), ...args])
    const line = output.split('\n').find((text) => text.startsWith('{'))
    if (line === undefined) throw new Error(`tidemark parity failed:\n${output.trim()}`)
    const { vectors, features } = JSON.parse(line) as ParityReport
    return {
      vectors: vectors.compared,
      values: features.reduce((sum, { verdicts }) => sum + verdicts.same, 0),
      mismatches: vectors.mismatched,
      skipped: Object.values(vectors.skipped).reduce((sum, count) => sum + count, 0),
    }
  }
}

/** A lookup's commits in a label: the very vector that was served. */
function lineOf({ row, atMs, label, served }: Label): object {
  return { ...row, at: new Date(atMs).toISOString(), label, ...(served && { commits: served.commits }) }
}

const matrixOf = ({ inputs, categories }: ModelInputs, rows: readonly TrainingRow[]) => ({
  inputs,
  categories,
  rows: rows.map(({ values }) => values),
})

const mean = (of: readonly number[]): number => of.reduce((sum, value) => sum + value, 0) / Math.max(of.length, 1)
