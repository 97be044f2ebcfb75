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

  constructor(python: string, folder: string) {
    this.python = python
    this.folder = folder
  }

  /**
   * Where Python is. Throws, with what to install, where there is none or its packages cannot be had. Nothing else here needs
   * Python.
   */
  static async check(say: (text: string) => void): Promise<string> {
    if (!isPythonThere()) say('Installing LightGBM and what it needs into .tidemark, once (about 150 MB) ...')
    return await installPython().catch((error: Error) => {
      throw new Error(
        `the examples train with LightGBM, which needs Python 3.10 or newer with venv and pip.\n${error.message}`,
      )
    })
  }

  /** Gives the model as JSON, `dump_model()`. */
  async train(name: string, matrix: Matrix, labels: readonly number[], { trees, settings }: Settings): Promise<string> {
    const folder = this.describe(name, matrix, { trees, settings })
    const table = matrix.rows.flatMap((row, i) => [...row, labels[i] ?? Number.NaN])
    writeNumbers(join(folder, 'learn.f64'), table)
    await this.run('train', folder)
    return readFileSync(join(folder, 'model.json'), 'utf8')
  }

  /** Raw scores by the model that was trained under this name, as LightGBM itself gives them. */
  async score(name: string, matrix: Matrix): Promise<Float64Array> {
    const folder = this.describe(name, matrix, { trees: 0, settings: {} })
    writeNumbers(join(folder, 'score.f64'), matrix.rows.flat())
    await this.run('score', folder)
    const bytes = readFileSync(join(folder, 'raw.f64'))
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  }

  private describe(name: string, { inputs, categories }: Matrix, settings: Settings): string {
    const folder = join(this.folder, name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'matrix.json'), JSON.stringify({ inputs, categories, ...settings }))
    return folder
  }

  private async run(command: 'train' | 'score', folder: string): Promise<void> {
    const { ok, output } = await run(this.python, [script, command, folder])
    if (!ok) throw new Error(`LightGBM could not ${command}:\n${output.trim()}`)
  }
}

function writeNumbers(file: string, numbers: readonly number[]): void {
  writeFileSync(file, new Uint8Array(Float64Array.from(numbers).buffer))
}
