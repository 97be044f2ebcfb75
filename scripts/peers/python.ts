/** Python with what data people use, in an environment of its own under `.tidemark/peers`: what reads our files there reads them. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../lib/run.ts'
import { peersFolder } from './install.ts'

/** Versions that are tested with; about 150 MB to download. */
const PACKAGES = ['pandas==2.3.3', 'pyarrow==22.0.0', 'polars==1.35.2', 'scikit-learn==1.7.2', 'lightgbm==4.6.0']

const folder = join(peersFolder, 'python')
const stamp = JSON.stringify(PACKAGES)

/** The environment's own Python. */
export const pythonOf = (environment: string): string => join(environment, 'bin', 'python')

export function isPythonThere(): boolean {
  const complete = join(folder, 'complete')
  return existsSync(complete) && readFileSync(complete, 'utf8') === stamp
}

/**
 * Where Python is, with its packages; they are downloaded when they are not there yet. Throws with what to do when there is no
 * python3, or pip cannot download.
 */
export async function installPython(): Promise<string> {
  if (isPythonThere()) return pythonOf(folder)
  // An environment knows its own place: it cannot be made elsewhere and moved. What says that it is complete comes last.
  rmSync(folder, { recursive: true, force: true })
  const made = await run('python3', ['-m', 'venv', folder])
  if (!made.ok)
    throw new Error(`python3 -m venv failed: install Python 3.10 or newer, with venv.\n${made.output.trim()}`)
  const installed = await run(pythonOf(folder), ['-m', 'pip', 'install', '--quiet', ...PACKAGES])
  if (!installed.ok) throw new Error(`pip could not install ${PACKAGES.join(', ')}:\n${installed.output.trim()}`)
  writeFileSync(join(folder, 'unfinished'), stamp)
  renameSync(join(folder, 'unfinished'), join(folder, 'complete'))
  return pythonOf(folder)
}
