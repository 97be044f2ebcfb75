/** Which files are imported, and what each is called. */
import { globSync, readdirSync, statSync } from 'node:fs'
import { basename, join, relative, resolve, sep } from 'node:path'
import { didYouMean } from '../../src/util/did-you-mean.ts'
import { UsageError } from '../lib/usage-error.ts'

export const FORMATS = ['parquet', 'csv', 'ndjson'] as const
export type FileFormat = (typeof FORMATS)[number]

export interface SourceFile {
  readonly path: string
  /** In ids and dead letters: its path below the folder, or the fixed part of the glob, that was given. With `/`. */
  readonly name: string
  readonly format: FileFormat
  readonly isGzip: boolean
  readonly bytes: number
  readonly modifiedMs: number
}

const ENDINGS: Readonly<Record<string, FileFormat>> = {
  parquet: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
}

/**
 * The files that the arguments name: a file, a folder (everything in it that can be read), or a glob. Sorted within each
 * argument, so that the order is always the same. Throws a {@link UsageError}.
 */
export function findFiles(given: readonly string[], format: FileFormat | undefined): SourceFile[] {
  const files = given.flatMap((one) => filesOf(one, format))
  const byName = new Map<string, SourceFile>()
  for (const file of files) {
    const other = byName.get(file.name)
    if (other?.path === file.path) throw new UsageError(`${file.path} is named twice.`)
    if (other !== undefined) {
      const how = 'import the folder that holds both, or one after the other from folders of different names'
      throw new UsageError(
        `${other.path} and ${file.path} would both be called ${file.name} in ids and dead letters: ${how}.`,
      )
    }
    byName.set(file.name, file)
  }
  return files
}

function filesOf(given: string, format: FileFormat | undefined): SourceFile[] {
  const stat = statSync(given, { throwIfNoEntry: false })
  if (stat?.isFile()) return [fileAt(given, basename(given), format, true)].flatMap((file) => file ?? [])
  if (stat?.isDirectory()) {
    const paths = readdirSync(given, { recursive: true, encoding: 'utf8' }).sort()
    const found = inFolder(
      paths.map((path) => join(given, path)),
      given,
      format,
    )
    if (found.length > 0) return found
    throw new UsageError(`${given} has no file to import: one that ends in ${endings()} (or .gz behind it).`)
  }
  if (!/[*?[{]/.test(given)) throw new UsageError(`${given} does not exist.${nearby(given)}`)
  const found = inFolder(globSync(given).sort(), fixedPart(given), format)
  if (found.length > 0) return found
  throw new UsageError(`no file fits '${given}' in ${resolve(fixedPart(given))}: files end in ${endings()}.`)
}

function inFolder(paths: readonly string[], folder: string, format: FileFormat | undefined): SourceFile[] {
  return paths
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .flatMap((path) => fileAt(path, relative(folder, path).split(sep).join('/'), format, false) ?? [])
}

function fileAt(path: string, name: string, given: FileFormat | undefined, isNamed: boolean): SourceFile | undefined {
  const isGzip = path.endsWith('.gz')
  const ending = (isGzip ? path.slice(0, -3) : path).split('.').at(-1)?.toLowerCase() ?? ''
  const format = given ?? (Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined)
  if (format === undefined || basename(path).startsWith('.')) {
    if (!isNamed) return undefined
    throw new UsageError(
      `${path}: what is in it? Its name ends in none of ${endings()}; add --format ${FORMATS.join('|')}.`,
    )
  }
  if (format === 'parquet' && isGzip) throw new UsageError(`${path}: Parquet compresses by itself; unpack it first.`)
  const { size, mtimeMs } = statSync(path)
  return { path, name, format, isGzip, bytes: size, modifiedMs: Math.round(mtimeMs) }
}

const endings = (): string =>
  Object.keys(ENDINGS)
    .map((ending) => `.${ending}`)
    .join(', ')

/** The folders before the first wildcard. */
function fixedPart(glob: string): string {
  const parts = glob.split('/')
  const first = parts.findIndex((part) => /[*?[{]/.test(part))
  return parts.slice(0, first).join('/') || (glob.startsWith('/') ? '/' : '.')
}

function nearby(path: string): string {
  const folder = join(path, '..')
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return ''
  return didYouMean(basename(path), readdirSync(folder))
}
