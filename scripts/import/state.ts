/** How far an import is, so that started again it goes on. Without it nothing would be counted twice: it only saves the time. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SourceFile } from './files.ts'
import type { Tally } from './tally.ts'

/** What makes two imports the same one. */
export interface ImportIdentity {
  readonly url: string
  readonly source: string
  readonly knownAt: string
  readonly timeZone: string | undefined
  readonly map: readonly string[]
  readonly files: readonly SourceFile[]
}

/** The last row that was acknowledged, with all before it. */
export interface Progress {
  /** Place in the list of files. */
  readonly file: number
  readonly line: number
  /** The part of all files that has been read. */
  readonly share: number
  readonly tally: Tally
}

const FORMAT = 1
/** A state is written so often at most: what was acknowledged since is found counted. */
const EVERY_MS = 250

export class ImportState {
  private readonly path: string
  private writtenMs = 0
  private readonly now: () => number

  constructor(folder: string, { files, ...rest }: ImportIdentity, now: () => number) {
    // A file that has changed is another file.
    const named = files.map(({ name, path, bytes, modifiedMs }) => [name, path, bytes, modifiedMs])
    const hash = createHash('sha256')
      .update(JSON.stringify([FORMAT, rest, named]))
      .digest('hex')
      .slice(0, 24)
    this.path = join(folder, `${hash}.json`)
    this.now = now
  }

  read(): Progress | undefined {
    if (!existsSync(this.path)) return undefined
    try {
      return JSON.parse(readFileSync(this.path, 'utf8')) as Progress
    } catch {
      // Half-written by a crash of before it was renamed never happens; whatever it is, beginning anew is right.
      return undefined
    }
  }

  write(progress: Progress, isLast = false): void {
    if (!isLast && this.now() - this.writtenMs < EVERY_MS) return
    this.writtenMs = this.now()
    mkdirSync(dirname(this.path), { recursive: true })
    writeFileSync(`${this.path}.new`, JSON.stringify(progress))
    renameSync(`${this.path}.new`, this.path)
  }

  forget(): void {
    rmSync(this.path, { force: true })
  }
}
