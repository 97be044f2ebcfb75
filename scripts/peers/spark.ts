/** Apache Spark for Python, in an environment of its own under `.tidemark/peers`. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from '../lib/run.ts'
import { peersFolder, type Say } from './install.ts'
import { javaAtLeast } from './java.ts'
import { pythonOf } from './python.ts'

/** Versions that are tested with; about 455 MB to download. */
const PACKAGES = ['pyspark==4.3.0', 'pyarrow==22.0.0', 'pandas==2.3.3']
const MEGABYTES = 500
const LEAST_JAVA = 17

const folder = join(peersFolder, 'spark')
const stamp = JSON.stringify(PACKAGES)

export interface Spark {
  readonly python: string
  readonly submit: string
  /** For JAVA_HOME. */
  readonly java: string
}

export function isSparkThere(): boolean {
  const complete = join(folder, 'complete')
  return existsSync(complete) && readFileSync(complete, 'utf8') === stamp
}

/**
 * Where Spark is; it is downloaded when it is not there yet. Throws with what to do when there is no JDK, no python3, or pip
 * cannot download.
 */
export async function installSpark(say: Say): Promise<Spark> {
  const java = javaAtLeast(LEAST_JAVA)
  const python = pythonOf(folder)
  const spark = { python, submit: join(folder, 'bin', 'spark-submit'), java: dirname(dirname(java)) }
  if (isSparkThere()) return spark
  say(`Spark: downloading about ${MEGABYTES} MB into ${folder}`)
  // An environment knows its own place: it cannot be made elsewhere and moved. What says that it is complete comes last.
  rmSync(folder, { recursive: true, force: true })
  const made = await run('python3', ['-m', 'venv', folder])
  if (!made.ok)
    throw new Error(`python3 -m venv failed: install Python 3.10 or newer, with venv.\n${made.output.trim()}`)
  const installed = await run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES])
  if (!installed.ok)
    throw new Error(
      `pip could not install ${PACKAGES.join(', ')}:\n${installed.output.trim()}\nCheck the network, then npm run spark:setup.`,
    )
  writeFileSync(join(folder, 'unfinished'), stamp)
  renameSync(join(folder, 'unfinished'), join(folder, 'complete'))
  return spark
}
