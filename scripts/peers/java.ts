/** Finds a Java runtime that is new enough. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = '/usr/lib/jvm'

/**
 * The `java` with the lowest version that is at least `least`: from JAVA_HOME, from /usr/lib/jvm, or on PATH. Throws with
 * what to install.
 */
export function javaAtLeast(least: number): string {
  const fits = candidates()
    .filter(({ major }) => major >= least)
    .sort((a, b) => a.major - b.major)
  const first = fits[0]
  if (first !== undefined) return first.java
  const found = candidates().map(({ major }) => major)
  throw new Error(
    `No JDK ${least} or newer was found (${found.length === 0 ? 'no Java at all' : `only ${found.join(', ')}`} in JAVA_HOME, ${FOLDER} and on PATH). Install one, for example apt-get install openjdk-${least}-jdk-headless, or set JAVA_HOME.`,
  )
}

function candidates(): { java: string; major: number }[] {
  const homes = existsSync(FOLDER) ? readdirSync(FOLDER).map((name) => join(FOLDER, name)) : []
  if (process.env.JAVA_HOME !== undefined) homes.unshift(process.env.JAVA_HOME)
  const found = homes.flatMap((home) => {
    const java = join(home, 'bin', 'java')
    const major = existsSync(java) ? majorOf(home) : undefined
    return major === undefined ? [] : [{ java, major }]
  })
  if (found.length > 0) return found
  const asked = spawnSync('java', ['-version'], { encoding: 'utf8' })
  const major = /version "(\d+)/.exec(asked.stderr ?? '')?.[1]
  return major === undefined ? [] : [{ java: 'java', major: Number(major) }]
}

/** From the file `release` that every JDK has, without starting it. */
function majorOf(home: string): number | undefined {
  const file = join(home, 'release')
  if (!existsSync(file)) return undefined
  const major = /^JAVA_VERSION="(\d+)/m.exec(readFileSync(file, 'utf8'))?.[1]
  return major === undefined ? undefined : Number(major)
}
