/** Trains with LightGBM in Python, in an environment of its own in the cache folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../scripts/lib/run.ts'
import { installPython, isPythonThere } from '../../scripts/peers/python.ts'

/** What is learned from: a row of numbers each, NaN where there is none. */
export interface Matrix {
  /** Names of the columns. */
  readonly inputs: readonly string[]
  /** Those of them that are numbers of categories. */
  readonly categories: readonly string[]
  readonly rows: readonly (readonly number[])[]
}

export interface Settings {
  readonly trees: number
  /** As LightGBM calls them: `{ num_leaves: 15 }`. */
  readonly settings: Readonly<Record<string, unknown>>
}

const script = join(import.meta.dirname, 'gbdt.py')

export class LightGbm {
  private readonly python: string
  private readonly folder: string

  private constructor(python: string, folder: string) {
    this.python = python
    this.folder = folder
  }

  /** Throws, with what to install, where there is no Python or its packages cannot be had. Nothing else here needs Python. */
  static async open(folder: string, say: (text: string) => void): Promise<LightGbm> {
    if (!isPythonThere()) say('Installing LightGBM and what it needs into .tidemark, once (about 150 MB) ...')
    const python = await installPython().catch((error: Error) => {
      throw new Error(
        `The examples train with LightGBM, which needs Python 3.10 or newer with venv and pip.\n${error.message}`,
      )
    })
    mkdirSync(folder, { recursive: true })
    return new LightGbm(python, folder)
  }

  /** Gives the model as JSON, `dump_model()`. */
  async train(matrix: Matrix, labels: readonly number[], { trees, settings }: Settings): Promise<string> {
    this.describe(matrix, { trees, settings })
    writeNumbers(
      join(this.folder, 'learn.f64'),
      matrix.rows.flatMap((row, i) => [...row, labels[i] ?? Number.NaN]),
    )
    await this.run('train')
    return readFileSync(join(this.folder, 'model.json'), 'utf8')
  }

  /** Raw scores by the model that was trained last, as LightGBM itself gives them. */
  async score(matrix: Matrix): Promise<Float64Array> {
    this.describe(matrix, { trees: 0, settings: {} })
    writeNumbers(join(this.folder, 'score.f64'), matrix.rows.flat())
    await this.run('score')
    const bytes = readFileSync(join(this.folder, 'raw.f64'))
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  }

  private describe({ inputs, categories }: Matrix, settings: Settings): void {
    writeFileSync(join(this.folder, 'matrix.json'), JSON.stringify({ inputs, categories, ...settings }))
  }

  private async run(command: 'train' | 'score'): Promise<void> {
    const { ok, output } = await run(this.python, [script, command, this.folder])
    if (!ok) throw new Error(`LightGBM could not ${command}:\n${output.trim()}`)
  }
}

function writeNumbers(file: string, numbers: readonly number[]): void {
  writeFileSync(file, new Uint8Array(Float64Array.from(numbers).buffer))
}
